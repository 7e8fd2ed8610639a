"""What `FILE.py:FUNCTION` on the command line names.

Where the arguments come from, in this order: `--args`; a tuple `FUNCTION_args` in the
file; a tuple `example_args` in the file; nothing, for a function without parameters.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tapec.errors import TapecError
from tapec.inspect import Inspection
from tapec.inspect import inspect as inspect_compiled

__all__ = ["TargetError", "inspection_of"]


class TargetError(Exception):
    """The command does not say what to show."""


def inspection_of(target: str, args: str | None = None) -> Inspection:
    """What tapec makes of `FILE.py:FUNCTION` (or `package.module:FUNCTION`).

    TargetError when the command is wrong; TapecError when the user's code fails.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise TargetError(f"{target}: write FILE.py:FUNCTION, such as fit.py:loss")
    module = _load(place)
    fun = _find(module, place, name)
    positional, named = _arguments(module, place, name, fun, args)
    try:
        return inspect_compiled(fun, *positional, **named)
    except TapecError:
        raise
    except Exception as error:
        raise _failure(f"{name} failed while it was traced", error) from error


def _load(place: str) -> ModuleType:
    """The module; what it prints goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            if place.endswith(".py"):
                return _load_file(Path(place))
            return importlib.import_module(place)
        except (TargetError, TapecError):
            raise
        except ModuleNotFoundError as error:
            if error.name is not None and place.startswith(error.name):
                raise TargetError(
                    f"{place}: neither a file that ends in .py nor a module"
                ) from None
            raise _failure(f"{place} cannot be imported", error) from error
        except (Exception, SystemExit) as error:
            raise _failure(f"{place} cannot be imported", error) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"{path}: no such file")
    name = re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # as `python FILE.py` has it
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _find(module: ModuleType, place: str, name: str) -> Callable[..., Any]:
    found: Any = getattr(module, name, None)
    if callable(found) and not isinstance(found, type):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise TargetError(
            f"{place}: {name} is a {type(found).__name__}, not a function"
        )
    here = [
        key
        for key, value in vars(module).items()
        if callable(value)
        and not key.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and not isinstance(value, type)
    ]
    listed = f"; there are {', '.join(here)}" if here else ""
    raise TargetError(f"{place} has no function {name}{listed}")


def _arguments(
    module: ModuleType,
    place: str,
    name: str,
    fun: Callable[..., Any],
    given: str | None,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if given is not None:
        return _evaluated(module, given)
    for key in (f"{name}_args", "example_args"):
        found = getattr(module, key, None)
        if found is not None:
            return (found if isinstance(found, tuple) else (found,)), {}
    parameters = inspect.signature(fun).parameters.values()
    if all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in parameters
    ):
        return (), {}
    listed = ", ".join(p.name for p in parameters)
    raise TargetError(
        f"{name}({listed}) needs arguments to be traced with; give them as "
        f'--args="np.ones(3), 2.0", or write {name}_args = (np.ones(3), 2.0) in {place}'
    )


def _evaluated(module: ModuleType, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments written as in a call, with the names of the file and `np`."""
    names = {"np": np, **vars(module), "_collect": lambda *a, **kw: (a, kw)}
    try:
        found = eval(f"_collect({text})", names)
    except Exception as error:
        kind = type(error).__name__
        raise TargetError(f"--args={text!r}: {kind}: {error}") from None
    return found  # type: ignore[no-any-return]


def _failure(what: str, error: BaseException) -> TapecError:
    """One message with the user's own line; the whole traceback under `-X dev`."""
    if sys.flags.dev_mode:
        traceback.print_exception(error)
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith("<")
        and not Path(f.filename).is_relative_to(_TAPEC)
    ]
    lines = [f"{what}: {type(error).__name__}: {error}"]
    if isinstance(error, SyntaxError) or not frames:
        return TapecError(lines[0])
    last = frames[-1]
    lines += [f"  {last.filename}:{last.lineno}, in {last.name}", f"    {last.line}"]
    return TapecError("\n".join(lines))


_TAPEC = Path(__file__).parents[1]
