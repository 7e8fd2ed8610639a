"""Random Python loops that a traced number ends, against Python itself."""

import importlib.util
import random
from contextlib import suppress

import numpy as np
import pytest

import tapec
from tapec.errors import CheckFailed
from tapec.interpret import evaluate

NAMES = "abcd"


def expression(r):
    first, second = r.choice(NAMES), r.choice(NAMES)
    return r.choice(
        [
            first,
            f"{first} * 0.5 + {second} * 0.25",
            f"np.sin({first}) + {r.choice((1, 2))}.0",
            f"{first} - x * 0.1",
            f"np.where({first} > {second}, {first}, {second} * 0.5)",
            "x * 0.5",
            f"np.cos({first}) + {second} * 0.5",
            r.choice([f"{first} + n * 0.01", "float(n) * 0.01", f"x + {second}"]),
        ]
    )


def statement(r, depth=0):
    kind = r.randrange(24)
    if kind not in range(6, 12) or depth:
        return [f"{r.choice(NAMES)} = {expression(r)}"]
    if kind == 6:
        left, right = r.sample(NAMES, 2)
        return [f"{left}, {right} = {right}, {left}"]
    if kind == 7:
        return ["a, b, c, d = b, c, d, a * 0.5"]
    if kind == 8:
        test = r.choice(["n % 2", "n < 3", "n == 4", "m", "a > 40.0", "b < c"])
        return [f"if {test}:", *indented(statement(r, 1))]
    if kind == 9:
        return [f"for _ in range({r.choice((1, 2))}):", *indented(statement(r, 1))]
    if kind == 10:
        return [f"m = {r.choice(('not m', 'n > 2', 'False', 'True'))}"]
    name = r.choice(NAMES)
    return [f"{name} += {expression(r)}"]


def indented(lines):
    return ["    " + line for line in lines]


def loop(r):
    body = [line for _ in range(r.randrange(1, 5)) for line in statement(r)]
    counted = r.choice([["n += 1"], ["n += 1"], ["n = n + 2"], []])
    body.insert(r.randrange(2) * len(body), "x = x * 0.5")
    form = r.randrange(6)
    if form < 2:
        head = r.choice(
            ["x > 1.0", "x > 1.0 and n < 6", "not x <= 1.0", "m or x > 1.0"]
        )
        if head.startswith("m"):
            body.append("m = False")
        return [f"while {head}:", *indented(body + counted)]
    leave = ["if x < 1.0:", r.choice(["    break", "    a = b * 2.0; break"])]
    body[r.randrange(len(body) + 1) : 0] = []
    top = [k for k, line in enumerate(body) if not line.startswith(" ")]
    place = r.choice([*top, len(body)])
    body[place:place] = leave
    head = [
        "while True:",
        "for n in range(40):",
        "for n in range(5):",
        "for _ in [0] * 9:",
    ]
    return [head[form - 2], *indented(body + (counted if form != 3 else []))]


def function(r, name):
    result = r.choice(["a + b * 2 + c * 3 + d * 5 + x", "a", "b * x + d", "d + n"])
    first = r.choice(["a = b = c = d = x * 0.0", "a, b, c, d = x, x * 2, x, x * 3"])
    first = r.choice([first, "a = b = x; c, d = x * 3, 1.5"])
    lines = [first, "n, m = 0, False", *loop(r)]
    if not r.randrange(3):
        lines += loop(r)
    return [f"def {name}(x):", *indented([*lines, f"return {result}"]), ""]


def module(path, seed, count):
    r = random.Random(seed)
    lines = ["import numpy as np", ""]
    for k in range(count):
        lines += function(r, f"f{k}")
    path.write_text("\n".join(lines) + "\n")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return [getattr(found, f"f{k}") for k in range(count)]


def plain(f, x):
    with np.errstate(all="ignore"):
        return float(f(np.float64(x)))


@pytest.mark.filterwarnings("ignore:.*versions were compiled")
@pytest.mark.parametrize("seed", range(6))
def test_random_loops(seed, tmp_path):
    r = random.Random(seed)
    loops = 0
    for f in module(tmp_path / f"loops{seed}.py", seed, 12):
        compiled = tapec.jit(f)
        starts = [0.7, 3.0, 9.0, 30.0, 60.0, 130.0]
        r.shuffle(starts)
        for x in [*starts, starts[0]]:
            found = float(compiled(x))
            assert found == pytest.approx(plain(f, x), rel=1e-9, abs=1e-9), (f, x)
        fn = compiled.traced(60.0)
        loops += any(op.prim.name == "while_loop" for op in fn.ops)
        for x in starts:
            with suppress(CheckFailed):
                assert evaluate(fn, np.asarray(x))[0] == plain(f, x)
        value, slope = tapec.value_and_grad(f)(starts[1])
        assert value == pytest.approx(plain(f, starts[1]), rel=1e-9, abs=1e-9)
        compiled = tapec.value_and_grad(f)
        compiled(starts[0])
        assert compiled(starts[1])[1] == pytest.approx(slope, rel=1e-9, abs=1e-12)
    assert loops > 1
