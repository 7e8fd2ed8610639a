"""The pictures and files of a stage: SVG, HTML, PNG, PDF, DOT, Mermaid, GraphML, JSON.

The only importer of `viz`, and only when a picture is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapec.documents import Columns, document, kernels_by_stage
from tapec.ir import Function
from tapec.locks import collector_off

if TYPE_CHECKING:
    from tapec.inspect import Stage

__all__ = ["Pictures"]

Target = str | Path | None


class Pictures:
    """Methods of what has stages. Each returns its text or bytes, and writes `path`."""

    inputs: list[Any]

    def stage(self, name: str) -> Function:
        """The function after the pass `name`."""
        raise NotImplementedError

    def graph(self, stage: str = "recorded") -> Any:
        """The `tapec-graph/1` form that every picture is made from."""
        from tapec.viz.graph import from_function

        return from_function(self.stage(stage))

    def svg(
        self,
        path: Target = None,
        stage: str | None = None,
        *,
        engine: str = "auto",
        overlay: str | None = None,
        fold: bool | None = None,
        cluster: str = "scope",
        prefix: str = "",
    ) -> str:
        """The picture of a stage as SVG; by default of "dce", before the kernels.

        engine: "auto" (Graphviz up to 1,000 nodes, else the layouter of tapec),
        "graphviz" (as a package), "dot" (the program on the PATH) or "mirror".
        overlay: shades the values by "time" (of their kernels, of the optimized stage
        by default), "bytes", "range", "nan" (of their numbers) or "path" (the longest
        chain), or those around the value %7 by "upstream:7", "downstream:7" or
        "dominators:7". ValueError for another name.
        fold: draws equal blocks that follow each other once; by default in graphs of
        more than 100 values. cluster: what frames are around: the values of one
        "scope", "function" or "kernel". prefix: of all ids; by default it is made from
        the graph.
        """
        from tapec.viz.svg import render

        stage = stage or ("optimized" if overlay == "time" else "dce")
        graph = self.graph(stage)
        for uid, found in self._measures(stage, overlay).items():
            _put(graph, uid, found)
        text = render(
            graph, engine, overlay=overlay, fold=fold, cluster=cluster, prefix=prefix
        )
        return _written(path, text)

    def _measures(self, stage: str, overlay: str | None) -> dict[int, dict[str, float]]:
        """What the overlay is about, by uid."""
        if overlay == "time":
            rows = self.profile().rows
            return {row.uid: {"seconds": row.seconds} for row in rows}
        if overlay in ("range", "nan"):
            from tapec.measuring import measures

            found = self.values(stage=stage)
            return {
                uid: {k: v for k, v in measures(x).items() if k != "spread"}
                for uid, x in found.items()
                if not isinstance(x, tuple)
            }
        return {}

    def values(self, *arrays: Any, stage: str = "recorded") -> dict[int, Any]:
        """The value of every op of a stage, by uid."""
        raise NotImplementedError

    def profile(self, budget: float = 0.5) -> Any:
        """Time, bytes and operations of each kernel."""
        raise NotImplementedError

    @property
    def program(self) -> Any:
        """The native program."""
        raise NotImplementedError

    @property
    def log(self) -> Sequence[Stage]:
        """The stages with what each did."""
        raise NotImplementedError

    def html(
        self,
        path: Target = None,
        *,
        native: bool = True,
        values: bool = False,
        time: bool = False,
        columns: Columns | None = None,
    ) -> str:
        """The explorer: one HTML page about all stages, which needs no network.

        native: with LLVM, assembly, steps and memory, which compiles the program.
        values: with the range and the NaN of every value, which runs each changed stage
        through the interpreter, for the inspected arguments. time: with that of each
        kernel. columns: further numbers, as name -> stage -> uid -> number.
        """
        from tapec.viz.explorer import page

        known = self._columns(values, time) | dict(columns or {})
        program = self._sized_program() if native else None
        with collector_off():
            text = page(document(self.log, self._graphs(), program, known))
        return _written(path, text)

    def _graphs(self) -> list[Any]:
        """The graph of each stage; the one before where a pass changed nothing."""
        from tapec.viz.graph import Memo, from_function

        memo, graphs = Memo(), list[Any]()
        before: Any = None
        for stage, placed in zip(self.log, kernels_by_stage(self.log), strict=True):
            fn = stage.function
            if before is not None and (fn.ops, fn.results) == before:
                graphs.append(graphs[-1])
            else:
                graphs.append(from_function(fn, placed=placed, memo=memo))
            before = fn.ops, fn.results
        return graphs

    def _sized_program(self) -> Any:
        """The native program; where sizes are symbols, that for the inspected ones."""
        from tapec.native.sized import Sized

        program = self.program
        return program.program(self.inputs) if isinstance(program, Sized) else program

    def _columns(self, values: bool, time: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if time:
            rows = self.profile().rows
            found["seconds"] = {self.log[-1].name: {r.uid: r.seconds for r in rows}}
        if values:
            from tapec.measuring import measured

            found |= measured(self.log, self.inputs)
        return found

    def png(
        self, path: Target = None, stage: str = "dce", *, scale: float = 2.0
    ) -> bytes:
        """The picture of a stage as PNG, `scale` pixels per unit of the SVG.

        ModuleNotFoundError without the extra `tapec[png]`.
        """
        from tapec.viz.raster import png

        return _written_bytes(path, png(self.svg(stage=stage), scale))

    def pdf(self, path: Target = None, stage: str = "dce") -> bytes:
        """The picture of a stage as PDF, with lines and text.

        ModuleNotFoundError without the extra `tapec[pdf]`.
        """
        from tapec.viz.raster import pdf

        return _written_bytes(path, pdf(self.svg(stage=stage)))

    def dot(self, path: Target = None, stage: str = "dce") -> str:
        """The picture of a stage as Graphviz source."""
        from tapec.viz.dot import to_dot

        return _written(path, to_dot(self.graph(stage)))

    def mermaid(self, path: Target = None, stage: str = "dce") -> str:
        """The graph of a stage as a Mermaid flowchart, for Markdown."""
        from tapec.viz.mermaid import to_mermaid

        return _written(path, to_mermaid(self.graph(stage)))

    def graphml(self, path: Target = None, stage: str = "dce") -> str:
        """The graph of a stage as GraphML, for Gephi, yEd, Cytoscape."""
        from tapec.viz.graphml import to_graphml

        return _written(path, to_graphml(self.graph(stage)))

    def json(self, path: Target = None, stage: str = "recorded") -> str:
        """The graph of a stage as `tapec-graph/1` JSON."""
        return _written(path, json.dumps(self.graph(stage), indent=1) + "\n")

    def to_networkx(self, stage: str = "recorded") -> Any:
        """A stage as a `networkx.DiGraph`, values as nodes."""
        from tapec.viz.networkx import to_networkx

        return to_networkx(self.graph(stage))


def _put(graph: Any, uid: int, measures: dict[str, float]) -> None:
    for node in graph["nodes"]:
        if node["uid"] == uid:
            node["measures"] = measures


def _written(path: Target, text: str) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _written_bytes(path: Target, data: bytes) -> bytes:
    if path is not None:
        Path(path).write_bytes(data)
    return data
