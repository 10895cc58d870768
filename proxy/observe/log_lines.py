"""The two forms of a line in the access log: `combined`, as web servers write it, and JSON.

The rule of this room: what a client sent is escaped, and secrets are redacted. No line can be broken,
forged or made to drive a terminal (CVE-2020-7694).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from proxy.clock import WALL
from proxy.observe.past import Entry, Past, whole
from proxy.observe.redact import Redaction

SHORT = 256           # octets of a value up to which what it is written as is remembered: 1 MB at most
LONGEST = 2048        # octets of a target, referer or user agent that are written down
REMEMBERED = 2048     # values
_LINE = (b'{"time": "%b.%03dZ", "client": "%b", %b, "target": %b, "status": %d, "bytes": %d, '
         b'"request_bytes": %d, "request_id": "%b", %b, "attempts": %d, "referer": %b, "user_agent": %b, '
         b'"total_ms": %.3f%b}\n')
_UNSAFE = re.compile(rb"[^\x20\x21\x23-\x5b\x5d-\x7e]")

Marks = Mapping[str, object]  # why a line is there, where that is worth a word
NONE: Marks = {}


class Lines(Protocol):
    """One form.

    Attributes:
        ahead: seconds by which the clock on the wall is ahead of monotonic time, for entries.
    """

    ahead: float

    def line(self, entry: Entry, marks: Marks = NONE) -> bytes:
        """The line of an exchange that is over, its end of line included."""

    def refused(self, address: str, status: int, first: bytes) -> bytes:
        """The same for what was no request; `first` is its first line, or what there is of it."""


class Combined:
    """`client - - [time] "request" status octets "referer" "user agent"`."""

    def __init__(self, redaction: Redaction) -> None:
        self.ahead = 0.0  # the log sees to it before the first line
        self._redaction = redaction
        self._second = 0
        self._stamp = b""
        self._short = lru_cache(REMEMBERED)(self._url)

    def line(self, entry: Entry, marks: Marks = NONE) -> bytes:
        (now, _, method, target, _, headers, client, _, version, _, _, _, _, _, status, sent,
         _, _, _, _) = whole(entry)
        raw = target.raw
        get = headers.get
        referer = get(b"referer")
        second = int(now + self.ahead)
        return b'%b - - %b "%b %b HTTP/%b" %d %d "%b" "%b"\n' % (
            client.encode(), self._stamp if second == self._second else self._time(second), method[:40],
            self._short(raw) if len(raw) <= SHORT else self._url(raw),
            b"1.1" if version == 11 else b"1.0", status, sent,
            self._url(referer) if referer else b"-", escape(get(b"user-agent") or b"-"))

    def refused(self, address: str, status: int, first: bytes) -> bytes:
        return b'%b - - %b "%b" %d 0 "-" "-"\n' % (
            address.encode(), self._time(WALL.second), escape(self._redaction.line(first)), status)

    def _url(self, raw: bytes) -> bytes:
        return escape(self._redaction.target(raw))

    def _time(self, second: int) -> bytes:
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(self._second)).encode()
        return self._stamp


class Json:
    """An object for each exchange.

    Times are milliseconds from the complete request head: to sending, to the response head, to the end.
    The line is put together from pieces that are remembered: a third of what a dict and `json.dumps` take.

    Args:
        fields: names of the request's header fields to write down too.
    """

    def __init__(self, redaction: Redaction, fields: Iterable[str] = ()) -> None:
        self.ahead = 0.0  # the log sees to it before the first line
        self._redaction = redaction
        self._fields = [(name.lower(), name.lower().encode()) for name in fields]
        self._second = 0
        self._stamp = b""
        self._short = lru_cache(REMEMBERED)(self._url)

    def line(self, entry: Entry, marks: Marks = NONE) -> bytes:
        (now, started, method, target, host, headers, client, _, version, _, request_id, route, pool,
         endpoint, status, sent, attempts, trail, timings, _) = whole(entry)
        raw = target.raw
        get = headers.get
        referer = get(b"referer")
        wall = started + self.ahead
        second = int(wall)
        rest = b""  # what not every line has
        if timings:
            rest = b', "queued_ms": %.3f' % ((timings[0] - started) * 1000)
            if len(timings) > 1:
                rest += b', "head_ms": %.3f' % ((timings[-1] - started) * 1000)
        if marks or self._fields or trail:
            rest += b", " + json.dumps(self._extra(Past(entry), marks)).encode()[1:-1]
        return _LINE % (
            self._stamp if second == self._second else self._time(second), (wall - second) * 1000,
            client.encode(), _asked(method, host, version),
            self._short(raw) if len(raw) <= SHORT else self._url(raw),
            status, sent, headers.length or 0, request_id, _taken(route, pool, endpoint), attempts,
            self._url(referer) if referer else b'""', quoted(get(b"user-agent") or b""),
            (now - started) * 1000, rest)

    def refused(self, address: str, status: int, first: bytes) -> bytes:
        wall = time.time()
        return b'{"time": "%b.%03dZ", "client": "%b", "status": %d, "refused": %b}\n' % (
            self._time(int(wall)), wall % 1 * 1000, address.encode(), status,
            _quoted(self._redaction.line(first)))

    def _extra(self, past: Past, marks: Marks) -> dict[str, object]:
        """What few lines have, or all where it was asked for."""
        extra: dict[str, object] = {}
        if past.trail:
            extra["failed_attempts"] = [
                {"endpoint": endpoint, "why": why, "after_ms": milliseconds(past.started, then)}
                for endpoint, why, then in past.trail]
        if self._fields:
            extra["headers"] = self._headers(past)
        extra.update(marks)
        return extra

    def _headers(self, past: Past) -> dict[str, str]:
        """Those that the request has."""
        get, show = past.headers.get, self._redaction.field
        found = ((text, name, get(name)) for text, name in self._fields)
        return {text: show(name, value)[:LONGEST].decode("latin-1")
                for text, name, value in found if value is not None}

    def _url(self, raw: bytes) -> bytes:
        return quoted(self._redaction.target(raw))

    def _time(self, second: int) -> bytes:
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return self._stamp


@lru_cache(REMEMBERED)
def _taken(route: str, pool: str, endpoint: str) -> bytes:
    named = {"route": route, "pool": pool, "endpoint": endpoint}
    return json.dumps(named).encode()[1:-1]


@lru_cache(REMEMBERED)
def _asked(method: bytes, host: bytes, version: int) -> bytes:
    named = {"method": method.decode("latin-1"), "host": host.decode("latin-1"),
             "version": "1.1" if version == 11 else "1.0"}
    return json.dumps(named).encode()[1:-1]


def quoted(value: bytes) -> bytes:
    """A JSON string of octets, each a character."""
    return _quoted_short(value) if len(value) <= SHORT else _quoted(value)


def _quoted(value: bytes) -> bytes:
    return json.dumps(value[:LONGEST].decode("latin-1")).encode()


_quoted_short = lru_cache(REMEMBERED)(_quoted)


def timings_of(past: Past) -> dict[str, float]:
    """Milliseconds from the request's head until it was sent, and until the response's head came."""
    timings = past.timings
    if not timings:
        return {}
    told = {"queued_ms": milliseconds(past.started, timings[0])}
    if len(timings) > 1:
        told["head_ms"] = milliseconds(past.started, timings[-1])
    return told


def milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)


def escape(value: bytes) -> bytes:
    """A value that can stand between quotes in one line: all but printable ASCII as \\xHH."""
    return _escape_short(value) if len(value) <= SHORT else _escape(value)


def _escape(value: bytes) -> bytes:
    if len(value) > LONGEST:
        value = value[:LONGEST] + b"..."
    if _UNSAFE.search(value) is None:
        return value
    return _UNSAFE.sub(lambda found: b"\\x%02x" % found[0][0], value)


_escape_short = lru_cache(REMEMBERED)(_escape)  # 0.1 us for a browser's name, where the search takes 0.4
