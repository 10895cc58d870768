"""What a worker has open, counted for those who look from outside.

The rule of this room: nothing here is counted as it happens; whoever is there is counted now and then.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.clock import NEVER
from proxy.downstream.connection import TUNNEL
from proxy.downstream.listener import Gate, Listener
from proxy.handlers.static_cache import SHELF
from proxy.observe.counters import Tally

EVERY = 1.0  # seconds between two walks over all connections: 0.3 ms for ten thousand


class Inventory:
    """Of one worker, into its tally."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._next_walk = -NEVER

    def take(self, now: float, gate: Gate, listeners: Iterable[Listener], lag: float) -> None:
        """With each tick; `lag` is by how many seconds it came late."""
        tally = self._tally
        tally.gauge("connections", gate.count)
        tally.total("accepted", gate.accepted)
        tally.total("static_hits", SHELF.hits)
        tally.total("static_looks", SHELF.looks)
        tally.gauge("lag_now", int(lag * 1e6))
        tally.time("lag", lag)
        if now >= self._next_walk:
            self._next_walk = now + EVERY
            self._walk(listeners)

    def _walk(self, listeners: Iterable[Listener]) -> None:
        phases = [connection.phase for listener in listeners for connection in listener.connections
                  if connection.exchange is not None]
        tunnels = phases.count(TUNNEL)
        self._tally.gauge("tunnels", tunnels)
        self._tally.gauge("asking", len(phases) - tunnels)
