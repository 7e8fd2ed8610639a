"""Functions to draw, made by hand: a small tape with its own backward half."""

from __future__ import annotations

import itertools
import random
from types import SimpleNamespace

import numpy as np

from tapec.ir import ArrayType, Constant, Function, Location, Meta, Value


def prim(name, effect=False):
    return SimpleNamespace(name=name, effect=effect)


def f64(*shape):
    return ArrayType(np.float64, shape)


class Builder:
    """Appends values; `back` holds the meta of the ops being appended."""

    def __init__(self, name="f"):
        self.name, self.params, self.ops = name, [], []
        self.meta = Meta()

    @property
    def uid(self):
        return len(self.params) + len(self.ops)

    def param(self, name, *shape):
        value = Value(None, (), (), f64(*shape), self.uid, name)
        self.params.append(value)
        return value

    def op(self, name, *args, type=None, effect=False, **attrs):
        args = tuple(self.const(a) if isinstance(a, float) else a for a in args)
        if type is None:
            type = max((a.type for a in args), key=lambda t: t.ndim)
        record = prim(name, effect)
        value = Value(
            record, args, tuple(attrs.items()), type, self.uid, meta=self.meta
        )
        self.ops.append(value)
        return value

    def const(self, number):
        return self.op("const", type=f64(), value=Constant(np.float64(number)))

    def function(self, *results):
        return Function(self.name, self.params, self.ops, results)

    def of(self, primal):
        """Ops that follow belong to the gradient of `primal`."""
        self.meta = Meta(primal.uid, primal.meta.scope, primal.meta.loc)


def here(depth=0):
    import sys

    frame = sys._getframe(depth + 1)
    return Location(((frame.f_code, frame.f_lasti),))


def small():
    b = Builder("square")
    x = b.param("x", 3)
    y = b.op("mul", x, x)
    z = b.op("add", b.op("tanh", y), 1.0)
    return b.function(b.op("sum", z, type=f64(), axis=(0,)))


def small_gradient():
    b = Builder("loss")
    x, w = b.param("x", 3), b.param("w", 3)
    b.meta = Meta(loc=here())
    h = b.op("mul", x, w)
    t = b.op("tanh", h)
    s = b.op("sum", t, type=f64(), axis=(0,))
    b.of(s)
    g = b.op("broadcast_to", 1.0, type=f64(3), shape=(3,))
    b.of(t)
    d = b.op("sub", 1.0, b.op("mul", t, t))
    g = b.op("mul", g, d)
    b.of(h)
    return b.function(s, b.op("mul", g, x))


def mlp(layers=2, width=32, batch=64, features=64, classes=10):
    """A network with a softmax loss and the gradient of all its weights."""
    b = Builder("loss")
    x = b.param("x", batch, features)
    y = b.param("y", batch, classes)
    sizes = [features, *[width] * (layers - 1), classes]
    weights = [
        (b.param(f"w{i}", a, c), b.param(f"b{i}", c))
        for i, (a, c) in enumerate(itertools.pairwise(sizes))
    ]
    h, saved = x, []
    for i, (w, bias) in enumerate(weights):
        b.meta = Meta(scope=f"layer{i}", loc=here())
        m = b.op("matmul", h, w, type=f64(batch, w.type.shape[1]))
        a = b.op("add", m, bias)
        saved.append((h, w, bias, m, a))
        h = b.op("tanh", a) if i < layers - 1 else a
        saved[-1] += (h,)
    b.meta = Meta(scope="softmax", loc=here())
    m = b.op("max", h, type=f64(batch, 1), axis=(1,), keepdims=True)
    e = b.op("exp", b.op("sub", h, m))
    s = b.op("sum", e, type=f64(batch, 1), axis=(1,), keepdims=True)
    p = b.op("div", e, s)
    log = b.op("log", p)
    b.meta = Meta(loc=here())
    t = b.op("mul", log, y)
    loss = b.op("div", b.op("sum", t, type=f64(), axis=(0, 1)), -float(batch))
    b.of(t)
    g = b.op("broadcast_to", -1.0 / batch, type=t.type, shape=t.type.shape)
    g = b.op("mul", g, y)
    b.of(log)
    g = b.op("div", g, p)
    b.of(p)
    ge = b.op("div", g, s)
    gs = b.op("neg", b.op("mul", g, b.op("div", p, s)))
    gs = b.op("sum", gs, type=s.type, axis=(1,), keepdims=True)
    b.of(s)
    g = b.op("add", ge, gs)
    b.of(e)
    g = b.op("mul", g, e)
    grads = []
    for h, w, bias, m, a, out in reversed(saved):
        if out is not a:
            b.of(out)
            g = b.op("mul", g, b.op("sub", 1.0, b.op("mul", out, out)))
        b.of(a)
        gb = b.op("sum", g, type=bias.type, axis=(0,))
        b.of(m)
        ht = b.op("transpose", h, type=f64(*h.type.shape[::-1]), axes=(1, 0))
        gw = b.op("matmul", ht, g, type=w.type)
        grads[:0] = [gw, gb]
        if h is not x:
            wt = b.op("transpose", w, type=f64(*w.type.shape[::-1]), axes=(1, 0))
            g = b.op("matmul", g, wt, type=h.type)
    return b.function(loss, *grads)


def chain(n=100):
    b = Builder("chain")
    x = b.param("x", 8)
    ops = ["sin", "exp", "tanh", "log", "sqrt"]
    for i in range(n):
        x = b.op(ops[i % 5], x)
    return b.function(x)


def scattered(n=150, seed=0, far=12):
    """A random program with a gradient op or two for each forward op."""
    r = random.Random(seed)
    b = Builder("scattered")
    values = [b.param(n, 16, 4) for n in "abcd"]
    for _ in range(n):
        names = ["add", "mul", "sub", "exp", "tanh"]
        name = r.choice(names)
        args = [r.choice(values[-far:]) for _ in range(1 if name in names[3:] else 2)]
        values.append(b.op(name, *args))
    ops = values[4:]
    b.of(ops[-1])
    cotangent = {ops[-1].uid: b.op("ones_like", ops[-1])}
    for op in reversed(ops):
        g = cotangent.get(op.uid)
        if g is None:
            continue
        for a in dict.fromkeys(op.args):
            b.of(op)
            d = (
                b.op("mul", g, r.choice(op.args))
                if r.random() < 0.6
                else b.op("neg", g)
            )
            if a.uid in cotangent:
                b.of(a)
                d = b.op("add", cotangent[a.uid], d)
            cotangent[a.uid] = d
    results = [cotangent[v.uid] for v in values[:4] if v.uid in cotangent]
    return b.function(ops[-1], *results)
