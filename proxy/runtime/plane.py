"""The data plane: everything that serves traffic, in one event loop.

A worker process runs one; tests and other programs may run one inside theirs.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakSet

from proxy.clock import DeadlineWheel
from proxy.config.schema import Config
from proxy.config.schema import Listener as ListenerConfig
from proxy.descriptors import connection_capacity
from proxy.downstream.listener import Gate, Listener
from proxy.downstream.switch import Switch
from proxy.http.addresses import AddressSet
from proxy.observe.access_log import AccessLog
from proxy.observe.board import Row
from proxy.observe.counters import Counters
from proxy.observe.events import EVENT, Record
from proxy.runtime import changes
from proxy.runtime.answers import log_level, pools_told
from proxy.runtime.build import build
from proxy.runtime.build_log import open_log
from proxy.runtime.counting import Inventory
from proxy.runtime.draft import Draft, close_after, draw_up, throw_away
from proxy.runtime.recall import explained, redaction_for, requests_told, ring_of
from proxy.runtime.runtime import Runtime
from proxy.runtime.showing import loading, shown_by
from proxy.runtime.slices import at_once
from proxy.tasks import spawn

Tell = Callable[[str, str, str], None]
Bound = tuple[ListenerConfig | None, socket.socket]

TIDY_EVERY = 5.0  # seconds


class DataPlane:
    """Serves a configuration on sockets that somebody else has bound.

    Args:
        config: a checked configuration.
        loop: the loop that everything will run on.
        row: of the board; None to count for oneself.

    Attributes:
        answers: what this process may be asked, by name: functions of the question's arguments that give
            what JSON can hold, or a future of it. They run between two exchanges, so they are quick.
    """

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, row: Row | None = None) -> None:
        self._loop = loop
        self._counters = Counters(row)
        self._inventory = Inventory(self._counters.worker)
        self._config = config
        self._draft: Draft | None = None
        self._wheel = DeadlineWheel(loop)
        access = config.access_log
        self._log = None if access is None else open_log(access)
        if self._log is not None:
            self._wheel.tick_while_used(self._log.tick)
        self._runtime = build(config, self._log, loop, self._wheel, self._counters)
        self._switch = Switch(self._runtime, self._wheel, ring_of(config, None))
        limits = config.limits
        self._gate = Gate(connection_capacity(limits.connections), limits.connections_per_client)
        self._trust = AddressSet(config.trusted_proxies)
        self._certificates = at_once(loading(config.listen))
        self._listeners: dict[Listener, ListenerConfig | None] = {}  # None: no reload takes it away
        self._draining: set[asyncio.Task[None]] = set()
        self._old_logs: WeakSet[AccessLog] = WeakSet()
        self._tell: Tell = _tell_nobody
        self._numbers = itertools.count()
        self._next_tidy = 0.0
        self._wheel.every_tick(self._tidy)
        self._wheel.every_tick(self._count)
        self._runtime.in_force()
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "pools": lambda _: pools_told(self._runtime.pools.values()),
            "level": log_level,
            "requests": lambda _: requests_told(self._switch.ring, redaction_for(self._config)),
            "explain": lambda args: explained(
                args["id"], self._switch.ring, self._runtime, redaction_for(self._config)),
        }

    async def start(self, sockets: Iterable[Bound]) -> None:
        """Serve on these listening sockets; each comes with the listener's configuration."""
        self._wheel.start()
        with suppress(FileNotFoundError):
            tempfile.gettempdir()  # is found by making a file, for which there may be no descriptor later
        self._listen(sockets)
        # What exists now lives as long as the process: the collector need not look at it again.
        # Exchanges make no cycles, so looking at the young ones less often costs nothing either.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    def _listen(self, sockets: Iterable[Bound]) -> None:
        for config, sock in sockets:
            sock.setblocking(False)
            shown = shown_by(config, self._certificates)
            listener = Listener(
                sock, self._switch, self._gate, self._trust.__contains__, self._loop, shown)
            self._listeners[listener] = config
            listener.start()

    # Another configuration.

    async def prepare(self, config: Config) -> None:
        """Build all that a new configuration needs beside what serves.

        Raises:
            OSError: the access log cannot be opened; a certificate cannot be shown.
            ValueError: a strategy of the user's own cannot be made here.
        """
        self.forget()
        self._draft = await draw_up(
            config, self._config, self._runtime, self._log, self._certificates, self._loop,
            self._wheel)

    def forget(self) -> None:
        """It does not come to that."""
        if self._draft is not None:
            throw_away(self._draft.log, self._log)
            self._draft = None

    def commit(self, sockets: Iterable[Bound], known: Iterable[tuple[str, str]]) -> None:
        """Serve what was prepared, on these sockets too; exchanges that run keep what they got.

        Args:
            known: what was told of endpoints.
        """
        draft, self._draft = self._draft, None
        if draft is None:
            return
        old, was = self._config, self._runtime
        draft.carry.settle(draft.runtime)
        self._config, self._runtime = draft.config, draft.runtime
        self._take_log(draft.log, was)
        self.report_to(self._tell)
        for word, text in known:
            self.told(word, text)
        self._runtime.in_force()
        self._switch.runtime = self._runtime
        self._switch.ring = ring_of(self._config, self._switch.ring)
        self._certificates = draft.certificates
        self._face_clients(old)
        self._listen(sockets)
        self._stop_listening()

    def _take_log(self, log: AccessLog | None, was: Runtime) -> None:
        if log is self._log:
            return
        if self._log is not None:
            self._old_logs.add(self._log)
            close_after(was, self._log)
        self._log = log
        if log is not None:
            self._wheel.tick_while_used(log.tick)

    def _face_clients(self, old: Config) -> None:
        """What counts before anything is asked."""
        limits = self._config.limits
        self._gate.become(connection_capacity(limits.connections), limits.connections_per_client)
        for listener, before in self._listeners.items():
            now = None if before is None else before.successor(self._config.listen)
            if now is not None:
                self._listeners[listener] = now
                listener.certificates = shown_by(now, self._certificates)
        if self._config.trusted_proxies != old.trusted_proxies:
            self._trust = AddressSet(self._config.trusted_proxies)
            for listener in self._listeners:
                listener.trust_others(self._trust.__contains__)

    def _stop_listening(self) -> None:
        """Where the configuration has no listener any more: who waits to be accepted is served, too."""
        wanted = {listener.address for listener in self._config.listen}
        gone = [one for one, config in self._listeners.items() if config and config.address not in wanted]
        for listener in gone:
            task = spawn(self._loop, listener.drain(self._config.timeouts.drain))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
            del self._listeners[listener]

    def _tidy(self, now: float) -> None:
        if now >= self._next_tidy:
            self._next_tidy = now + TIDY_EVERY
            for listener in self._listeners:
                listener.tidy(now)

    def _count(self, now: float) -> None:
        """Show others what there is."""
        self._inventory.take(now, self._gate, self._listeners, self._wheel.lag)
        self._counters.tick(now)

    async def drain(self, seconds: float) -> None:
        """Accept no more, finish what runs within `seconds`, close the rest."""
        await asyncio.gather(*self._draining, *(listener.drain(seconds) for listener in self._listeners))
        await self.close()

    def told(self, word: str, text: str) -> None:
        """Pass on what was found out about an endpoint (the texts are in `process.news`)."""
        told = json.loads(text)
        pool = self._runtime.pools.get(told["pool"])
        if pool is None:
            return  # a reload took it away while this was on its way
        changes.tell(pool, self._config, word, told)

    def report_to(self, tell: Tell) -> None:
        """Have `tell(word, text, about)` called with what the supervisor should know."""
        self._tell = tell
        for pool in self._runtime.pools.values():
            pool.unreachable = partial(_tell_unreachable, tell, pool.name)
            pool.report = partial(_tell_event, tell, self._numbers)

    def reopen_logs(self) -> None:
        for log in self._logs():
            log.reopen()

    async def close(self) -> None:
        """Stop at once."""
        for listener in self._listeners:
            listener.close()
        for pool in self._runtime.pools.values():
            pool.close()
        await asyncio.sleep(0)  # the transports close in the loop's next round
        self._wheel.stop()
        self._count(self._loop.time())
        for log in self._logs():
            log.flush()

    def _logs(self) -> list[AccessLog]:
        """The one that is written, and those that exchanges still use which began with them."""
        return [*self._old_logs, *([] if self._log is None else [self._log])]


def _tell_nobody(word: str, text: str, about: str) -> None:
    """Before anybody listens."""


def _tell_unreachable(tell: Tell, pool: str, endpoint: str) -> None:
    tell("hurry", json.dumps({"pool": pool, "endpoint": endpoint}), "")


def _tell_event(tell: Tell, numbers: Iterator[int], record: Record) -> None:
    tell(EVENT, json.dumps(record), str(next(numbers)))
