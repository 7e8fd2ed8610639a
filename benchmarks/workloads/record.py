"""What a workload is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Call = Callable[[], Any]


class Workload(NamedTuple):
    """A scalar function and the arguments to take its value and gradient at.

    function: plain NumPy; peers that need another `np` run it with that one.
    argnums: positions of the arguments to differentiate.
    make: the arguments, the same at each call.
    by_hand: makes a call that gives `(value, gradients)` in NumPy, for arguments; the
        reference that all others are compared with.
    own: makers of calls for peers that need another form, by name of the peer.
    """

    name: str
    about: str
    function: Callable[..., Any]
    argnums: tuple[int, ...]
    make: Callable[[], tuple[Any, ...]]
    by_hand: Callable[..., Call]
    rtol: float = 1e-9
    own: Mapping[str, Callable[..., Call]] = {}
