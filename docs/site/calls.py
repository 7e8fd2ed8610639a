"""Arguments to call NumPy's and SciPy's functions with, so that they can be traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["arguments"]

V = np.array([0.2, 0.4, 0.5, 0.7])
U = np.array([0.3, 0.6, 0.1, 0.8])
A = np.array([[0.9, 0.2, 0.1], [0.2, 0.8, 0.3], [0.1, 0.3, 0.7]])
C = np.arange(8.0).reshape(2, 2, 2)
N = np.array([3, 1, 2, 0])
IS = V > 0.4

COMMON: tuple[tuple[Any, ...], ...] = (
    *((A,), (V,), (A, A), (V, U), ([A, A],), (A, 1), (V, U, U), (N,), (N, N)),
    *((IS,), (V, N), (A, 0, 1), (3, V), (V, U, V, U)),
)
"""Tried in turn for a function that is not below."""

CALLS: dict[str, tuple[Any, ...]] = {
    "numpy.arange": (4.0,),
    "numpy.array": ([V, U],),
    "numpy.asarray": ([V, U],),
    "numpy.asanyarray": ([V, U],),
    "numpy.ascontiguousarray": ([V, U],),
    "numpy.eye": (3,),
    "numpy.empty": ((2, 3),),
    "numpy.full": (3, V[:1]),
    "numpy.identity": (3,),
    "numpy.ones": ((2, 3),),
    "numpy.tri": (3,),
    "numpy.zeros": ((2, 3),),
    "numpy.apply_along_axis": (np.sum, 0, A),
    "numpy.argpartition": (V, 2),
    "numpy.array_split": (V, 2),
    "numpy.bincount": (N, V),
    "numpy.broadcast_to": (V, (2, 4)),
    "numpy.choose": (N % 2, [V, U]),
    "numpy.clip": (V, 0.3, 0.6),
    "numpy.compress": (IS, V),
    "numpy.copyto": (V, U),
    "numpy.cross": (A, A),
    "numpy.delete": (V, 1),
    "numpy.digitize": (V, U),
    "numpy.dsplit": (C, 2),
    "numpy.einsum": ("ij,jk->ik", A, A),
    "numpy.expand_dims": (V, 0),
    "numpy.full_like": (V, 0.5),
    "numpy.insert": (V, 1, 0.5),
    "numpy.interp": (V, np.sort(U), U),
    "numpy.ldexp": (V, N),
    "numpy.imag": (V + 1j * U,),
    "numpy.linspace": (np.array(0.1), np.array(0.5), 4),
    "numpy.moveaxis": (A, 0, 1),
    "numpy.pad": (V, 1),
    "numpy.partition": (V, 2),
    "numpy.percentile": (V, 30.0),
    "numpy.piecewise": (V, [IS], [np.sin, np.cos]),
    "numpy.put_along_axis": (A, N[:3, None] % 3, 0.5, 1),
    "numpy.quantile": (V, 0.3),
    "numpy.ravel_multi_index": ((N, N), (4, 4)),
    "numpy.repeat": (V, 2),
    "numpy.reshape": (V, (2, 2)),
    "numpy.roll": (V, 1),
    "numpy.searchsorted": (V, U),
    "numpy.select": ([IS, ~IS], [V, U]),
    "numpy.split": (V, 2),
    "numpy.take": (V, N),
    "numpy.take_along_axis": (V, N, 0),
    "numpy.tile": (V, 2),
    "numpy.unravel_index": (N, (2, 2)),
    "numpy.where": (IS, V, U),
    "numpy.fft.fftfreq": (4,),
    "numpy.fft.rfftfreq": (4,),
    "numpy.linalg.lstsq": (A[:, :2], V[:3]),
    "numpy.linalg.matrix_power": (A, 3),
    "numpy.linalg.multi_dot": ([A, A, A],),
    "numpy.linalg.solve": (A, A),
    "numpy.linalg.tensorinv": (np.eye(4).reshape(2, 2, 2, 2), 2),
    "numpy.linalg.tensorsolve": (np.eye(4).reshape(2, 2, 2, 2), A[:2, :2]),
    "scipy.integrate.odeint": (lambda y, t: -y, V, np.sort(U)),
    "scipy.linalg.cho_solve": ((A, True), V[:3]),
    "scipy.linalg.solve_banded": ((1, 1), A, V[:3]),
    "scipy.linalg.solve_sylvester": (A, A, A),
    "scipy.linalg.solve_triangular": (A, V[:3]),
    "scipy.linalg.solve": (A, V[:3]),
    "scipy.linalg.lstsq": (A[:, :2], V[:3]),
    "scipy.stats.beta.cdf": (V, 2.0, 3.0),
    "scipy.stats.chi2.cdf": (V, 3.0),
    "scipy.stats.gamma.cdf": (V, 2.0),
    "scipy.stats.poisson.cdf": (N, V),
    "scipy.stats.dirichlet.logpdf": (V / V.sum(), U),
    "scipy.stats.dirichlet.pdf": (V / V.sum(), U),
    "scipy.stats.multivariate_normal.entropy": (None, A),
    "scipy.stats.multivariate_normal.logpdf": (V[:3], U[:3], A),
    "scipy.stats.multivariate_normal.pdf": (V[:3], U[:3], A),
    "scipy.special.jn": (2, V),
    "scipy.special.kn": (2, V),
    "scipy.special.multigammaln": (V + 2.0, 2),
    "scipy.special.polygamma": (1, V),
    "scipy.special.yn": (2, V),
}
"""By module and name, where the function needs arguments of a kind."""


def arguments(
    name: str, attempt: Callable[[tuple[Any, ...]], object]
) -> tuple[Any, ...]:
    """Arguments that `attempt` takes; its last error if it takes none."""
    if name in CALLS:
        return CALLS[name]
    for args in COMMON:
        try:
            attempt(args)
        except Exception as error:
            last = error
        else:
            return args
    raise LookupError(f"give {name} arguments in docs/site/calls.py") from last
