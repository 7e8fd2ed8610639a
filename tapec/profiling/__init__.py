"""Where the time of a native program goes, against what the machine can do.

machine: measured limits. work: bytes and operations of a step. profile: the table.
"""

from tapec.profiling.profile import Profile, Row, profile

__all__ = ["Profile", "Row", "profile"]
