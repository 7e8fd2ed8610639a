"""What an inspection tells by running the program: values, and native code compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tapec.ir import Function

if TYPE_CHECKING:
    from tapec.debugging.compare import Comparison
    from tapec.debugging.nans import NanReport

__all__ = ["Running"]


class Running:
    """Methods of what has stages, a program and inputs."""

    log: Any
    inputs: list[Any]
    program: Any

    def stage(self, name: str) -> Function:
        """The function after the pass `name`."""
        raise NotImplementedError

    def values(self, *arrays: Any, stage: str = "recorded") -> dict[int, Any]:
        """By uid, what every parameter and op of a stage is, through the interpreter.

        arrays: one per parameter, in the place of the inspected call's.
        """
        from tapec.debugging.values import values_of

        fn = self.stage(stage)
        return values_of(fn, self._given(fn, arrays))

    def check_nan(self, *, inf: bool = True) -> NanReport:
        """Where NaN and infinities in the results come from: see `tapec.check_nan`.

        For tapes: `tape.inspect(loss, variables).check_nan()`.
        """
        from tapec.debugging.nans import NanReport
        from tapec.debugging.subjects import labels_of

        fn = self.stage("recorded")
        return NanReport(fn, self._given(fn, ()), labels_of(fn), inf=inf)

    def compare(self, *arrays: Any) -> Comparison:
        """Every pass and every native step against the interpreter.

        Prints as the first difference beyond rounding: which pass, or which op of the
        program and of its kernel, where in the user's code, and by how much. How much
        is rounding is found out by moving all values a bit, so no tolerance is asked
        for. arrays: one per parameter, in the place of the inspected call's.

        >>> import numpy as np, tapec
        >>> tapec.grad(lambda x: np.sum(np.sin(x) * x)).inspect(np.ones(3)).compare().ok
        True
        """
        from tapec.debugging.compare import compare

        stages = [(stage.name, stage.function) for stage in self.log]
        return compare(stages, self.program, self._given(stages[0][1], arrays))

    def _given(self, fn: Function, arrays: Sequence[Any]) -> Sequence[Any]:
        given = arrays or self.inputs
        if len(given) != len(fn.params):
            names = ", ".join(f"%{p.name or p.uid}: {p.type!r}" for p in fn.params)
            raise TypeError(
                f"{len(given)} arrays for {len(fn.params)} parameters: {names}"
            )
        return given
