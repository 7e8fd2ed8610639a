"""Questions to an open page of the explorer."""

from __future__ import annotations

import programs

SELECTED = "tapec.state.sel.map((v) => tapec.program.text('op', v))"
STAGE = "tapec.program.stages[tapec.state.stage].name"


def number_of(page, op, stage=None):
    """The first value with this op, that of a stage if one is named."""
    alive = "true"
    if stage is not None:
        index = f"tapec.program.stages.findIndex((s) => s.name === '{stage}')"
        alive = f"tapec.program.isAlive(v, {index})"
    return page.run(
        "tapec.program.functions[0].order.find((v) => "
        f"tapec.program.text('op', v) === '{op}' && {alive})"
    )


def number_of_stage(name):
    """Of the softmax program."""
    return [stage.name for stage in programs.softmax().log].index(name)


def lit(page, pane):
    """The lines that are lit in a pane, of those in sight."""
    return page.run(
        f"[...document.querySelectorAll('#{pane} .row.lit')].map((r) => r.textContent)"
    )


def point_of(page, value):
    """Where a value is drawn in the window."""
    return page.run(
        "(() => { const v = tapec.view, c = v.camera;"
        f"const b = v.layout.boxes[v.itemOf.get({value})];"
        "const r = v.canvas.getBoundingClientRect();"
        "return [r.x + b.x * c.k + c.x, r.y + b.y * c.k + c.y]; })()"
    )
