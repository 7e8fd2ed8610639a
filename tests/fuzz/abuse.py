"""What may be done to a compiled function itself: each raises, or changes nothing."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import weakref

import numpy as np

import tapec

__all__ = ["ABUSES", "check_abuse"]

X = np.arange(3.0)


def double(x, y=1.0):
    """The function that is abused."""
    return np.sin(x) * 2.0 + y


def _threads(f):
    def work(k):
        for _ in range(50):
            f(X, float(k))
            f(X[: k % 3])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def _died(f):
    g = tapec.jit(double)
    g(X)
    reference = weakref.ref(g)
    del g
    gc.collect()
    return reference()


def _cycle(f):
    g = tapec.jit(double)
    g.itself = g
    g(X)
    del g
    gc.collect()


def _bound(f):
    class Owner:
        method = tapec.jit(lambda self, x: x * 2.0)

    owner = Owner()
    owner.method(X)
    Owner.method(owner, X)
    bound = owner.method
    del owner, Owner
    gc.collect()
    return bound(X)


def _deleted(f):
    g = tapec.jit(double)
    g(X)
    for name in [*vars(g)]:
        try:
            delattr(g, name)
        except (AttributeError, TypeError):
            continue
    return g(X)


def _cleared(f):
    g = tapec.jit(double)
    g(X)
    g.__dict__.clear()
    return g(X)


def _nones(f):
    g = tapec.jit(double)
    g(X)
    for name in [*vars(g)]:
        try:
            setattr(g, name, None)
        except (AttributeError, TypeError):
            continue
    return g(X)


def _result_kept(f):
    kept = [f(X) for _ in range(100)]
    del kept[::2]
    gc.collect()
    return [k.sum() for k in kept]


def _while_tracing(f):
    def g(x):
        f(X)
        gc.collect()
        return f(x) + f(x * 2.0)

    return tapec.jit(g)(X)


def _recursive(f):
    def g(x):
        return g2(x)

    g2 = tapec.jit(g)
    return g2(X)


def _many_arguments(f):
    return f(*[X] * 5000)


def _many_keywords(f):
    return f(X, **{f"k{i}": 1.0 for i in range(5000)})


def _twice(f):
    return f(X, 1.0, y=2.0)


def _traced_changes(f):
    box = [X.copy()]
    g = tapec.jit(lambda: np.sum(box[0]) * 2.0)
    g()
    box[0].resize(0, refcheck=False)
    box[0] = None
    return g()


def _captured_shrinks(f):
    w = np.arange(1000.0)
    g = tapec.jit(lambda x: np.sum(w) * x)
    g(1.0)
    w.resize(1, refcheck=False)
    return g(1.0)


def _captured_reshaped(f):
    w = np.arange(6.0)
    g = tapec.jit(lambda x: np.sum(w * x))
    g(1.0)
    w.shape = (2, 3)
    g(1.0)
    w.dtype = np.int64
    return g(1.0)


ABUSES = {
    "new": lambda f: object.__new__(type(f)),
    "new and call": lambda f: object.__new__(type(f))(X),
    "own new and call": lambda f: type(f).__new__(type(f))(X),
    "type": lambda f: type(f)(),
    "type of text": lambda f: type(f)("text", 1, 2, 3),
    "call of nothing": lambda f: type(f).__call__(),
    "call of a number": lambda f: type(f).__call__(1, X),
    "call of object": lambda f: object.__call__(f, X),
    "init": lambda f: f.__init__(),
    "init again": lambda f: (f.__init__(double, double), f(X)),
    "get": lambda f: f.__get__(None, None),
    "get of number": lambda f: f.__get__(1)(X),
    "class": lambda f: setattr(f, "__class__", int),
    "class of another": lambda f: setattr(f, "__class__", type("C", (), {})),
    "subclass": lambda f: type("S", (type(f),), {})(double, double)(X),
    "subclass new": lambda f: object.__new__(type("S", (type(f),), {}))(X),
    "dict": lambda f: setattr(f, "__dict__", {}) or f(X),
    "dict of text": lambda f: setattr(f, "__dict__", "text"),
    "copy": lambda f: copy.copy(f)(X),
    "deep copy": lambda f: copy.deepcopy(f)(X),
    "pickle": lambda f: pickle.loads(pickle.dumps(f))(X),
    "sizeof": lambda f: (sys.getsizeof(f), hash(f), repr(f), dir(f), f == f, bool(f)),
    "referents": lambda f: (gc.get_referents(f), gc.get_referrers(f)),
    "threads": _threads, "died": _died, "cycle": _cycle, "bound": _bound,
    "deleted": _deleted, "cleared": _cleared, "nones": _nones, "kept": _result_kept,
    "tracing": _while_tracing, "recursive": _recursive, "many": _many_arguments,
    "keywords": _many_keywords, "twice": _twice, "changes": _traced_changes,
    "shrinks": _captured_shrinks, "reshaped": _captured_reshaped,
    "no keyword": lambda f: f(X, **{"": 1.0}),
    "number as keyword": lambda f: f(X, **{1: 1.0}),
    "missing": lambda f: f(),
    "only keyword": lambda f: f(x=X, y=2.0),
}  # fmt: skip


def check_abuse(name):
    """One of `ABUSES`; afterwards the function gives what it gave before."""
    f = tapec.jit(double)
    f(X)
    try:
        ABUSES[name](f)
        state = "nothing"
    except Exception as error:
        assert not isinstance(error, SystemError), error
        state = type(error).__name__
    g = f if name not in ("dict", "init again") else tapec.jit(double)
    np.testing.assert_allclose(g(X), double(X), rtol=1e-12)
    return state
