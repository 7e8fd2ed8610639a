"""Pages whose blocks run; `pytest --bless tests/debugging` writes their outputs."""

import pytest
from test_readme import ROOT, blocks, run_python, tidy

PAGES = ["debugging.md"]


def run(text):
    """Every block of output with what the code above it prints now."""
    names, lines, printed, found = {"__name__": "fit"}, [], "", []
    for block in blocks(text):
        if block.kind == "python":
            assert not printed, f"output that the page does not show: {printed}"
            printed = run_python(block.body, names, lines)
        elif block.kind == "text":
            found.append((block, tidy(printed)))
            printed = ""
        else:
            assert block.kind == "console", block.kind
    assert not printed, f"output that the page does not show: {printed}"
    return found


@pytest.mark.parametrize("name", PAGES)
def test_outputs(name, request):
    path = ROOT / "docs" / name
    text = path.read_text(encoding="utf-8")
    found = run(text)
    if request.config.getoption("--bless"):
        for block, output in reversed(found):
            text = text[: block.begin] + output + text[block.end :]
        path.write_text(text, encoding="utf-8")
        found = [(block._replace(body=output), output) for block, output in found]
    for block, output in found:
        assert block.body == output, "read it, then: pytest --bless tests/debugging"
