"""The lookout: one process per machine that finds out which endpoints work and where they are.

The rule of this room: it serves nobody, so nothing waits for it but the start: the workers begin
once it has said `known`. It ends with its supervisor, at `stop` and at `drain` alike, and when one
of its watchers fails: another lookout then goes on from what this one has told.

A process of its own, because the supervisor must neither fail nor be busy, and what it forks would
inherit the sockets of probes that are under way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from proxy.config.schema import Config
from proxy.observe import logs
from proxy.observe.events import EVENT, Record
from proxy.process import asking, news
from proxy.process.control import Channel
from proxy.process.worker import LoopFactory, confess
from proxy.runtime.answers import log_level


class Watcher(Protocol):
    """Finds out one kind of thing for as long as it runs."""

    async def run(self) -> None:
        """Watch, without an end."""

    async def known(self) -> None:
        """Until all has been told that must be known before anything is served."""

    def hurry(self, pool: str, endpoint: str) -> None:
        """A worker cannot reach this endpoint: look soon, if that tells anything new."""

    def endpoint(self, pool: str, endpoint: str, *, there: bool) -> None:
        """The operator has added an endpoint, or taken one away."""


def needs_lookout(config: Config) -> bool:
    return any(
        pool.health_check is not None or any(endpoint.resolve for endpoint in pool.endpoints)
        for pool in config.pools.values()
    )


def watched(config: Config) -> dict[str, object]:
    """All that a lookout goes by: where two configurations agree in this, it need not know which it has."""
    return {
        name: (pool.health_check, [(endpoint.address, endpoint.resolve) for endpoint in pool.endpoints])
        for name, pool in config.pools.items()
        if pool.health_check is not None or any(endpoint.resolve for endpoint in pool.endpoints)
    }


def run_lookout(config: Config, channel: Channel, new_loop: LoopFactory, known: news.News) -> int:
    """The whole life of a lookout; returns its exit status. `known` is what an earlier one has told."""
    lookout = Lookout(channel)
    # The loop stays open: closing it waits for threads that look up names, and the process ends anyway.
    return new_loop().run_until_complete(lookout.live(lambda: make_watchers(config, channel, known)))


def make_watchers(config: Config, channel: Channel, known: news.News) -> list[Watcher]:
    """Only here is imported what they stand on: aiohttp takes a quarter of a second and 20 MB."""
    from proxy.probing.named import Directory
    from proxy.probing.names import NameWatcher, Shares
    from proxy.probing.prober import HealthWatcher, Place

    directory = Directory({(pool, endpoint): found for pool, endpoint, found in known.addresses()})

    def tell_addresses(pool: str, endpoint: str, found: list[str], shares: Shares) -> None:
        directory.found[pool, endpoint] = found
        channel.send(news.ADDRESSES, news.addresses(pool, endpoint, found, shares), f"{pool} {endpoint}")

    def tell_health(place: Place, up: bool, why: str) -> None:
        channel.send(news.HEALTH, news.health(*place, up=up, why=why), " ".join(place))
        if not up:
            names.hurry(*place)  # it may have moved

    numbers = itertools.count()

    def report(record: Record) -> None:
        channel.send(EVENT, json.dumps(record), str(next(numbers)))

    names = NameWatcher(config, tell_addresses)
    directory.known = names.known
    last = {Place(pool, endpoint): up for pool, endpoint, up in known.health()}
    health = HealthWatcher(config, tell_health, last, directory, report)
    for pool, endpoint, there in known.endpoints():
        if pool in config.pools:
            health.endpoint(pool, endpoint, there=there)
    return [names, health]


class Lookout:
    """Between the supervisor's words and the watchers."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._life: asyncio.Task[int] | None = None
        self._watchers: Sequence[Watcher] = ()
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {"level": log_level}

    async def live(self, make: Callable[[], Sequence[Watcher]]) -> int:
        self._life = asyncio.current_task()
        self._channel.listen(asyncio.get_running_loop(), self._told, self._end)
        self._channel.pulse.beat(asyncio.get_running_loop())
        try:
            self._watchers = watchers = make()
            await asyncio.gather(self._announce(watchers), *(watcher.run() for watcher in watchers))
        except asyncio.CancelledError:
            return 0  # told to, or the supervisor is gone
        except Exception as error:
            confess(self._channel, error)
            return 1
        return 0

    async def _announce(self, watchers: Sequence[Watcher]) -> None:
        for watcher in watchers:
            await watcher.known()
        self._channel.send("known")

    def _told(self, word: str, text: str) -> None:
        match word:
            case "drain" | "stop":
                self._end()
            case "reopen":
                logs.reopen()
            case "log":
                logs.told(text)
            case asking.ASK:
                asking.answer(self.answers, text, self._channel.send)
            case news.HURRY:
                told = json.loads(text)
                for watcher in self._watchers:
                    watcher.hurry(told["pool"], told["endpoint"])
            case news.ENDPOINT:
                told = json.loads(text)
                for watcher in self._watchers:
                    watcher.endpoint(told["pool"], told["endpoint"], there=told["there"])

    def _end(self) -> None:
        if self._life is not None:
            self._life.cancel()
