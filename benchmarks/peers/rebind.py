"""Running a workload's function with another module under the name `np`."""

from types import FunctionType


def rebound(function, **names):
    """A copy of `function`, and of those it calls in its module, with other globals."""
    world = dict(function.__globals__)
    for key, value in function.__globals__.items():
        if (
            isinstance(value, FunctionType)
            and value.__globals__ is function.__globals__
        ):
            world[key] = FunctionType(
                value.__code__, world, key, value.__defaults__, value.__closure__
            )
    world.update(names)
    return world[function.__name__]
