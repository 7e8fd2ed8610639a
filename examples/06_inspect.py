"""Looking inside: the IR, what each pass changed and why, and a picture.

python examples/06_inspect.py
"""

import sys
from pathlib import Path

import numpy as np

import tapec


@tapec.grad
def f(x, w):
    y = np.tanh(x * w)
    return np.sum(y * y) + np.sum(np.tanh(x * w))


f_args = (np.array([0.5, 1.0]), np.array([1.0, 2.0]))

if __name__ == "__main__":
    made = f.inspect(*f_args)
    print(made)
    print(made.passes())

    print("\n--- recorded: what the code did, and its gradient")
    print(made.text())

    print("\n--- what cse did: the second tanh is the first")
    print(made.diff("cse"))

    recorded = made.stages["recorded"]
    second_tanh = [op.uid for op in recorded.ops if op.prim.name == "tanh"][1]
    print(f"\n--- why there is no %{second_tanh} in the end")
    print(made.why(second_tanh))

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    picture = folder / "inspect.svg"
    made.svg(picture)
    print(f"\nwrote {picture.name}")
