"""The access log: one line per exchange, made of bytes, written in batches.

Lines collect in memory and are written when 64 KiB have come together or a second has passed,
always whole lines in one write, so that the workers can share a file. What a client sent is
escaped: no line can be broken, forged or made to drive a terminal (CVE-2020-7694). When the disk
is full or nobody reads the pipe, lines are dropped and counted; serving goes on.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import stat
import time
from functools import lru_cache

from proxy.clock import WALL
from proxy.http.exchange import Exchange

log = logging.getLogger("proxy.access_log")

BATCH = 65536         # octets collected before a write
PIPE_PIECE = 4096     # PIPE_BUF: what a pipe that is ready takes without blocking
SHORT = 256           # octets of a value up to which what it is written as is remembered: 1 MB at most
LONGEST = 2048        # octets of a target, referer or user agent that are written down
_UNSAFE = re.compile(rb"[^\x20\x21\x23-\x5b\x5d-\x7e]")


class AccessLog:
    """Where the lines go.

    Args:
        path: a file, or `-` for standard output.
        form: `combined` or `json`.
    """

    def __init__(self, path: str, form: str) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._due = 0.0
        self._second = 0
        self._stamp = b""
        self._form = _json_line if form == "json" else self._combined_line
        self._fd = -1
        self._careful = False
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew, after it was renamed; lines that wait go to the old one."""
        self.flush()
        if self._path == "-":
            self._fd = 1
        else:
            fresh = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            old, self._fd = self._fd, fresh
            if old >= 0:
                os.close(old)
        try:
            self._careful = not stat.S_ISREG(os.fstat(self._fd).st_mode)
        except OSError:
            self._careful = True

    def ended(self, exchange: Exchange, now: float) -> None:
        self._add(self._form(exchange, now))

    def refused(self, address: str, status: int, start: bytes) -> None:
        """What could not be read as a request; its first octets are all that is known."""
        first = start.partition(b"\r\n")[0][:100]
        if self._form is _json_line:
            record = {"time": _iso(time.time()), "client": address, "status": status,
                      "refused": first.decode("latin-1")}
            self._add(json.dumps(record).encode() + b"\n")
        else:
            self._add(b'%b - - %b "%b" %d 0 "-" "-"\n' % (
                address.encode(), self._time(), escape(first), status))

    def _combined_line(self, exchange: Exchange, now: float) -> bytes:
        get = exchange.headers.get
        return b'%b - - %b "%b %b HTTP/%b" %d %d "%b" "%b"\n' % (
            exchange.client.encode(), self._time(), exchange.method[:40], escape(exchange.target.raw),
            b"1.1" if exchange.version == 11 else b"1.0", exchange.status, exchange.sent,
            escape(get(b"referer") or b"-"), escape(get(b"user-agent") or b"-"))

    def _time(self) -> bytes:
        if self._second != WALL.second:
            self._second = WALL.second
            self._stamp = time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(self._second)).encode()
        return self._stamp

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

    def flush(self) -> None:
        if not self._lines:
            return
        lines, self._lines, self._size = self._lines, [], 0
        try:
            if self._careful:
                self._write_careful(lines)
            else:
                _write_whole(self._fd, b"".join(lines))
        except OSError as error:
            self._drop(len(lines), str(error))

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
        before = self._dropped
        self._dropped += lines
        if before == 0 or before // 10_000 != self._dropped // 10_000:
            log.warning("the access log cannot be written (%s); %d lines are lost so far", why, self._dropped)


def _write_whole(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def escape(value: bytes) -> bytes:
    """A value that can stand between quotes in one line: all but printable ASCII as \\xHH."""
    return _escape_short(value) if len(value) <= SHORT else _escape(value)


def _escape(value: bytes) -> bytes:
    if len(value) > LONGEST:
        value = value[:LONGEST] + b"..."
    if _UNSAFE.search(value) is None:
        return value
    return _UNSAFE.sub(lambda found: b"\\x%02x" % found[0][0], value)


_escape_short = lru_cache(2048)(_escape)  # 0.1 us for a browser's name, where the search takes 0.4


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def _json_line(exchange: Exchange, now: float) -> bytes:
    """Times are milliseconds from the complete request head: to sending, to the response head, to the end."""
    started = exchange.started
    get = exchange.headers.get
    record: dict[str, object] = {
        "time": _iso(time.time() - (now - started)),
        "client": exchange.client,
        "method": exchange.method.decode("latin-1"),
        "host": exchange.host.decode("latin-1"),
        "target": exchange.target.raw[:LONGEST].decode("latin-1"),
        "version": "1.1" if exchange.version == 11 else "1.0",
        "status": exchange.status,
        "bytes": exchange.sent,
        "request_bytes": exchange.headers.length or 0,
        "request_id": exchange.request_id.decode("latin-1"),
        "route": exchange.route,
        "pool": exchange.pool,
        "endpoint": exchange.endpoint,
        "attempts": exchange.attempts,
        "referer": (get(b"referer") or b"")[:LONGEST].decode("latin-1"),
        "user_agent": (get(b"user-agent") or b"")[:LONGEST].decode("latin-1"),
        "total_ms": _milliseconds(started, now),
    }
    if exchange.trail:
        record["failed_attempts"] = [
            {"endpoint": endpoint, "why": why, "after_ms": _milliseconds(started, then)}
            for endpoint, why, then in exchange.trail]
    timings = exchange.timings
    if timings:
        record["queued_ms"] = _milliseconds(started, timings[0])
        if len(timings) > 1:
            record["head_ms"] = _milliseconds(started, timings[-1])
    return json.dumps(record).encode() + b"\n"


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
