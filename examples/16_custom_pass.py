"""A pass of one's own: division by a number becomes multiplication.

python examples/16_custom_pass.py
"""

import numpy as np

import tapec
from tapec.ir import Constant, rewrite
from tapec.ops import arithmetic, const


@tapec.custom_pass(after="fold")
def reciprocal(fn):
    """x / 3 becomes x * 0.333...: faster, and the last bit may differ."""

    def rule(op, emit):
        if op.prim is not arithmetic.divide or op.args[1].prim is not const.const:
            return emit.keep(op)
        inverse = Constant(1 / op.args[1].attr("value").array)
        emit.reason = "x / c = x * (1 / c)"
        number = emit.new(const.const, value=inverse)
        return emit.new(arithmetic.multiply, op.args[0], number, like=op)

    return rewrite(fn, rule)


def loss(x):
    return np.sum(np.sin(x) / 3.0)


loss_args = (np.array([0.5, 1.0]),)

if __name__ == "__main__":
    f = tapec.grad(loss, passes=[reciprocal])
    print("gradient", f(*loss_args).round(6))

    made = f.inspect(*loss_args)
    print("\n--- the pass among the others")
    print(made.passes())
    print("\n--- what it changed")
    print(made.diff("reciprocal"))
    (division,) = [op for op in made.recorded.ops if op.prim.name == "divide"][:1]
    print("\n--- what became of the division")
    print(made.why(division.uid))

    tapec.add_pass(reciprocal)  # for every function from now on
    g = tapec.grad(loss)
    print("\neverywhere", g(*loss_args).round(6))
    tapec.remove_pass(reciprocal)
