"""A pool: interchangeable endpoints, and the strategy that chooses among those available.

An endpoint whose connect failed is passed over for a second, then two, four, up to ten, so that
an unreachable address does not cost every client a wait; when all are in that state all are
tried, so the first that comes back is found at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import cast

from proxy.balancing.strategy import Strategy
from proxy.clock import DeadlineWheel
from proxy.http.exchange import Exchange
from proxy.upstream.answer import AnswerMemo
from proxy.upstream.disguise import Disguise
from proxy.upstream.endpoint import Endpoint

log = logging.getLogger("proxy.upstream")

FIRST_REST = 1.0  # seconds that an endpoint rests after one failed connect
LONGEST_REST = 10.0
MOST_COMPLAINTS = 10  # lines a second and pool about failed attempts


class PoolTimeouts:
    """Seconds; see `timeouts` and `idle_connections` in the configuration."""

    __slots__ = ("connect", "idle", "response_body", "response_head", "tunnel")

    def __init__(self, *, connect: float, response_head: float, response_body: float, tunnel: float,
                 idle: float) -> None:
        self.connect = connect
        self.response_head = response_head
        self.response_body = response_body
        self.tunnel = tunnel
        self.idle = idle


class Pool:
    """See the module; lives as long as its worker's runtime."""

    def __init__(self, name: str, endpoints: Sequence[Endpoint], strategy: Strategy, timeouts: PoolTimeouts,
                 loop: asyncio.AbstractEventLoop, wheel: DeadlineWheel, public: Collection[str] = ()) -> None:
        self.name = name
        self.endpoints = list(endpoints)
        self.strategy = strategy
        self.timeouts = timeouts
        self.loop = loop
        self.wheel = wheel
        self.disguise = Disguise(((endpoint.host, endpoint.port) for endpoint in endpoints), public)
        self.memo = AnswerMemo(self.disguise)
        self._resting: list[Endpoint] = []
        self._complaints = 0
        self._complaints_until = 0.0
        strategy.rebuild(self.endpoints)
        wheel.every_tick(self._tick)

    def pick(self, exchange: Exchange, tried: Collection[Endpoint]) -> Endpoint | None:
        """An endpoint that was not tried; one that rests only when nothing else is left."""
        endpoint = self.strategy.pick(exchange, tried)
        if endpoint is None:
            endpoint = next((resting for resting in self._resting if resting not in tried), None)
        return cast("Endpoint | None", endpoint)

    def complain(self, endpoint: str, what: str) -> None:
        """Log a failed attempt; in a storm only the first few of each second, and how many were left out."""
        self._complaints += 1
        if self._complaints <= MOST_COMPLAINTS:
            log.warning("%s %s %s", self.name, endpoint, what)

    def connect_failed(self, endpoint: Endpoint, reason: str) -> None:
        """Pass over `endpoint` for a while; of a burst of connects that fail the first one counts."""
        if endpoint in self._resting:
            return
        endpoint.failures += 1
        rest = min(FIRST_REST * 2 ** min(endpoint.failures - 1, 8), LONGEST_REST)
        endpoint.down_until = self.loop.time() + rest
        self._resting.append(endpoint)
        log.warning("%s %s cannot be reached: %s", self.name, endpoint.name, reason)
        self._rebuild()

    def connected(self, endpoint: Endpoint) -> None:
        """`endpoint` answers again."""
        if endpoint.failures:
            endpoint.failures = 0
            if endpoint in self._resting:
                self._resting.remove(endpoint)
                self._rebuild()
            log.warning("%s %s can be reached again", self.name, endpoint.name)

    def _tick(self, now: float) -> None:
        self._wake()
        if now >= self._complaints_until:
            if self._complaints > MOST_COMPLAINTS:
                log.warning("%s: %d more attempts failed", self.name, self._complaints - MOST_COMPLAINTS)
            self._complaints = 0
            self._complaints_until = now + 1.0

    def _wake(self) -> None:
        """Let those try again whose rest is over."""
        if not self._resting:
            return
        now = self.loop.time()
        awake = [endpoint for endpoint in self._resting if endpoint.down_until <= now]
        if awake:
            self._resting = [endpoint for endpoint in self._resting if endpoint not in awake]
            self._rebuild()

    def _rebuild(self) -> None:
        available = [endpoint for endpoint in self.endpoints if endpoint not in self._resting]
        self.strategy.rebuild(available or self.endpoints)

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.close_idle()
