"""Python's own loops, where a traced number decides when they end.

A recording holds as many rounds as the example took. `Rounds` sees each check pass;
when a loop has ended it compares the rounds, and puts a `while_loop` in their place.
"""

from tapec.rounds.watch import Rounds

__all__ = ["Rounds"]
