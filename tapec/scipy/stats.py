"""`scipy.stats` on tensors: densities, by name of the distribution.

    from tapec.scipy import stats
    stats.norm.logpdf(x, loc, scale)

Each is a set of functions with SciPy's names, arguments and order, which broadcast.
Outside of a distribution's support the density is 0, its logarithm -inf, its
gradient 0; parameters are not checked, as SciPy does not: it gives nan for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from tapec.numpy import linalg
from tapec.ops.cast import cast
from tapec.ops.gammas import gammaln
from tapec.scipy.linalg import solve_triangular
from tapec.tensor import as_tensor

__all__ = [
    "beta",
    "chi2",
    "dirichlet",
    "expon",
    "gamma",
    "multivariate_normal",
    "norm",
    "poisson",
    "t",
    "uniform",
]

HALF_LOG_2PI = 0.9189385332046727


def _float(x: Any) -> Any:
    t = as_tensor(x)
    return cast(t, dtype=np.dtype(np.float64)) if t.dtype.kind in "biu" else t


def _standard(x: Any, loc: Any, scale: Any) -> Any:
    return (_float(x) - loc) / scale


def _inside(condition: Any, x: Any, log_density: Any, somewhere: float) -> Any:
    """log_density(x) where the condition holds, else -inf; x is never outside there."""
    safe = np.where(condition, x, somewhere)
    return np.where(condition, log_density(safe), -np.inf)


class _Continuous:
    """Densities from `_log(z, *shapes)`, that of the standard form at z."""

    def logpdf(self, x: Any, *shapes: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The logarithm of the density at x, broadcast with the parameters."""
        *own, loc, scale = self._parameters(shapes, loc, scale)
        return self._log(_standard(x, loc, scale), *own) - np.log(_float(scale))

    def pdf(self, x: Any, *shapes: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The density at x."""
        return np.exp(self.logpdf(x, *shapes, loc=loc, scale=scale))

    SHAPES = 0

    def _parameters(self, given: Any, loc: Any, scale: Any) -> list[Any]:
        """Shapes, loc and scale, the last two perhaps by position."""
        shapes, rest = [*given[: self.SHAPES]], [*given[self.SHAPES :]]
        if len(shapes) < self.SHAPES or len(rest) > 2:
            raise TypeError(
                f"{type(self).__name__.lstrip('_').lower()}: {self.SHAPES} shapes, "
                f"then loc and scale; {len(given)} parameters were given"
            )
        return [*shapes, *[*rest, *[loc, scale][len(rest) :]]]

    def _log(self, z: Any, *shapes: Any) -> Any:
        raise NotImplementedError


class _Norm(_Continuous):
    """The normal distribution; loc is its mean, scale its standard deviation."""

    def _log(self, z: Any) -> Any:
        return -0.5 * z * z - HALF_LOG_2PI

    def cdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The probability of at most x."""
        return sp.ndtr(_standard(x, loc, scale))

    def logcdf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The logarithm of `cdf`, accurate far below loc."""
        return sp.log_ndtr(_standard(x, loc, scale))

    def sf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The probability of more than x."""
        return sp.ndtr(-_standard(x, loc, scale))

    def logsf(self, x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The logarithm of `sf`."""
        return sp.log_ndtr(-_standard(x, loc, scale))

    def ppf(self, q: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The x of which `cdf` is q."""
        return sp.ndtri(_float(q)) * scale + loc


class _Uniform(_Continuous):
    """Uniform from loc to loc + scale."""

    def _log(self, z: Any) -> Any:
        return np.where((z >= 0.0) & (z <= 1.0), 0.0 * z, -np.inf)


class _Expon(_Continuous):
    """The exponential distribution; scale is its mean."""

    def _log(self, z: Any) -> Any:
        return _inside(z >= 0.0, z, lambda z: -z, 1.0)


class _Gamma(_Continuous):
    """The gamma distribution of shape a."""

    SHAPES = 1

    def _log(self, z: Any, a: Any) -> Any:
        a = _float(a)
        return _inside(
            z >= 0.0, z, lambda z: sp.xlogy(a - 1.0, z) - z - gammaln(a), 1.0
        )

    def cdf(self, x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The probability of at most x; not differentiable in a."""
        z = _standard(x, loc, scale)
        return sp.gammainc(_float(a), np.where(z > 0.0, z, 0.0))


class _Chi2(_Continuous):
    """Chi-square with df degrees of freedom: gamma of df / 2, of scale 2."""

    SHAPES = 1

    def _log(self, z: Any, df: Any) -> Any:
        return gamma.logpdf(z, _float(df) / 2.0, scale=2.0)

    def cdf(self, x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The probability of at most x; not differentiable in df."""
        return gamma.cdf(_standard(x, loc, scale), _float(df) / 2.0, scale=2.0)


class _Beta(_Continuous):
    """The beta distribution of shapes a and b."""

    SHAPES = 2

    def _log(self, z: Any, a: Any, b: Any) -> Any:
        a, b = _float(a), _float(b)

        def inside(z: Any) -> Any:
            return sp.xlogy(a - 1.0, z) + sp.xlog1py(b - 1.0, -z) - sp.betaln(a, b)

        return _inside((z >= 0.0) & (z <= 1.0), z, inside, 0.5)

    def cdf(self, x: Any, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The probability of at most x; not differentiable in a and b."""
        z = np.clip(_standard(x, loc, scale), 0.0, 1.0)
        return sp.betainc(_float(a), _float(b), z)


class _T(_Continuous):
    """Student's t with df degrees of freedom."""

    SHAPES = 1

    def _log(self, z: Any, df: Any) -> Any:
        df = _float(df)
        norm = gammaln((df + 1.0) / 2.0) - gammaln(df / 2.0) - np.log(df * np.pi) / 2.0
        return norm - (df + 1.0) / 2.0 * np.log1p(z * z / df)


class _Poisson:
    """The Poisson distribution of mean mu."""

    def logpmf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The logarithm of the probability of k; -inf where k is no count."""
        n, mu = _float(k) - loc, _float(mu)

        def inside(n: Any) -> Any:
            return sp.xlogy(n, mu) - gammaln(n + 1.0) - mu

        return _inside((n >= 0.0) & np.equal(n, np.floor(n)), n, inside, 0.0)

    def pmf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The probability of k."""
        return np.exp(self.logpmf(k, mu, loc))

    def cdf(self, k: Any, mu: Any, loc: Any = 0) -> Any:
        """The probability of at most k."""
        n = np.floor(_float(k) - loc)
        return np.where(
            n >= 0.0, sp.gammaincc(np.where(n >= 0.0, n, 0.0) + 1.0, mu), 0.0
        )


class _Dirichlet:
    """The Dirichlet distribution of concentrations alpha (k,)."""

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at x, of shape (k, ...).

        x may also be (k - 1, ...): the parts are 1 together, the last one is left out.
        """
        x, alpha = _float(x), _float(alpha)
        if x.shape[0] == alpha.shape[0] - 1:
            x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
        norm = np.sum(gammaln(alpha)) - gammaln(np.sum(alpha))
        column = np.reshape(alpha - 1.0, (-1, *[1] * (x.ndim - 1)))
        return np.sum(sp.xlogy(column, x), axis=0) - norm

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density at x."""
        return np.exp(self.logpdf(x, alpha))


class _MultivariateNormal:
    """The normal distribution of vectors, by their mean (k,) and covariance (k, k)."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1.0) -> Any:
        """The logarithm of the density at x (..., k); cov may be a number, a vector."""
        x = _float(x)
        cov = _float(cov)
        k = cov.shape[-1] if cov.ndim else (x.shape[-1] if x.ndim else 1)
        if cov.ndim < 2:
            cov = np.eye(k) * cov
        offset = np.reshape(x if mean is None else x - mean, (-1, k))
        factor = linalg.cholesky(cov)
        white = solve_triangular(factor, np.transpose(offset), lower=True)
        volume = np.sum(np.log(np.diagonal(factor)))
        found = -0.5 * np.sum(white * white, axis=0) - volume - k * HALF_LOG_2PI
        shape = x.shape[:-1] if x.ndim and (k > 1 or x.shape[-1] == 1) else x.shape
        return np.reshape(found, shape)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1.0) -> Any:
        """The density at x."""
        return np.exp(self.logpdf(x, mean, cov))

    def entropy(self, mean: Any = None, cov: Any = 1.0) -> Any:
        """The differential entropy."""
        cov = np.atleast_2d(_float(cov))
        k = cov.shape[-1]
        return 0.5 * linalg.slogdet(cov)[1] + k * (0.5 + HALF_LOG_2PI)


norm, uniform, expon, gamma = _Norm(), _Uniform(), _Expon(), _Gamma()
chi2, beta, t, poisson = _Chi2(), _Beta(), _T(), _Poisson()
dirichlet, multivariate_normal = _Dirichlet(), _MultivariateNormal()
