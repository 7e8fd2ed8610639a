"""The rules of `simplify`, in families; importing one enters its rules."""

from tapec.passes.simplifying import arithmetic, movement, places, selection

__all__ = ["arithmetic", "movement", "places", "selection"]
