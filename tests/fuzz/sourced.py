"""Python functions compared: NumPy, `jit`, a tape, gradients and differences."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import re
import tempfile
import warnings

import numpy as np

import tapec
from tests.fuzz.precise import difference, wide
from tests.fuzz.sources import Source, function_text, grown

__all__ = ["arguments", "check_source", "loaded", "smallest_source"]

_numbers = itertools.count()
SHAPES = ((3, 5), (4, 3), (3, 5))
"""Of the matrices of successive calls: the lengths change, then return."""


@contextlib.contextmanager
def loaded(text):
    """The function of a text, from a file, since tapec reads the sources of loops."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"grown{os.getpid()}_{next(_numbers)}"
        path = os.path.join(folder, f"{name}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"import numpy as np\n\nimport tapec\n\n\n{text}")
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.f


def arguments(seed, number):
    """Those of call `number`."""
    rng = np.random.default_rng([seed, number])
    shape = SHAPES[number % len(SHAPES)]
    return [rng.normal(), rng.normal(size=shape[1]), rng.normal(size=shape)]


def plain(f, args):
    """What NumPy gives, as a number."""
    with np.errstate(all="ignore"):
        return f(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])


def check_source(source: Source, seed: int) -> str:
    """ "held", or "refused" for what NumPy refuses; AssertionError with a reason."""
    with loaded(function_text(source)) as f, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graded = tapec.value_and_grad(f, argnums=(0, 1, 2))
        compiled = tapec.jit(f) if seed % 3 == 0 else None
        for number in range(len(SHAPES)):
            args = arguments(seed, number)
            try:
                wanted = float(plain(f, args))
            except (
                ArithmeticError,
                AttributeError,
                LookupError,
                TypeError,
                ValueError,
            ):
                return "refused"
            room = rounding(f, args, wanted)
            if compiled is not None:
                near("jit", float(compiled(*args)), wanted, room)
            value, grads = graded(*args)
            near("value_and_grad", float(value), wanted, room)
            if number == 0 and seed % 3 == 1:
                near("tape", *on_a_tape(f, args, grads), room)
            check_slope(f, args, grads, seed + number)
    return "held"


def rounding(f, args, wanted):
    """How much rounding may change the value of a call."""
    rng, room = np.random.default_rng(0), abs(wanted)
    total = 1e-11 * max(room, 1.0)
    for _ in range(3):
        moved = [a * (1 + 1e-15 * rng.choice([-1.0, 1.0], np.shape(a))) for a in args]
        with contextlib.suppress(ValueError, IndexError):
            total = max(total, 300 * abs(float(plain(f, moved)) - wanted))
    return total


def near(what, found, wanted, room):
    """Equal but for so much."""
    same = found == wanted or (found != found and wanted != wanted)
    if not same and not abs(found - wanted) <= room and np.isfinite(room):
        raise AssertionError(f"{what}: {found!r} for {wanted!r}, room {room:.1e}")


def on_a_tape(f, args, grads):
    """<gradients> with random numbers: on a tape, and as given."""
    with tapec.GradientTape() as tape:
        given = [tapec.Variable(a) for a in args]
        target = f(*given)
    found = tape.gradient(target, given, unconnected_gradients="zero")
    rng = np.random.default_rng(1)
    steps = [rng.uniform(0.5, 1.0, np.shape(a)) for a in args]
    pairs = zip(found, grads, steps, strict=True)
    rows = [(np.sum(np.asarray(a) * d), np.sum(b * d)) for a, b, d in pairs]
    return float(sum(a for a, _ in rows)), float(sum(b for _, b in rows))


def check_slope(f, args, grads, seed):
    """Gradients against differences of NumPy itself."""
    rng = np.random.default_rng(seed)
    steps = [rng.uniform(-1.0, 1.0, np.shape(a)) for a in args]
    coarse = False
    try:
        plain(f, list(map(wide, args)))
    except TypeError:  # LAPACK has no long doubles
        coarse = True

    def along(t):
        start = args if coarse else map(wide, args)
        return plain(f, [a + t * d for a, d in zip(start, steps, strict=True)])

    numeric = difference(along, coarse)
    if not numeric.usable:
        return
    parts = [np.asarray(g) * d for g, d in zip(grads, steps, strict=True)]
    size = sum(float(np.sum(np.abs(p))) for p in parts)
    found = sum(float(np.sum(p)) for p in parts)
    room = 1e-6 * (size + 1e-3) + 20 * numeric.error
    if not abs(found - numeric.value) <= room and size < 1e8:
        text = f"{found!r} and {numeric.value!r}, more than {room:.1e} apart"
        raise AssertionError(f"gradient and differences: {text}")


# --- smaller ------------------------------------------------------------------------


def smallest_source(source: Source, seed: int, reason: str) -> Source:
    """Without the lines that the failure does not need."""
    head = reason.split(":", maxsplit=1)[0]
    again = True
    while again:
        again = False
        for smaller in _smaller(source):
            try:
                check_source(smaller, seed)
            except Exception as error:
                if said(error).split(":")[0] == head:
                    source, again = smaller, True
                    break
    return source


def said(error):
    """What kind of failure it is, and the text."""
    if type(error) is AssertionError:
        return str(error)
    return f"{type(error).__name__}: {error}"


def _smaller(source):
    terms = source.result.split(" + ")
    for i in range(len(terms)):
        if len(terms) > 1:
            yield Source(source.lines, " + ".join(terms[:i] + terms[i + 1 :]))
    for i, line in enumerate(source.lines):
        rest = source.lines[:i] + source.lines[i + 1 :]
        yield Source(rest, source.result)
        for name in set(re.findall(r"^([svm]\d+)(?=,| =)|, ([svm]\d+) =", line, re.M)):
            name = next(filter(None, name))
            for other in _earlier(source.lines[:i], name[0]):
                text = "\x00".join([*rest, source.result])
                new = re.sub(rf"\b{name}\b", other, text).split("\x00")
                yield Source(new[:-1], new[-1])
        parts = line.split("\n")
        for k in range(len(parts)):
            if len(parts) > 1:
                text = "\n".join(parts[:k] + parts[k + 1 :])
                yield Source(
                    [*source.lines[:i], text, *source.lines[i + 1 :]], source.result
                )


def _earlier(lines, kind):
    found = re.findall(rf"\b({kind}\d+) = ", "\n".join(lines))
    return [f"{kind}0", *found[-2:]]


def run_source(seed: int, shrink: bool = True) -> str:
    """The check of a seed's source; AssertionError with the small function."""
    source = grown(seed)
    try:
        return check_source(source, seed)
    except Exception as error:
        reason = said(error)
        if shrink:
            source = smallest_source(source, seed, reason)
        raise AssertionError(f"{reason}\n{function_text(source)}") from error
