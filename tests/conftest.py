"""Options and environment of every test."""

import atexit
import os
import shutil
import signal
import tempfile

import pytest

# Each pass is followed by the verifier, in subprocesses too.
os.environ.setdefault("TAPEC_VERIFY", "1")


# A cache of its own, one for all processes of a run.
if "TAPEC_CACHE_DIR" not in os.environ:
    folder = os.environ["TAPEC_CACHE_DIR"] = tempfile.mkdtemp(prefix="tapec-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def pytest_addoption(parser):
    parser.addoption(
        "--bless",
        action="store_true",
        help="rewrite the right halves of the golden files; read the diff",
    )


@pytest.fixture(autouse=True)
def _interrupts():
    """Ctrl-C is what it was before the test: pdb keeps a handler of its own."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if signal.getsignal(signal.SIGINT) is not before:
        signal.signal(signal.SIGINT, before)
