"""Dead-code elimination.

func @f(%x: f64[3]) {             func @f(%x: f64[3]) {
  %1: f64[3] = tanh %x              %2: f64[3] = exp %x
  %2: f64[3] = exp %x        ->     return %2
  %3: f64[3] = add %1, %2         }
  return %2
}
"""

from __future__ import annotations

from tapec.ir import Function, prune

__all__ = ["dce"]


def dce(fn: Function) -> Function:
    """Drop the ops that neither the results nor an effect depend on."""
    return prune(fn)
