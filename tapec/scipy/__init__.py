"""SciPy's functions on tensors, for those that cannot find them by themselves.

The ufuncs of `scipy.special` work on tensors as they are. What SciPy writes in Python
(`logsumexp`, `softmax`, linear algebra) is here under the same names.
"""
