"""What tapec does, as lines of `logging`: one event each, `name key=value ...`.

`TAPEC_LOG=passes,fusion,retrace,cache` (or `all`) writes them to the standard error;
the loggers are called `tapec.passes` and so on, at level DEBUG.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

__all__ = ["CHANNELS", "configure", "event", "listening"]

CHANNELS = ("passes", "fusion", "retrace", "cache")

DEBUG = 10
"""The level, as `logging` counts, which is not imported here."""

_loggers: dict[str, Any] = {}
"""By channel, those that were asked already."""


def listening(channel: str) -> bool:
    """Whether somebody wants the events of a channel; cheap if nobody logs at all."""
    logger = _loggers.get(channel)
    if logger is None:
        logging: Any = sys.modules.get("logging")
        if logging is None:
            return False
        logger = _loggers[channel] = logging.getLogger(f"tapec.{channel}")
    return bool(logger.isEnabledFor(DEBUG))


def event(channel: str, what: str, **fields: Any) -> None:
    """Log one event; texts with blanks are quoted."""
    if not listening(channel):
        return
    import logging

    shown = "".join(f" {key}={_shown(value)}" for key, value in fields.items())
    logging.getLogger(f"tapec.{channel}").debug("%s", what + shown)


def _shown(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return repr(text) if not text or set(text) & set(" \n'\"=") else text


def configure(text: str) -> None:
    """Write the channels named in `a,b` (or `all`) to the standard error."""
    wanted = [name for name in text.replace(" ", "").split(",") if name]
    unknown = [name for name in wanted if name not in (*CHANNELS, "all")]
    if unknown:
        warnings.warn(
            f"TAPEC_LOG: there is no {unknown[0]}, only {', '.join(CHANNELS)}, all",
            stacklevel=2,
        )
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    for name in CHANNELS:
        if name in wanted or "all" in wanted:
            logger = logging.getLogger(f"tapec.{name}")
            logger.setLevel(logging.DEBUG)
            logger.addHandler(handler)
            logger.propagate = False


if os.environ.get("TAPEC_LOG"):
    configure(os.environ["TAPEC_LOG"])
