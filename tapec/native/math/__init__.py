"""Mathematical functions as scalar LLVM IR that the loop vectorizer widens."""

from .define import ARITY, NAMES, call, define

__all__ = ["ARITY", "NAMES", "call", "define"]
