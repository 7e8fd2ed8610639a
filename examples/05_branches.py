"""Branches and loops: Python's own `if`, `while` and `assert` on traced values.

A compiled version is valid for the branches that were taken when it was traced. It
tests them at each call; when one goes the other way, the function is traced again and
both versions are kept.

python examples/05_branches.py
"""

import tapec


@tapec.grad
def huber(x):
    if abs(x) < 1.0:
        return 0.5 * x * x
    return abs(x) - 0.5


@tapec.value_and_grad
def root(a):
    """Newton's iteration; its length depends on the number."""
    assert a > 0, "a positive number"
    x = a
    while abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


if __name__ == "__main__":
    for x in (0.5, 3.0, -3.0, 0.25):
        print(f"huber'({x}) = {huber(x)}")
    print("versions:", len(huber.signatures))
    print(huber.explain_retrace())

    for a in (2.0, 9.0):
        value, slope = root(a)
        print(f"sqrt({a}) = {value:.6f}, slope {slope:.6f}")
