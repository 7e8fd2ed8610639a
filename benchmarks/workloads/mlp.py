"""A network 784-256-128-10 in float32: relu, softmax cross-entropy."""

from itertools import pairwise

import numpy as np

from benchmarks.workloads.record import Workload

SIZES = (784, 256, 128, 10)


def loss(w1, b1, w2, b2, w3, b3, x, targets):
    h1 = np.maximum(x @ w1 + b1, 0.0)
    h2 = np.maximum(h1 @ w2 + b2, 0.0)
    scores = h2 @ w3 + b3
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(np.sum(targets * (shifted - log_total), axis=1))


def by_hand(w1, b1, w2, b2, w3, b3, x, targets):
    n = len(x)
    h1, h2, scores, column = (
        np.empty((n, k), np.float32) for k in (SIZES[1], SIZES[2], SIZES[3], 1)
    )
    d1, d2, p = np.empty_like(h1), np.empty_like(h2), np.empty_like(scores)
    grads = [np.empty_like(a) for a in (w1, b1, w2, b2, w3, b3)]

    def call():
        for inputs, w, b, out in ((x, w1, b1, h1), (h1, w2, b2, h2)):
            np.matmul(inputs, w, out=out)
            out += b
            np.maximum(out, 0.0, out=out)
        np.matmul(h2, w3, out=scores)
        np.add(scores, b3, out=scores)
        np.max(scores, axis=1, keepdims=True, out=column)
        np.subtract(scores, column, out=scores)
        np.exp(scores, out=p)
        np.sum(p, axis=1, keepdims=True, out=column)
        value = (np.sum(np.log(column)) - np.vdot(targets, scores)) / n
        np.divide(p, column, out=p)
        np.subtract(p, targets, out=p)
        np.multiply(p, np.float32(1.0 / n), out=p)
        layers = ((h2, w3, p, d2, 4), (h1, w2, d2, d1, 2), (x, w1, d1, None, 0))
        for inputs, w, error, below, i in layers:
            np.matmul(inputs.T, error, out=grads[i])
            np.sum(error, axis=0, out=grads[i + 1])
            if below is not None:
                np.matmul(error, w.T, out=below)
                np.multiply(below, inputs > 0.0, out=below)
        return value, tuple(grads)

    return call


def make(batch):
    rng = np.random.default_rng(0)
    parameters = []
    for a, b in pairwise(SIZES):
        parameters += [rng.normal(size=(a, b)) * np.sqrt(2.0 / a), np.zeros(b)]
    x = rng.normal(size=(batch, SIZES[0]))
    targets = np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], batch)]
    return tuple(a.astype(np.float32) for a in (*parameters, x, targets))


def workload(batch):
    return Workload(
        name=f"mlp{batch}",
        about=f"network 784-256-128-10, float32, batch {batch}, by all weights",
        function=loss,
        argnums=tuple(range(6)),
        make=lambda: make(batch),
        by_hand=by_hand,
        rtol=2e-4,
    )


mlp64 = workload(64)
mlp512 = workload(512)
