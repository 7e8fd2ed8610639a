"""The demo: its gradient, its screen, and a short run of all of it."""

import io
import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tapec
from tapec.cli import main
from tapec.demo import data, network, program, terminal, threads, timing, training
from tapec.demo.by_hand import HandWritten

SHORT = program.Effort(iterations=25, epochs=6, budget=0.02)


@pytest.fixture(scope="module")
def digits():
    return data.split(*data.load())


def test_hand_written_gradient_is_the_slope_of_the_loss(digits):
    """Along random directions, by differences: independent of tapec."""
    w = network.initial(seed=3)
    images, targets = (
        digits.train_images[:50],
        network.one_hot(digits.train_labels[:50]),
    )
    value, gradient = HandWritten(w, 50)(w, images, targets)
    assert np.isclose(value, network.loss(w, images, targets), rtol=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(3):
        direction = [rng.normal(size=a.shape) for a in w]
        step = 1e-5
        ahead, behind = (
            network.loss(
                network.Weights(
                    *(a + s * d for a, d in zip(w, direction, strict=True))
                ),
                images,
                targets,
            )
            for s in (step, -step)
        )
        slope = sum(np.vdot(g, d) for g, d in zip(gradient, direction, strict=True))
        assert np.isclose((ahead - behind) / (2 * step), slope, rtol=1e-6)


def test_all_ways_to_the_gradient_agree(digits):
    targets = network.one_hot(digits.train_labels[:64])
    calls = timing.contestants(network.initial(), digits.train_images[:64], targets)
    assert list(calls) == ["compiled", "interpreted", "by hand"]


def test_a_tape_gives_the_same_gradient(digits):
    w = network.initial()
    images, targets = (
        digits.train_images[:64],
        network.one_hot(digits.train_labels[:64]),
    )
    variables = network.Weights(*map(tapec.Variable, w))
    with tapec.GradientTape() as tape:
        value = network.loss(variables, images, targets)
    gradient = tape.gradient(value, variables)
    wanted, expected = HandWritten(w, 64)(w, images, targets)
    assert np.isclose(value.item(), wanted)
    for a, b in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-9, atol=1e-12)


def test_flatten_and_back():
    w = network.initial()
    again = network.unflatten(network.flatten(w), w)
    assert all(map(np.array_equal, w, again))


def test_short_run(tmp_path):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    result = program.run(tmp_path / "new", SHORT, stream)
    assert min(result.by_scipy, result.by_tape) > 0.93
    stream.flush()
    text = raw.getvalue().decode()
    for expected in (
        "1,797 images of 8 × 8 pixels by 13 people: 1,347 to learn from, 450 held out",
        "CC BY 4.0",
        "iteration  25 of 25   loss 0.",
        "epoch   6 of 6   loss 0.",
        "of the held-out images read correctly",
        "taken for",
        "by hand in NumPy",
        "func @loss_and_gradient(%w_hidden: f64[64,32]",
        "digits.svg shows the forward and the backward graph",
    ):
        assert expected in text
    assert "\x1b" not in text and "\r" not in text
    picture = result.picture.read_text(encoding="utf-8")
    assert ET.fromstring(picture).tag.endswith("svg")
    assert "matmul" in picture and "forward" in picture and "gradient" in picture


def test_one_thread_for_products():
    controls = list(threads._controls())
    before = [get() for get, _ in controls]
    with threads.one_thread() as count:
        assert count == len(controls)
        assert all(get() == 1 for get, _ in controls)
    assert [get() for get, _ in controls] == before


def test_full_training(digits):
    """What `make demo` prints: at least 95 % of the held-out digits, both ways."""
    effort = program.Effort()
    for train, amount in (
        (training.by_scipy, effort.iterations),
        (training.by_tape, effort.epochs),
    ):
        w = train(digits, amount, lambda done, note: None)
        assert network.accuracy(w, digits.test_images, digits.test_labels) >= 0.95


def test_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program.run, "__defaults__", (".", SHORT, None))
    assert main(["demo", "--out", str(tmp_path)]) == 0
    assert "tapec reads handwritten digits" in capsys.readouterr().out
    assert (tmp_path / "digits.svg").is_file()


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"tapec: {tmp_path / 'file'}: File exists\n"


# --- the screen -------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    stream = Terminal()
    with terminal.Progress(terminal.Screen(stream), 4, "epoch") as progress:
        progress.update(1, "loss 0.5")
        progress.update(4, "loss 0.1")
    first, last = stream.getvalue().split("\r\x1b[K")[1:]
    assert "█" in first and "epoch   1 of 4   loss 0.5" in first
    assert "░" not in last and last.endswith("epoch   4 of 4   loss 0.1\n")


def test_no_colour_when_asked(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    terminal.Screen(stream).heading("title")
    assert stream.getvalue() == "\n  title\n"


def test_plain_lines_elsewhere():
    stream = io.StringIO()
    with terminal.Progress(terminal.Screen(stream), 8, "epoch") as progress:
        for i in range(8):
            progress.update(i + 1, "loss")
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == list("2468")


def test_a_stream_that_writes_ascii_only():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    screen = terminal.Screen(stream)
    screen.line("8 × 8 → µs")
    screen.pictures([np.linspace(0.0, 1.0, 64)], ["1"])
    stream.flush()
    assert raw.getvalue().startswith(b"  8 x 8 > us\n")


@pytest.mark.parametrize(
    ("time", "text"),
    [(1.5, "1.50 s"), (0.02, "20.0 ms"), (2.5e-4, "250 µs"), (3e-7, "0.30 µs")],
)
def test_durations(time, text):
    assert terminal.seconds(time) == text
