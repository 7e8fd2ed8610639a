"""Lowering to LLVM IR and running it."""
