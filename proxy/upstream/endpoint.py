"""One address in a pool: its counters, and the connections kept open to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.upstream.h1 import UpstreamConnection


class Endpoint:
    """What is known of an address; outlives every exchange with it.

    Attributes:
        name: the address as configured; in logs, and the identity that strategies hash.
        host, port: where it is; (path, None) for a Unix socket.
        weight: share of the traffic.
        in_flight: exchanges it works on now, in this worker.
        latency: seconds to the response's head, recent ones counting most; 0.0 while nothing is known.
        failures: connects that failed in a row.
        down_until: monotonic time until which it is passed over; 0 when it is not.
        idle: connections ready for the next exchange, the freshest last.
    """

    __slots__ = (
        "_most_idle", "down_until", "failures", "host", "idle", "in_flight", "latency", "name", "port",
        "weight")

    def __init__(self, name: str, host: str, port: int | None, weight: int, most_idle: int) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.weight = weight
        self.in_flight = 0
        self.latency = 0.0
        self.failures = 0
        self.down_until = 0.0
        self.idle: list[UpstreamConnection] = []
        self._most_idle = most_idle

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}>"

    def take_idle(self) -> UpstreamConnection | None:
        """A connection that was open a moment ago, or None."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable():
                return connection
            connection.discard()
        return None

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
