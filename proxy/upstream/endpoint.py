"""One address in a pool: its counters, and the connections kept open to it.

An endpoint may close a kept connection at the very moment in which a request is sent over it. Most
requests are then sent again; one that must not be sent twice (RFC 9110 section 9.2.2) would be lost.
Such a request takes only a connection that was idle for so short a time that no endpoint closes it
yet, or half as long as this endpoint was seen to keep one, and a new connection otherwise.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.upstream.h1 import UpstreamConnection

SURE = 1.0     # seconds that servers keep an idle connection at least (gunicorn 2, uvicorn and Node 5)
LESSON = 60.0  # seconds for which an endpoint that closed one sooner is trusted less; it may have restarted


class Endpoint:
    """What is known of an address; outlives every exchange with it.

    Attributes:
        name: the address as configured; in logs, and the identity that strategies hash.
        host, port: where it is; (path, None) for a Unix socket.
        weight: share of the traffic.
        in_flight: exchanges it works on now, in this worker.
        failures: connects that failed in a row.
        down_until: monotonic time until which it is passed over; 0 when it is not.
        idle: connections ready for the next exchange, the freshest last.
    """

    __slots__ = (
        "_lesson_until", "_most_idle", "_sure", "down_until", "failures", "host", "idle", "in_flight", "name",
        "port", "weight")

    def __init__(self, name: str, host: str, port: int | None, weight: int, most_idle: int) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.weight = weight
        self.in_flight = 0
        self.failures = 0
        self.down_until = 0.0
        self.idle: list[UpstreamConnection] = []
        self._most_idle = most_idle
        self._sure = SURE
        self._lesson_until = 0.0

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    def take_idle(self) -> UpstreamConnection | None:
        """A connection that was open a moment ago, or None."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable():
                return connection
            self.closed_idle(connection)
            connection.discard()
        return None

    def take_surely_open(self) -> UpstreamConnection | None:
        """The same for a request that must not be sent twice (see the module)."""
        now = monotonic()
        while self.idle and now - self.idle[-1].idle_since < self._sure_at(now):
            connection = self.idle.pop()
            if connection.is_usable():
                return connection
            self.closed_idle(connection)
            connection.discard()
        return None

    def closed_idle(self, connection: UpstreamConnection) -> None:
        """The endpoint closed a connection that was kept; so soon it may do that again."""
        now = monotonic()
        self._sure = min(self._sure_at(now), (now - connection.idle_since) / 2)
        self._lesson_until = now + LESSON

    def _sure_at(self, now: float) -> float:
        return self._sure if now < self._lesson_until else SURE

    def keep(self, connection: UpstreamConnection) -> bool:
        """Take back a connection after an exchange; False when there are enough."""
        if len(self.idle) >= self._most_idle:
            return False
        self.idle.append(connection)
        return True

    def forget(self, connection: UpstreamConnection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)

    def close_idle(self) -> None:
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.discard()
