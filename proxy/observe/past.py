"""What is kept of an exchange that is over: for the log until it is written, for whoever asks why.

The rule of this room: an exchange pays for one tuple of references (benchmarks/micro_ring.py), whoever keeps
it, and nothing is formatted before somebody reads. It keeps no connection and no runtime alive: a reload or a
client that leaves frees what it always did.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from proxy.http.exchange import Exchange
    from proxy.http.peer import Peer
    from proxy.wire.h1 import RequestLine
    from proxy.wire.headers import HeaderBlock
    from proxy.wire.target import Target

# By the names of `Exchange`; the first is monotonic time when it was over.
NAMES: Final = (
    "ended", "started", "method", "target", "host", "headers", "client", "peer", "version", "body_length",
    "request_id", "route", "pool", "endpoint", "status", "sent", "attempts", "trail", "timings", "why")
STATUS: Final = NAMES.index("status")
TRAIL: Final = NAMES.index("trail")
LIGHT: Final = 8  # parts of an entry of an answer that was sent without an exchange

Entry = tuple[Any, ...]


def entry_of(exchange: Exchange, now: float) -> Entry:
    """Of an exchange that is over `now`."""
    return (
        now, exchange.started, exchange.method, exchange.target, exchange.host, exchange.headers,
        exchange.client, exchange.peer, exchange.version, exchange.body_length, exchange.request_id,
        exchange.route, exchange.pool, exchange.endpoint, exchange.status, exchange.sent, exchange.attempts,
        exchange.trail, exchange.timings, exchange.why)


def light_entry(now: float, peer: Peer, line: RequestLine, block: HeaderBlock, host: bytes, route: str,
                status: int, octets: int) -> Entry:
    """Of an answer that was sent `now` without an exchange."""
    return (now, peer, line, block, host, route, status, octets)


def whole(entry: Entry) -> Entry:
    """With all of `NAMES`: a light one with what its exchange would have been."""
    return _whole(*entry) if len(entry) == LIGHT else entry


def _whole(now: float, peer: Peer, line: RequestLine, block: HeaderBlock, host: bytes, route: str,
           status: int, octets: int) -> Entry:
    return (now, now, line.method, line.target, host, block, peer.client_of(block), peer, line.version, 0,
            block.request_id, route, "", "", status, octets, 0, None, None, "")


class Past:
    """An entry to be read by name: the attributes of `Exchange` that are kept."""

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
        (self.ended, self.started, self.method, self.target, self.host, self.headers, self.client, self.peer,
         self.version, self.body_length, self.request_id, self.route, self.pool, self.endpoint, self.status,
         self.sent, self.attempts, self.trail, self.timings, self.why) = whole(entry)

    @property
    def name(self) -> str:
        """Its request id, or one of our own where nobody has given it one."""
        return self.request_id.decode("latin-1") or f"{os.getpid():x}-{int(self.started * 1e6):x}"
