"""What an inspection shows as text."""

from __future__ import annotations

from typing import Any

from tapec.debugging.screen import Colour, colours, width_of
from tapec.ir import Function
from tapec.text import format_module

__all__ = ["Terminal"]


class Terminal:
    """Methods of what has stages and kernels. Each returns its text."""

    log: Any
    kernels: Any

    def stage(self, name: str) -> Function:
        """The function after the pass `name`."""
        raise NotImplementedError

    def text(
        self,
        stage: str = "recorded",
        *,
        rails: bool = False,
        source: bool = False,
        color: Colour = False,
        width: int | None = None,
    ) -> str:
        """The IR of a stage; without rails and colour it parses.

        rails: lines beside the text show how values flow. source: each op's place in
        the user's code, with rails its expression too. color: "auto" for a terminal
        that wants it (NO_COLOR and FORCE_COLOR are heeded). width: columns that lines
        with rails are cut to, the terminal's by default; elsewhere they are not.

        >>> import numpy as np, tapec
        >>> seen = tapec.inspect(lambda x, w: np.tanh(x * w) * w, 1.0, 2.0)
        >>> print(seen.text(rails=True))
        ╷   %x: f64[]
        │╷  %w: f64[]
        ●┤  %2: f64[] = multiply %x, %w
        ●│  %3: f64[] = tanh %2
        ●╯  %4: f64[] = multiply %3, %w
        ╰   return %4
        """
        fn, painted = self.stage(stage), colours(color)
        if not rails:
            return format_module(fn, locations=source, elide=True, color=painted)
        from tapec.debugging.rails import rails_text

        width = width_of(width)
        return rails_text(fn, source=source, color=painted, width=width)

    def tree(
        self,
        uid: int | str,
        stage: str = "recorded",
        depth: int | None = None,
        *,
        up: bool = False,
    ) -> str:
        """What value `uid` (or a parameter's name) is computed from, as a tree.

        depth: of operands of operands. up: what is computed from it instead.

        >>> import numpy as np, tapec
        >>> seen = tapec.inspect(lambda x, w: np.tanh(x * w) * w, 1.0, 2.0)
        >>> lines = seen.tree(4).splitlines()
        >>> [line.split("  ")[0] for line in lines[:2]]
        ['%4 = multiply', '├─ %3 = tanh']
        """
        from tapec.debugging.trees import tree

        return tree(self.stage(stage), uid, depth, up=up)

    def diff(self, stage: str) -> str:
        """What the pass `stage` changed, as a unified diff of the text."""
        names = [s.name for s in self.log]
        if stage == "optimized":
            before, after = "recorded", "optimized"
        elif stage in names[1:]:
            before, after = names[names.index(stage) - 1], stage
        else:
            raise KeyError(f"no pass {stage!r}; there are {', '.join(names[1:])}")
        import difflib

        lines = difflib.unified_diff(
            self.text(before).splitlines(),
            self.text(after).splitlines(),
            before,
            after,
            lineterm="",
            n=1,
        )
        return "\n".join(lines)

    def why(self, uid: int) -> str:
        """The history of value `uid`, in both directions.

        Of any op of any stage: its place, what it was made from, what became of it by
        which pass and why, in which kernel it is computed, or since when nothing reads
        it; of a kernel what it computes.
        """
        from tapec.debugging.history import History

        return History(self.log).text(uid)

    def llvm(self, kernel: int | str | None = None, *, source: bool = False) -> str:
        """The LLVM IR of one kernel, by number or name, or of all.

        source: behind each instruction its value, and where that changes the place and
        the expression in the user's code; without metadata.
        """
        from tapec.debugging.machine import annotated_llvm, values_by_line

        return "\n".join(
            annotated_llvm(k.llvm, values_by_line(k, self.log)) if source else k.llvm
            for k in self._chosen(kernel)
        )

    def asm(self, kernel: int | str | None = None, *, source: bool = False) -> str:
        """The assembly of one kernel or of all; source: as for `llvm`."""
        from tapec.debugging.machine import annotated_assembly, values_by_line

        return "\n".join(
            annotated_assembly(k.assembly, values_by_line(k, self.log))
            if source
            else k.assembly
            for k in self._chosen(kernel)
        )

    def _chosen(self, kernel: int | str | None) -> list[Any]:
        kernels = list(self.kernels)
        if kernel is None:
            return kernels
        if isinstance(kernel, int):
            return [kernels[kernel]]
        found = [k for k in kernels if k.name == kernel]
        if not found:
            names = ", ".join(k.name for k in kernels)
            raise KeyError(f"no kernel {kernel!r}; there are {names}")
        return found
