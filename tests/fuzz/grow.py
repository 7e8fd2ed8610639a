"""Programs of the IR, grown op by op.

Every op is evaluated as soon as it is there. So an op that fails, or whose numbers are
huge, is dropped at once, and what remains is a program that means something. An op is
a move (`moves`), a loop or branch with bodies that are grown too, or any primitive of
the table: its samples say which operands it takes.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from tapec.interpret import apply
from tapec.ir import ArrayType, Constant, Emitter, Function, TupleType, Value
from tapec.ops.const import item
from tapec.primitive import PRIMITIVES as P
from tests.fuzz.choices import Seeded
from tests.fuzz.inputs import DTYPES, MOST, drawn_array, drawn_shape
from tests.fuzz.moves import MAKERS, pick_of

__all__ = ["Case", "Grower", "grow", "parameters"]

DEEPEST = 2
HUGE = 1e6
APART = {"fused", "tile", "item", "const"}
"""Made by passes, or by what is written here."""

GIVEN = {"searchsorted", "flatnonzero", "random_bits", "minors", "det", "slogdet"}
"""Their operands are those of the sample, moved a little, as for all that may raise."""

SYMMETRIC = {"eigh", "cholesky"}
"""They read one triangle; the derivative is that of both."""


@dataclass(eq=False)
class Case:
    """A program and its arguments; `seed` makes it again."""

    fn: Function
    arrays: list
    seed: int = 0


@cache
def samples_of(name):
    """Samples of a primitive as (arrays of the dtypes that it takes, attributes)."""
    prim, found = P[name], []
    for args, attrs in prim.samples(np.random.default_rng(7)):
        arrays = [np.asarray(a) for a in args]
        if prim.promote is not None:
            dtypes = prim.promote(tuple(a.dtype for a in arrays))
            arrays = [a.astype(d) for a, d in zip(arrays, dtypes, strict=True)]
        found.append((arrays, attrs))
    return found


@cache
def names():
    """Primitives that have samples."""
    return sorted(n for n in P if n not in APART and samples_of(n))


def _finite(a):
    return a.dtype.kind not in "fc" or bool(np.isfinite(a).all())


def parameters(types):
    """One parameter per type."""
    return [Value(None, (), (), t, uid) for uid, t in enumerate(types)]


def grow(seed, ops=12, special=None):
    """The case of a seed."""
    c = Seeded(seed)
    special = c.flag(0.15) if special is None else special
    arrays = [
        drawn_array(c, c.pick(DTYPES), drawn_shape(c), special)
        for _ in range(c.integer(1, 4))
    ]
    types = [ArrayType(a.dtype, a.shape) for a in arrays]
    g = Grower(c, types, arrays, control=0.4 if seed % 5 == 4 else 0.07)
    g.some(c.integer(1, ops))
    return Case(g.function("f", g.chosen()), arrays, seed)


class Grower:
    """A function under construction, with the value of everything in it.

    control: the part of its ops that are loops and branches.
    """

    def __init__(self, c, types, arrays, depth=0, control=0.07):
        self.c, self.depth, self.control = c, depth, control
        self.params = parameters(types)
        self.emit = Emitter(len(self.params))
        self.env = dict(zip(self.params, arrays, strict=True))
        self.pool = list(self.params)

    def function(self, name, results):
        """What has grown, with these results."""
        return Function(name, self.params, self.emit.ops, results)

    def chosen(self):
        """Results: some of the last values, and perhaps a parameter."""
        last = self.pool[-self.c.integer(1, 3) :]
        return last + [self.c.pick(self.pool)] * self.c.flag(0.2)

    def some(self, count):
        """Add about so many ops."""
        for _ in range(count):
            before = len(self.emit.ops)
            try:
                made = self._one()
                new = self._evaluate(before)
            except (TypeError, ValueError, ArithmeticError, np.linalg.LinAlgError):
                made, new = None, []
            if made is None or any(not self._keeps(v) for v in new):
                del self.emit.ops[before:]
                kept = {*self.params, *self.emit.ops}
                self.pool = [v for v in self.pool if v in kept]
                continue
            parts = [v for v in new if v.prim is item] or [made]
            self.pool += [v for v in parts if not isinstance(v.type, TupleType)]

    def _evaluate(self, start):
        new = self.emit.ops[start:]
        with np.errstate(all="ignore"):
            for op in new:
                args = [self.env[a] for a in op.args]
                if op.prim.may_raise and not all(map(_finite, args)):
                    raise ValueError("LAPACK may not come to an end on nan")
                self.env[op] = args[0][op.attr("index")] if op.prim is item else apply(
                    op, args
                )  # fmt: skip
        return new

    def _keeps(self, v):
        """Whether a value is worth having; a few that are not are let in."""
        if isinstance(v.type, TupleType):
            return True
        if v.type.size > MOST:
            return False
        a = self.env[v]
        if a.dtype.kind not in "fc" or not a.size:
            return True
        with np.errstate(all="ignore"):
            tame = np.all(np.abs(a) < min(HUGE, float(np.finfo(a.dtype).max) / 8))
        return bool(tame) or self.c.flag(0.03)

    def _one(self):
        c = self.c
        if self.depth < DEEPEST and c.flag(self.control):
            from tests.fuzz.bodies import CONTROL

            return CONTROL[c.pick(sorted(CONTROL))](self)
        if c.flag(0.35):
            return MAKERS[c.pick(sorted(MAKERS))](c, self.emit, self.pool)
        return self._any(c.pick(names()))

    # --- any primitive --------------------------------------------------------------

    def new(self, name, *args, **attrs):
        """Append an op."""
        return self.emit.new(P[name], *args, **attrs)

    def const(self, array):
        """Append a constant."""
        return self.new("const", value=Constant(np.asarray(array)))

    def _any(self, name):
        arrays, attrs = self.c.pick(samples_of(name))
        prim = P[name]
        if prim.promote is not None and self.c.flag(0.8):
            args = self._matching(arrays)
        else:
            args = [self._operand(name, a) for a in arrays]
        op = self.emit.new(prim, *args, **attrs)
        if isinstance(op.type, TupleType):
            for i in range(len(op.type.items)):
                self.emit.new(item, op, index=i)
        return op

    def _matching(self, arrays):
        """Values of any shapes that broadcast, moved into the samples' ranges."""
        found = []
        for a in arrays:
            kinds = "fiubc" if a.dtype.kind == "c" else "fiub"
            v = pick_of(self.c, self.pool, kinds)
            if v is None:
                return [self.const(x) for x in arrays]
            fits = [w for w in self.pool if w.dtype.kind in kinds]
            fits = [w for w in fits if found and w.shape == found[0].shape]
            v = self.c.pick(fits) if fits and self.c.flag(0.7) else v
            found.append(self.cast(v, a.dtype))
        if self.c.flag(0.4):  # as they are
            return found
        return [self._inside(v, a) for v, a in zip(found, arrays, strict=True)]

    def cast(self, v, dtype):
        """The value in another dtype."""
        return v if v.dtype == dtype else self.new("cast", v, dtype=np.dtype(dtype))

    def _inside(self, v, sample):
        """`v` moved into the range of the sample."""
        dtype = sample.dtype
        if dtype.kind == "b":
            return v
        if dtype.kind == "c":
            return self.new("tanh", v)
        if not sample.size:
            return v
        low, high = sample.min(), sample.max()
        if dtype.kind in "iu":
            return self.new("clip", v, self.const(low), self.const(high))
        with np.errstate(all="ignore"):
            width = self.const((high - low).astype(dtype))
        return self.new(
            "add", self.const(low), self.new("multiply", width, self.new("expit", v))
        )

    def _operand(self, name, sample):
        """A value of the sample's type, made from any other."""
        given = name in GIVEN or P[name].may_raise
        if sample.dtype.kind not in "fc":
            return self.const(sample)
        kinds = "fiubc" if sample.dtype.kind == "c" else "fiub"
        v = pick_of(self.c, self.pool, kinds)
        v = None if v is None else self.fitted(v, ArrayType(sample.dtype, sample.shape))
        if v is None:
            return self.const(sample)
        if not given:
            return v if self.c.flag(0.5) else self._inside(v, sample)
        small = self.const(np.asarray(0.05, sample.dtype))
        moved = self.new("multiply", self.new("tanh", v), small)
        x = self.new("add", self.const(sample), moved)
        if name not in SYMMETRIC:
            return x
        perm = (*range(x.type.ndim - 2), x.type.ndim - 1, x.type.ndim - 2)
        both = self.new("add", x, self.new("transpose", x, perm=perm))
        return self.new("multiply", both, self.const(np.asarray(0.5, x.dtype)))

    def fitted(self, v, wanted):
        """`v` cast, cut, repeated and reshaped to a type; None if it is empty."""
        v = self.cast(v, wanted.dtype)
        if v.shape == wanted.shape:
            return v
        if v.type.size == 0 or wanted.size == 0:
            return None
        flat = self.new("reshape", v, shape=(v.type.size,))
        times = -(-wanted.size // v.type.size)
        if times > 1:
            many = self.new("broadcast_to", flat, shape=(times, v.type.size))
            flat = self.new("reshape", many, shape=(times * v.type.size,))
        if flat.type.size > wanted.size:
            cut = {"start": (0,), "stop": (wanted.size,), "step": (1,)}
            flat = self.new("slice", flat, **cut)
        return self.new("reshape", flat, shape=wanted.shape)
