"""Random numbers from explicit keys: pure, the same in every form of a program.

    key = tapec.random.key(0)
    key, now = tapec.random.split(key)
    noise = tapec.random.normal(now, (3, 4))

A draw depends on its key and shape alone: the same key gives the same numbers, whether
NumPy computes them, a tape or a compiled function (bits exactly, floating numbers up to
the rounding of `log`). So a key is used once; `split` and `fold_in` make further ones.
In a compiled function the key is an argument like any other, and under `vmap` each
element draws for its own key. Results are differentiable in `mean`, `std`, `low`,
`high`, `scale` and `loc`.

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: Parallel
Random Numbers: As Easy as 1, 2, 3, SC 2011), 64 bits per element.
"""

from tapec.random.continuous import (
    exponential,
    gumbel,
    normal,
    truncated_normal,
    uniform,
)
from tapec.random.discrete import bernoulli, categorical, choice, permutation, randint
from tapec.random.keys import bits, fold_in, key, split

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "choice",
    "exponential",
    "fold_in",
    "gumbel",
    "key",
    "normal",
    "permutation",
    "randint",
    "split",
    "truncated_normal",
    "uniform",
]
