"""`inspect`: what was recorded, what each pass did and why, what became native code."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from tapec.debugging.running import Running
from tapec.debugging.terminal import Terminal
from tapec.ir import Function, Placed, Replaced, logged
from tapec.passes import pipeline
from tapec.passes.batch import looped
from tapec.passes.extensions import CustomPass, plan
from tapec.pictures import Pictures
from tapec.text import format_module

__all__ = ["Inspection", "Stage", "inspect"]


class Stage(NamedTuple):
    """A pass, the function it left, what it replaced and what went into kernels."""

    name: str
    function: Function
    replaced: tuple[Replaced, ...] = ()
    placed: tuple[Placed, ...] = ()


def inspect(fun: Callable[..., Any], *args: Any, **kw: Any) -> Inspection:
    """What tapec makes of `fun` for these arguments.

    fun: a compiled function (`jit`, `grad`, ...) or a plain one, which is traced as it
    is. See `Inspection` for what can be asked.

    >>> import numpy as np, tapec
    >>> print(tapec.inspect(lambda x: x * 1.0 + x, 2.0).text("simplify"))
    func @lambda(%x: f64[]) {
      %1: f64[] = const value=1.0
      %3: f64[] = add %x, %x
      return %3
    }
    """
    from tapec.compiled import Compiled
    from tapec.methods import Method

    if not isinstance(fun, (Compiled, Method)):
        fun = Compiled(fun, fun)
    return fun.inspect(*args, **kw)  # type: ignore[no-any-return]


class Inspection(Running, Terminal, Pictures):
    """Every stage of a program, as functions, text and pictures.

    stages: name -> `Function`: "recorded", then each pass in order; "optimized" names
    the last one. captures: how each captured value is bound. refused: for
    each place where a loop of Python's ends that is no `while_loop`, why.
    """

    def __init__(
        self, fn: Function, inputs: Sequence[Any] = (), captures: Sequence[str] = (),
        passes: Sequence[CustomPass] = (),
        refused: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.recorded = fn
        self.inputs = list(inputs)
        self.captures = list(captures)
        self.refused = refused
        self._steps = plan(passes)
        self._stages: list[Stage] | None = None
        self._program: Any = None

    # stages

    @property
    def log(self) -> list[Stage]:
        """The stages with what each replaced; the passes run once more for it."""
        if self._stages is None:
            stages = [Stage("recorded", self.recorded)]
            with logged() as log:

                def note(name: str, before: Function, after: Function) -> None:
                    lines = tuple(log.replaced), tuple(log.placed)
                    stages.append(Stage(name, after, *lines))
                    log.replaced.clear()
                    log.placed.clear()

                pipeline.run(self.recorded, self._steps, observe=note)
            self._stages = stages
        return self._stages

    @property
    def stages(self) -> dict[str, Function]:
        """Stage name -> function, in order."""
        found = {stage.name: stage.function for stage in self.log}
        return {**found, "optimized": self.log[-1].function}

    def stage(self, name: str) -> Function:
        """The function after the pass `name`; KeyError lists the names."""
        try:
            return self.stages[name]
        except KeyError:
            raise KeyError(
                f"no stage {name!r}; there are {', '.join(self.stages)}"
            ) from None

    # text

    def passes(self) -> str:
        """A table: how many ops each stage has, and how many it replaced or removed."""
        rows = ["stage        ops   merged or rewritten   removed"]
        before = None
        for name, fn, replaced, _ in self.log:
            removed = "" if before is None else str(len(before.ops) - len(fn.ops))
            rows.append(
                f"{name:<12} {len(fn.ops):>4}   {len(replaced):>19}   {removed:>7}"
            )
            before = fn
        return "\n".join(row.rstrip() for row in rows)

    @property
    def why_not_rolled(self) -> str:
        """For each line that was recorded again and again: why it is no loop."""
        from tapec.passes.rolling.reasons import reasons

        return "\n".join(reasons(self.recorded, self.refused))

    @property
    def general(self) -> str:
        """The function that loops of other lengths share, after a line with those here.

        Empty if no length is a symbol: there is no loop, or its length is needed as a
        number.

        >>> import numpy as np, tapec
        >>> def f(x):
        ...     for _ in range(30):
        ...         x = np.sin(x) * 1.1
        ...     return x
        >>> print(tapec.inspect(f, 0.3).general[:8])
        ; T = 30
        """
        from tapec.passes.lengths.general import general

        found = general(pipeline.run(self.recorded, pipeline.RECORDED))
        if found is None:
            return ""
        lengths = ", ".join(f"{name} = {n}" for name, n in found.sizes.items())
        return f"; {lengths}\n{format_module(found.function, elide=True)}"

    @property
    def tiles(self) -> str:
        """For each axis that a loop over tiles could run along: what the pass `tile`
        weighed, and what it did."""
        from tapec.passes.tile_reasons import reasons

        names = [stage.name for stage in self.log]
        return "\n".join(reasons(self.log[names.index("tile") - 1].function))

    # native code

    @property
    def program(self) -> Any:
        """The native program."""
        if self._program is None:
            from tapec.native.program import compile as compile_native

            self._program = compile_native(self.stages["optimized"])
        return self._program

    @property
    def kernels(self) -> Any:
        """The native kernels: name, body, LLVM IR and assembly of each."""
        return self.program.kernels

    def memory(self) -> str:
        """What a call needs for itself, step by step, as text.

        Arguments, results and constants are not in it, nor is what a library needs.
        """
        from tapec.native.memory_text import memory_text

        return memory_text(self.program)

    def profile(self, budget: float = 0.5) -> Any:
        """Time, bytes and operations of each kernel, for the inspected arguments.

        budget: seconds to measure. See `tapec.profiling.Profile`.
        """
        from tapec.profiling import profile

        return profile(self.program, self.inputs, budget)

    @property
    def looped(self) -> list[str]:
        """Operations that `vmap` recorded once per element: they know no batches."""
        return looped(self.recorded)

    # copies

    def __getstate__(self) -> Any:
        """Every stage, but no code of this process."""
        from tapec.ir.flat import Tables

        rows = [(s.name, s.replaced, s.placed) for s in self.log]
        tables = Tables(stage.function for stage in self.log)
        return self.inputs, self.captures, dict(self.refused), rows, tables

    def __setstate__(self, state: Any) -> None:
        inputs, captures, refused, rows, tables = state
        functions = tables.functions()
        stages = [
            Stage(name, fn, *lines)
            for (name, *lines), fn in zip(rows, functions, strict=True)
        ]
        self.__init__(stages[0].function, inputs, captures, (), refused)  # type: ignore[misc]
        self._stages = stages

    def __deepcopy__(self, memo: dict[int, Any]) -> Inspection:
        """Functions and programs never change: only the inputs are copied."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, inputs=copy.deepcopy(self.inputs, memo))
        return made

    def __repr__(self) -> str:
        fn, last = self.recorded, self.log[-1].function
        gradient = sum(op.meta.primal is not None for op in fn.ops)
        once = f", looped: {', '.join(self.looped)}" if self.looped else ""
        return (
            f"<Inspection of {fn.name}: {len(fn.ops)} ops recorded "
            f"({gradient} of the gradient), {len(last.ops)} optimized{once}>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from tapec.notebook import bundle

        return bundle(self)


def _defines(fn: Function, uid: int) -> bool:
    return any(v.uid == uid for v in (*fn.params, *fn.ops))
