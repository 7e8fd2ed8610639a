"""Small arrays become their elements.

    %2: f64[9,2] = multiply %x, %x          %2: f64[9] = <column 0 of %x>
    %3: f64[9] = sum %2 axis=(1,)           %3: f64[9] = <column 1 of %x>
    %4: f64[9,1] = reshape %3               %4: f64[9] = multiply %2, %2
    %5: f64[9,2] = divide %x, %4     ->     %5: f64[9] = multiply %3, %3
                                            %6: f64[9] = add %4, %5
                                            %7: f64[9] = divide %2, %6
                                            %8: f64[9] = divide %3, %6
                                            %9: f64[9,2] = pack %7, %8 shape=(2,)

An array of a few dozen elements is as many scalars; one with a long first axis (the
examples of a `vmap`) as many vectors along it. What was a reduction, a small matrix
product, a slice or a transpose of them is then arithmetic, or nothing at all, and one
kernel computes it in registers; its lanes are the examples. This is done to groups of
ops that would be several kernels otherwise, if they are not too large.
"""

from __future__ import annotations

from tapec.ir import Function
from tapec.passes.cse import cse
from tapec.passes.dce import dce
from tapec.passes.fold import fold
from tapec.passes.scalars.choose import chosen
from tapec.passes.scalars.rebuild import rebuilt
from tapec.passes.simplify import simplify

__all__ = ["scalarize"]


def scalarize(fn: Function) -> Function:
    """Replace small arrays by their elements where that saves kernels."""
    plans = chosen(fn)
    if not plans:
        return fn
    return dce(cse(fold(simplify(rebuilt(fn, plans)))))
