"""Warnings of what lasts, without a line for each time.

The rule of this room: a full disk would else fill the log with a line for each request, on that same disk.
"""

from __future__ import annotations

import logging
from time import monotonic

PAUSE = 60.0  # seconds between two warnings of the same


class Seldom:
    """Warns the first time, then once a minute, with how often it came since.

    Args:
        pause: seconds, where a minute is not right.
    """

    def __init__(self, log: logging.Logger, pause: float = PAUSE) -> None:
        self._log = log
        self._pause = pause
        self._silent_until = 0.0
        self._left_out = 0

    def warn(self, message: str, *args: object) -> None:
        now = monotonic()
        if now < self._silent_until:
            self._left_out += 1
            return
        if self._left_out:
            message += f" ({self._left_out} times more since the last such line)"
        self._left_out = 0
        self._silent_until = now + self._pause
        self._log.warning(message, *args)
