"""The Gaussian mixture objective of ADBench, by weights, means and inverse covariances.

Each covariance is given by its inverse factor: the logarithms of a diagonal, then the
entries below it, column by column.
"""

from math import lgamma, log, pi

import numpy as np

from benchmarks.workloads.record import Workload

GAMMA, M = 1.0, 0


def objective(alphas, means, icf, x):
    n, d = x.shape
    below, is_below = triangle(d)
    log_diagonal = icf[:, :d]
    diagonal = np.exp(log_diagonal)
    factors = np.where(is_below, icf[:, below], 0.0)
    on = np.eye(d, dtype=bool)
    factors = np.where(on, diagonal[:, None, :] * np.ones((d, 1)), factors)
    centred = x[None, :, :] - means[:, None, :]
    scaled = centred @ np.swapaxes(factors, 1, 2)
    volumes = np.sum(log_diagonal, axis=1)
    inner = (alphas + volumes)[:, None] - 0.5 * np.sum(scaled * scaled, axis=2)
    likelihood = np.sum(log_sum_exp(inner)) - n * np.sum(log_sum_exp(alphas[:, None]))
    spread = np.sum(diagonal * diagonal) + np.sum(icf[:, d:] * icf[:, d:])
    prior = 0.5 * GAMMA**2 * spread - M * np.sum(volumes)
    return likelihood + prior + constant(n, d, means.shape[0])


def triangle(d):
    """Which entry of `icf` is where below the diagonal, and where that is."""
    i, j = np.arange(d)[:, None], np.arange(d)
    before = d + j * (d - 1) - j * (j - 1) // 2
    return np.where(i > j, before + i - j - 1, 0), i > j


def log_sum_exp(a):
    """Along the first axis."""
    top = np.max(a, axis=0)
    return np.log(np.sum(np.exp(a - top), axis=0)) + top


def constant(n, d, k):
    degrees = d + M + 1
    scale = degrees * d * (log(GAMMA) - 0.5 * log(2.0))
    gammas = sum(lgamma(0.5 * (degrees - j)) for j in range(d))
    wishart = scale - (0.25 * d * (d - 1) * log(pi) + gammas)
    return -0.5 * n * d * log(2.0 * pi) - k * wishart


def by_hand(alphas, means, icf, x):
    n, d = x.shape
    k = len(alphas)
    below, is_below = triangle(d)
    rows, columns = np.nonzero(is_below)
    centred, scaled, back = (np.empty((k, n, d)) for _ in range(3))
    factors = np.zeros((k, d, d))
    inner = np.empty((k, n))
    on = np.arange(d)

    def call():
        diagonal = np.exp(icf[:, :d])
        factors[:, rows, columns] = icf[:, below[rows, columns]]
        factors[:, on, on] = diagonal
        np.subtract(x[None], means[:, None], out=centred)
        np.matmul(centred, factors.swapaxes(1, 2), out=scaled)
        np.einsum("knd,knd->kn", scaled, scaled, out=inner)
        np.multiply(inner, -0.5, out=inner)
        volumes = icf[:, :d].sum(axis=1)
        np.add(inner, (alphas + volumes)[:, None], out=inner)
        top = inner.max(axis=0)
        np.subtract(inner, top, out=inner)
        np.exp(inner, out=inner)
        total = inner.sum(axis=0)
        mixture = np.exp(alphas - alphas.max())
        value = np.sum(np.log(total)) + top.sum()
        value -= n * (np.log(mixture.sum()) + alphas.max())
        value += (
            0.5 * GAMMA**2 * (np.sum(diagonal**2) + np.sum(icf[:, d:] ** 2))
            - M * volumes.sum()
        )
        np.divide(inner, total, out=inner)  # the responsibilities
        each = inner.sum(axis=1)
        np.multiply(scaled, -inner[:, :, None], out=scaled)
        d_factors = np.matmul(scaled.swapaxes(1, 2), centred)
        np.matmul(scaled, factors, out=back)
        d_icf = np.empty_like(icf)
        d_icf[:, :d] = (each - M)[:, None] + d_factors[:, on, on] * diagonal
        d_icf[:, :d] += GAMMA**2 * diagonal**2
        d_icf[:, d:] = GAMMA**2 * icf[:, d:]
        d_icf[:, below[rows, columns]] += d_factors[:, rows, columns]
        d_alphas = each - n * mixture / mixture.sum()
        return value + constant(n, d, k), (d_alphas, -back.sum(axis=1), d_icf)

    return call


def make(d, k, n=1000):
    rng = np.random.default_rng(0)
    icf = rng.normal(size=(k, d * (d + 1) // 2)) * 0.3
    return (
        rng.normal(size=k),
        rng.normal(size=(k, d)),
        icf,
        rng.normal(size=(n, d)),
    )


def workload(d, k):
    return Workload(
        name=f"gmm{d}_{k}",
        about=f"ADBench mixture of {k} Gaussians in {d} dimensions, 1,000 points",
        function=objective,
        argnums=(0, 1, 2),
        make=lambda: make(d, k),
        by_hand=by_hand,
        rtol=1e-8,
    )


gmm10_25 = workload(10, 25)
gmm64_50 = workload(64, 50)
