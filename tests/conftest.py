"""Options and environment of every test."""

import os

# Each pass is followed by the verifier, in subprocesses too.
os.environ.setdefault("TAPEC_VERIFY", "1")


def pytest_addoption(parser):
    parser.addoption(
        "--bless",
        action="store_true",
        help="rewrite the right halves of the golden files; read the diff",
    )
