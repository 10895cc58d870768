"""The access log: one line per exchange, made of bytes, written in batches.

Lines collect in memory and are written when 64 KiB have come together or a second has passed,
always whole lines in one write, so that the workers can share a file. When the disk is full or nobody
reads the pipe, lines are dropped and counted; serving goes on.
"""

from __future__ import annotations

import logging

from proxy.http.exchange import Exchange
from proxy.observe.log_lines import NONE, Lines, Marks
from proxy.observe.outlet import Outlet
from proxy.observe.seldom import Seldom
from proxy.observe.turner import Turner

log = logging.getLogger("proxy.access_log")

BATCH = 65536  # octets collected before a write
STDOUT = 1


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
        self._lines: list[bytes] = []
        self._size = 0
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

    def ended(self, exchange: Exchange, now: float) -> None:
        self._add(self._form.line(exchange, now))

    def marked(self, exchange: Exchange, now: float, marks: Marks = NONE) -> None:
        """The same with words about why the line is there."""
        self._add(self._form.line(exchange, now, marks))

    def refused(self, address: str, status: int, start: bytes) -> None:
        """What could not be read as a request; its first octets are all that is known."""
        self._add(self._form.refused(address, status, start.partition(b"\r\n")[0][:100]))

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)
        if self._size >= BATCH:
            self.flush()

    def tick(self, now: float) -> None:
        """Called by the deadline wheel: write at least once a second."""
        if now >= self._due:
            self._due = now + 1.0
            self.flush()
            if self._out.should_reopen(turn=True):
                self.reopen()

    def flush(self) -> None:
        if not self._lines:
            return
        data = b"".join(self._lines)
        self._lines, self._size = [], 0
        lost, why = self._out.write(data)
        if why:
            self._drop(lost, why)

    def _drop(self, lines: int, why: str) -> None:
        """Count what was lost, and say so now and then, not each time."""
        self._dropped += lines
        lost = self._dropped
        self._trouble.warn("the access log cannot be written (%s); %d lines are lost so far", why, lost)
