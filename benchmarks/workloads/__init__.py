"""Functions to differentiate, in plain NumPy, each with a gradient written by hand."""

from benchmarks.workloads import (
    black_scholes,
    bundle,
    gmm,
    hessian,
    logistic,
    lstm,
    mlp,
    recurrence,
    rosenbrock,
    step,
)
from benchmarks.workloads.record import Workload

WORKLOADS: tuple[Workload, ...] = (
    rosenbrock.rosen2,
    rosenbrock.rosen1000,
    black_scholes.bs1m,
    logistic.logreg,
    mlp.mlp64,
    mlp.mlp512,
    gmm.gmm10_25,
    gmm.gmm64_50,
    lstm.lstm2_1024,
    recurrence.rec10000,
    bundle.ba10k,
    hessian.hess50,
    step.step,
)
