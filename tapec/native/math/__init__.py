"""Mathematical functions as scalar LLVM IR that the loop vectorizer widens.

Without branches, without calls (`large` tells of one exception), without fast-math
flags. The tests hold each to 2 ulps of the exact value (power to 4), subnormal numbers
included, and to the special values of NumPy and SciPy.
"""

from .functions import ARITY, NAMES, call, declare, define

__all__ = ["ARITY", "NAMES", "call", "declare", "define"]
