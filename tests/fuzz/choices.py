"""Where a program's random choices come from: a seed, or Hypothesis."""

from __future__ import annotations

import random

import numpy as np

__all__ = ["Drawn", "Seeded"]


class Seeded:
    """Choices that one integer decides."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.rng = np.random.default_rng(self._random.getrandbits(64))

    def pick(self, items):
        """One of a sequence."""
        return self._random.choice(items)

    def integer(self, low, high):
        """From `low` to `high`, both included."""
        return self._random.randint(low, high)

    def flag(self, chance=0.5):
        """True with this probability."""
        return self._random.random() < chance

    def permutation(self, n):
        """0 ... n - 1 in some order."""
        return tuple(self._random.sample(range(n), n))


class Drawn:
    """Choices that Hypothesis makes, and makes again when it shrinks."""

    def __init__(self, draw):
        from hypothesis import strategies

        self._draw, self._st = draw, strategies
        self.rng = np.random.default_rng(self.integer(0, 2**32 - 1))

    def pick(self, items):
        return self._draw(self._st.sampled_from(items))

    def integer(self, low, high):
        return self._draw(self._st.integers(low, high))

    def flag(self, chance=0.5):
        return self._draw(self._st.booleans())

    def permutation(self, n):
        return tuple(self._draw(self._st.permutations(range(n))))
