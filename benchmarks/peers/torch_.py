"""PyTorch: eager, and torch.compile where a C++ compiler is found."""

import shutil
from types import SimpleNamespace

import numpy as np

from benchmarks.peers.rebind import rebound

NAME = "torch"


def available():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def prepare(workload, args):
    if workload.own:
        return workload.own[NAME](*args) if NAME in workload.own else None
    return gradient(spelled(workload), workload.argnums, args)


def spelled(workload):
    import torch

    return rebound(workload.function, np=names(), special=torch.special)


def gradient(function, argnums, args):
    import torch

    tensors = [tensor(a) for a in args]
    leaves = [tensors[i].requires_grad_() for i in argnums]

    def call():
        value = function(*tensors)
        return value.detach(), torch.autograd.grad(value, leaves)

    return call


def tensor(x):
    import torch

    return torch.from_numpy(np.array(x)) if isinstance(x, (np.ndarray, float)) else x


def names():
    """What the workloads call `np`."""
    import torch

    def sqrt(x):
        return torch.sqrt(x) if isinstance(x, torch.Tensor) else float(np.sqrt(x))

    def maximum(a, b):
        return torch.clamp(a, min=b) if isinstance(b, float) else torch.maximum(a, b)

    def logaddexp(a, b):
        return torch.logaddexp(torch.as_tensor(a, dtype=b.dtype), b)

    def sum_(x, axis=None, keepdims=False):
        return x.sum() if axis is None else x.sum(axis, keepdim=keepdims)

    def max_(x, axis=None, keepdims=False):
        return x.max() if axis is None else torch.amax(x, axis, keepdim=keepdims)

    def eye(n, dtype=float):
        return torch.eye(n, dtype=torch.bool if dtype is bool else torch.float64)

    def ones(shape):
        return torch.ones(shape, dtype=torch.float64)

    return SimpleNamespace(
        exp=torch.exp, log=torch.log, sqrt=sqrt, sin=torch.sin, cos=torch.cos,
        tanh=torch.tanh, mean=torch.mean, swapaxes=torch.swapaxes, stack=torch.stack,
        sum=sum_, max=max_, maximum=maximum, logaddexp=logaddexp, eye=eye,
        ones=ones, where=torch.where, arange=torch.arange,
    )  # fmt: skip


class Compiled:
    """`torch.compile`, a peer of its own."""

    NAME = "torch.compile"

    @staticmethod
    def available():
        return available() and shutil.which("g++") is not None

    @staticmethod
    def prepare(workload, args):
        import torch

        if workload.own:
            return None
        compiled = torch.compile(spelled(workload))
        return gradient(compiled, workload.argnums, args)
