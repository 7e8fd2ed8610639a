"""Calls of compiled functions with arguments that are not what they seem.

A call gives the right number or raises. `python -m tests.fuzz calls COUNT` runs them in
a process of its own, which must come to its end.
"""

from __future__ import annotations

import random
import threading

import numpy as np

import tapec
from tests.fuzz.liars import LIARS

__all__ = ["CALLED", "check_call", "plain_result"]


def both(tree, scale=2.0):
    """A loss of two arrays in a dictionary."""
    return np.sum(np.sin(tree["a"]) * scale) + np.sum(tree["b"] * tree["b"])


def pair(x, y=1.0, *, power=2):
    """With a default, and a keyword that is static or traced."""
    return x * y + y**power


def matrix(x):
    """Of two axes at most."""
    return np.tanh(x) @ np.tanh(x).T if np.ndim(x) == 2 else np.cumsum(x)


def several(items):
    """A list in, a tuple out."""
    return tuple(item * 2.0 for item in items), np.sum(items[0])


CALLED = {
    "both": (both, lambda: ({"a": np.arange(3.0), "b": np.ones((2, 2))},)),
    "pair": (pair, lambda: (2.0, 3.0)),
    "matrix": (matrix, lambda: (np.arange(6.0).reshape(2, 3),)),
    "several": (several, lambda: ([np.arange(3.0), 1.5, np.float32(2.0)],)),
}
WRAPPED = {
    name: [tapec.jit(f), tapec.value_and_grad(lambda *a, f=f, **k: _summed(f(*a, **k)))]
    for name, (f, _) in CALLED.items()
}


def _summed(result):
    if isinstance(result, (tuple, list)):
        return sum(map(_summed, result))
    return np.sum(result) if np.ndim(result) else result * 1.0


def plain_result(name, args, kwargs):
    """What NumPy gives; None where it raises."""
    try:
        with np.errstate(all="ignore"):
            return _leaves(CALLED[name][0](*args, **kwargs))
    except Exception:
        return None


def _leaves(x):
    if isinstance(x, (tuple, list)):
        return [leaf for part in x for leaf in _leaves(part)]
    if isinstance(x, dict):
        return [leaf for key in sorted(x, key=str) for leaf in _leaves(x[key])]
    return [np.asarray(x)]


def check_call(seed):
    """One odd call: "right", "raised" or "unknown". AssertionError: a wrong number."""
    r = random.Random(seed)
    name = r.choice(sorted(CALLED))
    args, kwargs = _odd(r, CALLED[name][1](), {})
    which = r.randrange(2)
    compiled = WRAPPED[name][which]
    honest = CALLED[name][1]()
    if r.random() < 0.5:
        compiled(*honest)  # native code is there
    others = _meanwhile(r, args) if r.random() < 0.1 else None
    try:
        found = compiled(*args, **kwargs)
    except Exception as error:
        assert str(error) or type(error) is not SystemError, "an empty SystemError"
        assert not isinstance(error, SystemError), error
        return "raised"
    finally:
        if others is not None:
            others.join()
    assert _leaves(compiled(*CALLED[name][1]()))
    if others is not None or any(_lies(a) for a in _inside(args, kwargs)):
        return "unknown"
    wanted = plain_result(name, args, kwargs)
    if wanted is None:
        return "unknown"
    if which:
        found, wanted = found[0], [_summed(wanted)]
    for a, b in zip(_leaves(found), wanted, strict=True):
        assert np.shape(a) == np.shape(b), (np.shape(a), np.shape(b))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return "right"


# --- odd arguments ------------------------------------------------------------------


def _odd(r, args, kwargs):
    """The arguments with something wrong about them."""
    args = list(args)
    for _ in range(r.choice((1, 1, 2))):
        how = r.randrange(10)
        if how == 0:
            kwargs[r.choice(("y", "power", "tree", "x", "", "é", "scale"))] = _thing(r)
        elif how == 1 and args:
            args.pop(r.randrange(len(args)))
        elif how == 2:
            args.insert(r.randrange(len(args) + 1), _thing(r))
        elif args:
            i = r.randrange(len(args))
            args[i] = _inside_changed(r, args[i])
    return args, kwargs


def _inside_changed(r, tree):
    if type(tree) is dict and tree and r.random() < 0.8:
        key = r.choice(sorted(tree, key=str))
        how = r.randrange(6)
        if how == 0:
            tree.pop(key, None)
        elif how == 1:
            tree[r.choice(("c", 1, None, ("a",), "a "))] = _thing(r)
        elif how == 2:
            return dict(reversed(list(tree.items())))
        else:
            tree[key] = _inside_changed(r, tree.get(key))
        return tree
    if type(tree) is list and tree and r.random() < 0.8:
        i = r.randrange(len(tree))
        tree[i] = _inside_changed(r, tree[i])
        return tree
    return _thing(r)


def _thing(r):
    return r.choice(LIARS)(r)


def _inside(args, kwargs):
    stack, found = [*args, *kwargs.values()], []
    while stack and len(found) < 99:
        x = stack.pop()
        found.append(x)
        if isinstance(x, dict):
            stack += x.values()
        elif isinstance(x, (list, tuple)):
            stack += x
    return found


def _lies(x):
    kind = type(x)
    if kind is int:  # integers are those of 64 bits, which wrap
        return abs(x) > 2**31
    return kind.__module__.startswith("tests.fuzz")


def _meanwhile(r, args):
    """Another thread that changes the containers and arrays of a call."""
    trees = [a for a in args if isinstance(a, (dict, list))]
    arrays = [a for a in _inside(args, {}) if type(a) is np.ndarray]

    def work():
        for _ in range(200):
            for tree in trees:
                _shuffled(tree)
            for a in arrays:
                if a.flags.writeable and a.flags.owndata and a.dtype.kind == "f":
                    a.reshape(-1)[:1] = 0.5

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _shuffled(tree):
    try:
        if isinstance(tree, dict):
            value = tree.pop("a", None)
            tree["a"] = np.ones(3) if value is None else value
        else:
            tree.append(tree.pop())
    except (IndexError, KeyError, RuntimeError):
        return
