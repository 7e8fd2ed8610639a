"""What emitted calls rely on is checked at import, and can be done without."""

from __future__ import annotations

import faulthandler
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tapec.native import abi
from tapec.native.callable import Called, called_directly

ROOT = Path(__file__).parents[2]


def test_available_where_it_is_meant_to_be() -> None:
    expected = (
        platform.python_implementation() == "CPython"
        and sys.maxsize > 2**32
        and os.environ.get("TAPEC_PORTABLE", "0") in ("", "0")
    )
    assert expected == abi.AVAILABLE


@pytest.mark.parametrize(
    "offset",
    [
        "NUMBER", "SIZE", "LIST_ITEMS", "DICT_SIZE", "REFERENT", "CELL", "TYPE",
        "DTYPE_ORDER", "DTYPE_NUMBER", "TYPE_FLAGS", "_ARRAY_TYPE",
    ],
)  # fmt: skip
@pytest.mark.skipif(not abi.AVAILABLE or not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_offset_is_noticed(offset: str) -> None:
    """In a process of its own: what is read there may be anything."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        setattr(abi, offset, getattr(abi, offset) + (1 if offset[0] == "_" else 8))
        os._exit(1 if abi._available() else 0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status <= 0  # negative: it died or hung reading there


def test_it_can_be_switched_off() -> None:
    program = (
        "import tapec; from tapec.native.abi import AVAILABLE\n"
        "f = tapec.jit(lambda x: x + 1)\n"
        "print(AVAILABLE, [f(1.0) for _ in range(4)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "TAPEC_PORTABLE": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == "False [2.0, 2.0, 2.0, 2.0]"


def test_without_code_an_object_is_called_by_python() -> None:
    @called_directly
    class Thing(Called):
        def __call__(self, *args: Any, **kw: Any) -> Any:
            return args, kw

    class Other(Thing):
        def __call__(self) -> Any:
            return "its own"

    assert Thing()(1, a=2) == ((1,), {"a": 2})
    assert Other()() == "its own"
