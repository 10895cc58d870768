"""When a worker looks at its log file: once a second, for some microseconds; the rest is for threads.

The rule of this room: nothing comes back from a thread by itself; the next look finds what it did. So
nothing is awaited when the worker ends, and a disk that hangs holds up no loop.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor

from proxy.config.log_schema import Rotate
from proxy.http.disk import POOL
from proxy.observe.rotation import Rotation
from proxy.observe.seldom import Seldom

log = logging.getLogger("proxy.logs")

PATIENCE = 2  # looks until it is tried again whether all processes have let go of an old file

# A thread of its own: it makes itself the least important of all, and stays so.
TIDYING = ThreadPoolExecutor(1, "old logs")


class Turner:
    """Has one log file turned when it is time, and tells its writer to open the new one."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation
        self._trouble = Seldom(log)
        self._period = 0
        self._turning: Future[bool] | None = None
        self._tidying: Future[bool] | None = None
        self._untidy = True  # a start finds what an end has left
        self._pause = 0

    def opened(self, fd: int) -> None:
        """This descriptor is of the file that the path names."""
        self._period = self._rotation.period(os.fstat(fd))

    def should_reopen(self, fd: int, *, turn: bool = True) -> bool:
        """Called once a second.

        Args:
            turn: whether this process may; one that forks has no threads (a child would wait for them).
        """
        try:
            if turn:
                self._hear()
                self._tidy()
            file = os.fstat(fd)
            if self._rotation.moved(file):
                return True
            if turn and self._turning is None and self._rotation.due(file, self._period):
                self._turning = POOL.submit(self._rotation.turn, file)
        except OSError as error:
            self._trouble.warn("the log %s is not rotated: %s", self._rotation.path, error)
        return False

    def _hear(self) -> None:
        """What has become of the threads' work."""
        if self._turning is not None and self._turning.done():
            turning, self._turning = self._turning, None
            self._untidy |= turning.result()
        if self._tidying is not None and self._tidying.done():
            tidying, self._tidying = self._tidying, None
            self._pause = PATIENCE
            self._untidy = not tidying.result()

    def _tidy(self) -> None:
        self._pause -= 1
        if self._untidy and self._tidying is None and self._pause < 0:
            self._tidying = TIDYING.submit(self._rotation.tidy)


def turner_of(path: str, rotate: Rotate | None) -> Turner | None:
    """As the configuration has it; a standard stream is put aside by whoever reads it."""
    if rotate is None or path == "-":
        return None
    return Turner(Rotation(path, **rotate.model_dump()))
