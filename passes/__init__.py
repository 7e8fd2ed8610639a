"""Passes: functions from Function to Function, one per file."""

if __name__ != "tapec.passes":
    raise ImportError("this package is named tapec.passes: import tapec.passes")
