"""The last exchanges, and those that failed or were slow, kept for whoever asks why.

The rule of this room: an exchange pays for one tuple of references (benchmarks/micro_ring.py), nothing is
formatted before somebody asks, no body is ever in it, and what is told has no secrets. It keeps no
connection and no runtime alive: a reload or a client that leaves frees what it always did.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from proxy.config.effective import SECRET
from proxy.observe.redact import HIDDEN, Redaction

if TYPE_CHECKING:
    from proxy.http.exchange import Exchange
    from proxy.http.peer import Peer
    from proxy.wire.h1 import RequestLine
    from proxy.wire.headers import HeaderBlock
    from proxy.wire.target import Target

# What is kept of an exchange, by its own names; the first is when it was over.
NAMES: Final = (
    "ended", "started", "method", "target", "host", "headers", "client", "peer", "version", "body_length",
    "request_id", "route", "pool", "endpoint", "status", "sent", "attempts", "trail", "timings", "why")
LONGEST: Final = 2048  # octets of a value that are told
LIGHT: Final = 8       # parts of an entry of an answer that was sent without an exchange

Entry = tuple[Any, ...]


class Past:
    """An exchange that is over: the attributes of `Exchange` that are kept, for reading alone."""

    __slots__ = NAMES

    ended: float
    started: float
    method: bytes
    target: Target
    host: bytes
    headers: HeaderBlock
    client: str
    peer: Peer
    version: int
    body_length: int | None
    request_id: bytes
    route: str
    pool: str
    endpoint: str
    status: int
    sent: int
    attempts: int
    trail: list[tuple[str, str, float]] | None
    timings: list[float] | None
    why: str

    def __init__(self, entry: Entry) -> None:
        whole = _whole(*entry) if len(entry) == LIGHT else entry
        for name, value in zip(NAMES, whole, strict=True):
            setattr(self, name, value)

    @property
    def name(self) -> str:
        """Its request id, or one of our own where nobody has given it one."""
        return self.request_id.decode("latin-1") or f"{os.getpid():x}-{int(self.started * 1e6):x}"


def _whole(now: float, peer: Peer, line: RequestLine, block: HeaderBlock, host: bytes, route: str,
           status: int, octets: int) -> Entry:
    """What an exchange would have been."""
    return (now, now, line.method, line.target, host, block, peer.client_of(block), peer, line.version, 0,
            block.request_id, route, "", "", status, octets, 0, None, None, "")


class Ring:
    """Of one worker.

    Args:
        last: how many of the last exchanges are kept.
        remarkable: how many of those that failed (5xx, 499, or an endpoint did) or were slow.
        slow: seconds to the head of the answer, or to its end where nobody was asked for it.
    """

    def __init__(self, last: int = 256, remarkable: int = 256, slow: float = 1.0) -> None:
        self._last: deque[Entry] = deque(maxlen=last)
        self._remarkable: deque[Entry] = deque(maxlen=remarkable)
        self._slow = slow
        self._add = self._last.append

    def become(self, last: int, remarkable: int, slow: float) -> None:
        """Other sizes; what fits stays."""
        self._last = deque(self._last, maxlen=last)
        self._remarkable = deque(self._remarkable, maxlen=remarkable)
        self._slow = slow
        self._add = self._last.append

    def ended(self, exchange: Exchange, now: float) -> None:
        """An exchange is over; `now` is monotonic time, in seconds."""
        started, status, trail = exchange.started, exchange.status, exchange.trail
        entry = (
            now, started, exchange.method, exchange.target, exchange.host, exchange.headers, exchange.client,
            exchange.peer, exchange.version, exchange.body_length, exchange.request_id, exchange.route,
            exchange.pool, exchange.endpoint, status, exchange.sent, exchange.attempts, trail,
            exchange.timings, exchange.why)
        self._add(entry)
        if status >= 499 or trail is not None or (
                now - started > self._slow and self._is_slow(exchange, now)):
            self._remarkable.append(entry)

    def _is_slow(self, exchange: Exchange, now: float) -> bool:
        """Not a download that takes its time, nor a tunnel: to the head, where that is known."""
        if exchange.status == 101:
            return False
        timings = exchange.timings
        return (timings[-1] if timings and len(timings) > 1 else now) - exchange.started > self._slow

    def kept(self, now: float, peer: Peer, line: RequestLine, block: HeaderBlock, host: bytes, route: str,
             status: int, octets: int) -> None:
        """An answer that was sent without an exchange."""
        self._add((now, peer, line, block, host, route, status, octets))

    # For who asks.

    def last(self) -> Iterator[Past]:
        """The newest first."""
        return map(Past, reversed(tuple(self._last)))

    def remarkable(self) -> Iterator[Past]:
        """Likewise, those that failed or were slow."""
        return map(Past, reversed(tuple(self._remarkable)))

    def find(self, name: str) -> Past | None:
        """By its request id; the last of several."""
        for past in (*self.last(), *self.remarkable()):
            if past.name == name:
                return past
        return None


def summary(past: Past, redaction: Redaction) -> dict[str, Any]:
    """One line of a list."""
    return {
        "id": past.name, "ended": time.time() - (time.monotonic() - past.ended), "client": past.client,
        "method": past.method.decode("latin-1"), "host": past.host.decode("latin-1"),
        "target": redaction.target(past.target.raw)[:LONGEST].decode("latin-1"), "status": past.status,
        "route": past.route, "pool": past.pool, "endpoint": past.endpoint, "attempts": past.attempts,
        "octets": past.sent, "why": past.why, "milliseconds": round((past.ended - past.started) * 1000, 3)}


def fields_told(past: Past, redaction: Redaction) -> list[list[str]]:
    """The request's header fields, by lower-case name, without secrets."""
    return [[key.decode("latin-1"), field_told(key, value, redaction)[:LONGEST].decode("latin-1")]
            for key, value in past.headers.pairs()]


def field_told(key: bytes, value: bytes, redaction: Redaction) -> bytes:
    """A field's value; hidden is also what sounds like a secret, as it is in the configuration."""
    return HIDDEN if SECRET.search(key.decode("latin-1")) else redaction.field(key, value)


def phases(past: Past) -> dict[str, float]:
    """Milliseconds: until it was sent to who answered, until the answer's head, until its end, and in all.

    In the place of the two in the middle `lost`, where no head came.
    """
    told: dict[str, float] = {}
    at = past.started
    for name, moment in zip(("queued", "head"), past.timings or (), strict=False):
        told[name] = round((moment - at) * 1000, 3)
        at = moment
    if told:
        told["body" if "head" in told else "lost"] = round((past.ended - at) * 1000, 3)
    told["total"] = round((past.ended - past.started) * 1000, 3)
    return told
