"""What Jupyter shows; the notebooks in `examples/notebooks` run."""

import re
from pathlib import Path

import numpy as np
import pytest

import tapec
from tapec import notebook
from tapec.notebook import Frame, bundle

BOOKS = sorted((Path(__file__).parents[1] / "examples" / "notebooks").glob("*.ipynb"))


def seen(n=1):
    def f(x):
        for _ in range(n):
            x = np.sin(x) * 2.0
        return x

    return tapec.inspect(f, np.ones(3))


def test_ids_of_outputs_differ():
    inspection = seen()
    ids = [
        set(re.findall(r'id="([^"]+)"', bundle(inspection)["text/html"]))
        for _ in range(2)
    ]
    assert ids[0] and ids[1]
    assert not ids[0] & ids[1]


def test_large_graphs_are_text(monkeypatch):
    monkeypatch.setattr(notebook, "MOST", 1)
    assert set(bundle(seen())) == {"text/plain"}
    monkeypatch.setattr(notebook, "MOST", 100)
    monkeypatch.setattr(notebook, "LARGEST", 10)
    assert set(seen()._repr_mimebundle_()) == {"text/plain"}


def test_a_page_is_sandboxed():
    text = Frame('<script>"&"</script>', 300)._repr_html_()
    assert 'sandbox="allow-scripts"' in text
    assert "<script>" not in text
    assert "&lt;script&gt;&quot;&amp;&quot;" in text


def test_the_last_line_is_a_call():
    body, call = notebook._split("a = 1\nf(a,\n  b=2)\n")
    assert body == "a = 1\n"
    assert call is not None
    assert notebook._split("f(1)\na = 2")[1] is None
    assert notebook._split("") == ("", None)


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    made = interactive.InteractiveShell()
    made.extension_manager.load_extension("tapec")
    made.push({"np": np, "tapec": tapec})
    yield made
    made.history_manager.end_session()
    interactive.InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "Computation graph"),
        ("--overlay bytes", "bytes: 0 B to"),
        ("--stage recorded", "Computation graph"),
        ("--text", "func @f"),
        ("--explore", "iframe"),
    ],
)
def test_magic(shell, capsys, monkeypatch, line, text):
    from IPython import display

    shown = []
    monkeypatch.setattr(display, "display", shown.append)
    cell = "def f(x, k=1.0):\n    return np.sum(x * k)\nf(np.ones(3), k=2.0)"
    assert shell.run_cell_magic("tapec", line, cell) == 6.0
    html = "".join(part._repr_html_() for part in shown)
    assert text in html + capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "cell", "message"),
    [("", "a = 1", "is no call"), ("--nope", "f()", "usage")],
)
def test_wrong_magic(shell, line, cell, message):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match=message):
        shell.run_cell_magic("tapec", line, cell)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_notebooks(path):
    """A fresh kernel gives the outputs that are stored, but for pictures and times."""
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(path, as_version=4)
    stored = [list(map(outline, cell.get("outputs", []))) for cell in book.cells]
    client.NotebookClient(book, timeout=300, kernel_name="python3").execute()
    now = [list(map(outline, cell.get("outputs", []))) for cell in book.cells]
    assert now == stored


def outline(output):
    """The text of an output to six digits, and which kinds of data it has."""
    data = output.get("data", {})
    text = output.get("text") or data.get("text/plain", "")
    text = re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda m: f"{float(m[0]):.6g}", text)
    return output.output_type, sorted(data), re.sub(r"[\d.]+ .?s\b", "", text)
