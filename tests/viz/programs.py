"""Programs for the explorer's tests, with real source lines."""

from __future__ import annotations

from functools import cache

import numpy as np

import tapec
from tapec.documents import kernels_by_stage
from tapec.viz.graph import Memo, from_function

PAGES = ("softmax", "rolled", "tiled", "branched", "with_nan", "layers", "looping")


def graphs_of(seen):
    memo = Memo()
    return [
        from_function(stage.function, placed=placed, memo=memo)
        for stage, placed in zip(seen.log, kernels_by_stage(seen.log), strict=True)
    ]


def loss(w, b, x, y):
    with tapec.scope("softmax"):
        z = x @ w + b
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(p) * y)


@cache
def softmax():
    made = tapec.value_and_grad(loss, argnums=(0, 1))
    numbers = np.linspace(-1.0, 1.0, 128 * 64).reshape(128, 64)
    return made.inspect(numbers[:64, :10], np.zeros(10), numbers, numbers[:, :10])


def rounds(x, w):
    for i in range(40):
        x = np.tanh(x @ w) * 1.0 + 0.1 * i
    return np.sum(x * x)


@cache
def rolled():
    made = tapec.value_and_grad(rounds, argnums=(0, 1))
    return made.inspect(np.ones((8, 16)), np.full((16, 16), 0.01))


def logistic(w, x, y):
    return np.mean(np.log1p(np.exp(-y * (x @ w))))


@cache
def tiled():
    x = np.linspace(-1.0, 1.0, 100_000 * 20).reshape(100_000, 20)
    return tapec.value_and_grad(logistic).inspect(np.ones(20), x, np.sign(x[:, 0]))


def piece(x):
    with tapec.scope("branch"):
        return tapec.cond(x[0] > 0.0, np.sum, lambda v: np.sum(v * v), x)


@cache
def branched():
    return tapec.value_and_grad(piece).inspect(-np.ones(3))


def pendulum(angle, speed):
    def step(state, _):
        angle, speed = state
        speed = speed - 0.01 * np.sin(angle)
        return (angle + 0.01 * speed, speed), angle

    (angle, speed), _ = tapec.scan(step, (angle, speed), np.arange(50.0))
    return angle * angle + speed


@cache
def looping():
    return tapec.value_and_grad(pendulum).inspect(0.5, 0.1)


def spoilt(x):
    y = np.log(x)
    return np.sum(y * 2.0)


@cache
def with_nan():
    return tapec.value_and_grad(spoilt).inspect(np.array([-1.0, 1.0, 0.0]))


def layered(x, w):
    for i in range(4):
        with tapec.scope(f"layer{i}"):
            x = np.tanh(x * w[i])
    return np.sum(x)


@cache
def layers():
    return tapec.grad(layered, argnums=(0, 1)).inspect(np.ones(5), np.ones((4, 5)))
