"""Measurements of tapec and of its peers: `python -m benchmarks`.

A time is reported, never asserted. Results are compared with a reference before
anything is timed; contestants take turns, so that a busy moment of the machine meets
all of them; imports are a time of their own.
"""
