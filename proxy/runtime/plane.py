"""The data plane: everything that serves traffic, in one event loop.

A worker process runs one; tests and other programs may run one inside theirs.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from proxy.clock import DeadlineWheel
from proxy.config.schema import Config
from proxy.descriptors import connection_capacity
from proxy.downstream.listener import Gate, Listener
from proxy.downstream.switch import Switch
from proxy.http.addresses import AddressSet
from proxy.observe.events import EVENT, Record
from proxy.runtime.answers import log_level, pools_told
from proxy.runtime.build import build
from proxy.runtime.build_log import open_log
from proxy.upstream.endpoint import Order

Tell = Callable[[str, str, str], None]

TIDY_EVERY = 5.0  # seconds


class DataPlane:
    """Serves a configuration on sockets that somebody else has bound.

    Args:
        config: a checked configuration.
        loop: the loop that everything will run on.

    Attributes:
        answers: what this process may be asked, by name: functions of the question's arguments that give
            what JSON can hold, or a future of it. They run between two exchanges, so they are quick.
    """

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wheel = DeadlineWheel(loop)
        access = config.access_log
        self._log = None if access is None else open_log(access)
        if self._log is not None:
            self._wheel.every_tick(self._log.tick)
        self._runtime = build(config, self._log, loop, self._wheel)
        self._switch = Switch(self._runtime, self._wheel)
        limits = config.limits
        self._gate = Gate(connection_capacity(limits.connections), limits.connections_per_client)
        self._trust = AddressSet(config.trusted_proxies)
        self._listeners: list[Listener] = []
        self._next_tidy = 0.0
        self._wheel.every_tick(self._tidy)
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "pools": lambda _: pools_told(self._runtime.pools.values()),
            "level": log_level,
        }

    async def start(self, sockets: Iterable[tuple[object, socket.socket]]) -> None:
        """Serve on these listening sockets; each comes with the listener's configuration."""
        self._wheel.start()
        for _, sock in sockets:
            sock.setblocking(False)
            listener = Listener(sock, self._switch, self._gate, self._trust.__contains__, self._loop)
            self._listeners.append(listener)
            listener.start()
        # What exists now lives as long as the process: the collector need not look at it again.
        # Exchanges make no cycles, so looking at the young ones less often costs nothing either.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    def _tidy(self, now: float) -> None:
        if now >= self._next_tidy:
            self._next_tidy = now + TIDY_EVERY
            for listener in self._listeners:
                listener.tidy(now)

    async def drain(self, seconds: float) -> None:
        """Accept no more, finish what runs within `seconds`, close the rest."""
        await asyncio.gather(*(listener.drain(seconds) for listener in self._listeners))
        await self.close()

    def told(self, word: str, text: str) -> None:
        """Pass on what was found out about an endpoint (the texts are in `process.news`)."""
        told = json.loads(text)
        pool = self._runtime.pools[told["pool"]]
        match word:
            case "health":
                pool.probe_told(told["endpoint"], up=told["up"], why=told["why"])
            case "addresses":
                pool.addresses_told(told["endpoint"], told["addresses"], told["shares"])
            case "order":
                pool.order(told["endpoint"], Order(told["order"]))
            case "weight":
                pool.set_share(told["endpoint"], told["weight"])
            case "pause":
                pool.pause(paused=told["paused"])

    def report_to(self, tell: Tell) -> None:
        """Have `tell(word, text, about)` called with what the supervisor should know."""
        numbers = itertools.count()
        for pool in self._runtime.pools.values():
            pool.unreachable = partial(_tell_unreachable, tell, pool.name)
            pool.report = partial(_tell_event, tell, numbers)

    def reopen_logs(self) -> None:
        if self._log is not None:
            self._log.reopen()

    async def close(self) -> None:
        """Stop at once."""
        for listener in self._listeners:
            listener.close()
        for pool in self._runtime.pools.values():
            pool.close()
        await asyncio.sleep(0)  # the transports close in the loop's next round
        self._wheel.stop()
        if self._log is not None:
            self._log.flush()


def _tell_unreachable(tell: Tell, pool: str, endpoint: str) -> None:
    tell("hurry", json.dumps({"pool": pool, "endpoint": endpoint}), "")


def _tell_event(tell: Tell, numbers: Iterator[int], record: Record) -> None:
    tell(EVENT, json.dumps(record), str(next(numbers)))
