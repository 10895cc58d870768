"""The access log: one line per exchange, made of bytes, written in batches.

Lines collect in memory and are written when 64 KiB have come together or a second has passed,
always whole lines in one write, so that the workers can share a file. When the disk is full or nobody
reads the pipe, lines are dropped and counted; serving goes on.
"""

from __future__ import annotations

import logging
import os
import select
import stat

from proxy.http.exchange import Exchange
from proxy.observe.log_lines import NONE, Lines, Marks
from proxy.observe.logs import Seldom
from proxy.observe.turner import Turner

log = logging.getLogger("proxy.access_log")

BATCH = 65536         # octets collected before a write
PIPE_PIECE = 4096     # PIPE_BUF: what a pipe that is ready takes without blocking
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
        self._path = path
        self._form = lines
        self._turner = turner
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._failed = False  # the last write
        self._due = 0.0
        self._trouble = Seldom(log)
        self._fd = self._open()
        self._careful = self._is_no_file()

    def _open(self) -> int:
        if self._path == "-":
            return STDOUT
        while True:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            if self._turner is None or self._turner.opened(fd):
                return fd
            os.close(fd)  # it was put aside this moment

    def _is_no_file(self) -> bool:
        try:
            return not stat.S_ISREG(os.fstat(self._fd).st_mode)
        except OSError:
            return True

    def reopen(self) -> None:
        """Open the file anew, after it was renamed; lines that wait go to the old one."""
        self.flush()
        try:
            fresh = self._open()
        except OSError as error:
            self._trouble.warn("the access log stays the old file: %s", error)
            return
        self._close_file()
        self._fd = fresh
        self._careful = self._is_no_file()

    def close(self) -> None:
        """Write what waits; nothing comes any more."""
        self.flush()
        self._close_file()

    def _close_file(self) -> None:
        if self._fd != STDOUT:
            os.close(self._fd)
        self._fd = STDOUT

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
            if self._turner is not None and self._turner.should_reopen(self._fd):
                self.reopen()

    def flush(self) -> None:
        if not self._lines:
            return
        lines, self._lines, self._size = self._lines, [], 0
        try:
            if self._careful:
                self._write_careful(lines)
            else:
                self._write_file(b"".join(lines))
        except OSError as error:
            self._drop(len(lines), str(error))

    def _write_file(self, data: bytes) -> None:
        if self._failed and not _ends_whole(self._fd):
            data = b"\n" + data  # the disk was full in the middle of a line, ours or another worker's
        self._failed = True
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view):]
        self._failed = False

    def _write_careful(self, lines: list[bytes]) -> None:
        """To a pipe or terminal: only while it takes more, so that its reader cannot stop us."""
        data = b"".join(lines)
        ready = select.poll()  # select() knows no descriptor above 1023
        ready.register(self._fd, select.POLLOUT)
        at = 0
        while at < len(data):
            if not ready.poll(0):
                self._drop(data.count(b"\n", at), "its reader does not keep up")
                return
            end = min(at + PIPE_PIECE, len(data))
            if end < len(data):
                end = data.rfind(b"\n", at, end) + 1 or end
            at += os.write(self._fd, data[at:end])

    def _drop(self, lines: int, why: str) -> None:
        """Count what was lost, and say so now and then, not each time."""
        self._dropped += lines
        lost = self._dropped
        self._trouble.warn("the access log cannot be written (%s); %d lines are lost so far", why, lost)


def _ends_whole(fd: int) -> bool:
    """Whether the last octet of the file ends a line; it was opened for writing alone."""
    try:
        reading = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # an empty line too many is better than two lines in one
    try:
        size = os.fstat(reading).st_size
        return size == 0 or os.pread(reading, 1, size - 1) == b"\n"
    finally:
        os.close(reading)
