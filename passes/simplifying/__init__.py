"""The rules of `simplify`, in families; importing one enters its rules."""

from tapec.passes.simplifying import arithmetic, movement, selection

__all__ = ["arithmetic", "movement", "selection"]
