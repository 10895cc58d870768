"""The access log: one line per exchange, made of bytes, written in batches.

What is to be written is kept as it is until 32 have come together or a second has passed. Their lines are
made then, one behind the other: between two exchanges, where the kernel has just been, each took twice as
long. They are whole lines in one write, so that the workers can share a file. When the disk is full or nobody
reads the pipe, lines are dropped and counted; serving goes on.
"""

from __future__ import annotations

import logging
from time import time

from proxy.observe.log_lines import Lines, Marks
from proxy.observe.outlet import Outlet
from proxy.observe.past import Entry
from proxy.observe.seldom import Seldom
from proxy.observe.turner import Turner

log = logging.getLogger("proxy.access_log")

BATCH = 32  # lines of a write; a pipe that is read in time takes them, even if they are four times the usual
STDOUT = 1
STEP = 0.01  # seconds by which the clock on the wall may be off before that is looked into


class AccessLog:
    """Where the lines go.

    Args:
        path: a file, or `-` for standard output.
        lines: their form.
        turner: what puts the file aside when it is full; None for somebody else, by `reopen`.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, lines: Lines, turner: Turner | None = None) -> None:
        self._out = Outlet(path, STDOUT, 0o640, turner)
        self._form = lines
        self._waiting: list[Entry | bytes] = []
        self._dropped = 0
        self._due = 0.0
        self._trouble = Seldom(log)

    def reopen(self) -> None:
        """Open the file anew, after it was renamed; lines that wait go to the old one."""
        self.flush()
        try:
            self._out.reopen()
        except OSError as error:
            self._trouble.warn("the access log stays the old file: %s", error)

    def close(self) -> None:
        """Write what waits; nothing comes any more."""
        self.flush()
        self._out.close()

    def ended(self, entry: Entry) -> None:
        """An exchange is over, now."""
        self._look_at_clock(entry)
        self._take(entry)

    def marked(self, entry: Entry, marks: Marks) -> None:
        """The same with words about why the line is there."""
        self._look_at_clock(entry)
        self._take(self._form.line(entry, marks))

    def _look_at_clock(self, entry: Entry) -> None:
        """Where somebody has set it, lines of what ended before that tell the time that was then; 0.1 us."""
        ahead = time() - entry[0]
        if not -STEP < ahead - self._form.ahead < STEP:
            self.flush()
            self._form.ahead = ahead

    def _take(self, entry: Entry | bytes) -> None:
        waiting = self._waiting
        waiting.append(entry)
        if len(waiting) >= BATCH:
            self.flush()

    def refused(self, address: str, status: int, start: bytes) -> None:
        """What could not be read as a request; its first octets are all that is known."""
        self._take(self._form.refused(address, status, start.partition(b"\r\n")[0][:100]))

    def tick(self, now: float) -> None:
        """Called by the deadline wheel: write at least once a second."""
        if now >= self._due:
            self._due = now + 1.0
            self.flush()
            if self._out.should_reopen(turn=True):
                self.reopen()

    def flush(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        line = self._form.line
        lost, why = self._out.write(b"".join([
            entry if isinstance(entry, bytes) else line(entry) for entry in waiting]))
        if why:
            self._drop(lost, why)

    def _drop(self, lines: int, why: str) -> None:
        """Count what was lost, and say so now and then, not each time."""
        self._dropped += lines
        lost = self._dropped
        self._trouble.warn("the access log cannot be written (%s); %d lines are lost so far", why, lost)
