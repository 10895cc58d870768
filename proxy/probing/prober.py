"""When endpoints are probed, and who hears of it.

The rule of this room: one task per endpoint, never two probes of one at a time. The first probes go
out at once, those of many endpoints a little apart; later ones keep their interval with a jitter, so
that the endpoints of an application are not all asked in the same moment for ever.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from proxy.config.address import Address
from proxy.config.pool_schema import HealthCheck
from proxy.config.schema import Config, EndpointConfig
from proxy.observe.events import Report, event, unreported
from proxy.observe.logs import Seldom
from proxy.probing.health import Health
from proxy.probing.named import Directory, NamedAttempt
from proxy.probing.probe import Attempt, CannotProbe, make_attempt, probe
from proxy.tasks import spawn

LOG = logging.getLogger("proxy.probing")

STEP = 0.005   # seconds between the first probes of two endpoints ...
SPREAD = 1.0   # ... and between those of the first and the last
JITTER = 0.1   # share of the interval, either way


class Place(NamedTuple):
    """An endpoint, as its pool calls it."""

    pool: str
    endpoint: str


Tell = Callable[[Place, bool, str], None]


class HealthWatcher:
    """All active checks of a configuration.

    Args:
        config: what to probe.
        tell: called with (place, up, why) for each change of state.
        last: what an earlier watcher knew, so that its end changes nothing.
        names: where to probe what has `resolve: true`.
        report: takes an event for each change of state.
    """

    def __init__(self, config: Config, tell: Tell, last: Mapping[Place, bool], names: Directory,
                 report: Report = unreported) -> None:
        self._config = config
        self._tell = tell
        self._names = names
        self._report = report
        made = probers(config, tell, last, names, report)
        self._probers = {prober.place: prober for prober in made}
        self._runs: dict[Place, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        step = min(STEP, SPREAD / max(1, len(self._probers)))
        for number, prober in enumerate(self._probers.values()):
            self._begin(prober, number * step)
        try:
            await self._failed
        finally:
            for task in self._runs.values():
                task.cancel()
            await asyncio.gather(*self._runs.values(), return_exceptions=True)

    def _begin(self, prober: Prober, delay: float) -> None:
        task = spawn(asyncio.get_running_loop(), self._run(prober, delay))
        self._runs[prober.place] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and self._failed and not self._failed.done():
            self._failed.set_exception(error)

    def endpoint(self, pool: str, endpoint: str, *, there: bool) -> None:
        """The operator has added an endpoint, or taken one away."""
        place, known = Place(pool, endpoint), self._config.pools.get(pool)
        check = None if known is None else known.health_check  # a reload may have added it
        if not there:
            self._probers.pop(place, None)
            if task := self._runs.pop(place, None):
                task.cancel()
        elif check is not None and place not in self._probers:
            up = True if check.start == "optimistic" else None
            health = Health(check.rise, check.fall, up=up)
            attempt = make_attempt(Address.parse(endpoint), check)
            prober = self._probers[place] = Prober(place, check, attempt, health, self._tell, self._report)
            if self._failed is not None:
                self._begin(prober, 0.0)

    async def _run(self, prober: Prober, delay: float) -> None:
        if prober.has_name:
            await self._names.known()
        await prober.run(delay)

    async def known(self) -> None:
        """Until there is something to say of every endpoint."""
        for prober in list(self._probers.values()):
            await prober.known.wait()

    def hurry(self, pool: str, endpoint: str) -> None:
        """Probes keep their pace: an endpoint that refuses connects is passed over without them."""


def probers(config: Config, tell: Tell, last: Mapping[Place, bool], names: Directory,
            report: Report = unreported) -> Iterator[Prober]:
    for name, pool in config.pools.items():
        check = pool.health_check
        if check is None:
            continue
        for endpoint in {endpoint.address: endpoint for endpoint in pool.endpoints}.values():
            place = Place(name, str(endpoint.address))
            up = last.get(place, True if check.start == "optimistic" else None)
            health = Health(check.rise, check.fall, up=up)
            yield Prober(place, check, attempt_of(endpoint, place, check, names), health, tell, report)


def attempt_of(endpoint: EndpointConfig, place: Place, check: HealthCheck, names: Directory) -> Attempt:
    if endpoint.resolve:
        return NamedAttempt(endpoint.address, check, partial(names.addresses, place))
    return make_attempt(endpoint.address, check)


class Prober:
    """The probes of one endpoint.

    Attributes:
        known: set once there is a state, or a first probe that could not give one.
        has_name: it probes the addresses of a name.
    """

    def __init__(
        self, place: Place, check: HealthCheck, attempt: Attempt, health: Health, tell: Tell,
        report: Report = unreported,
    ) -> None:
        self.known = asyncio.Event()
        self.has_name = isinstance(attempt, NamedAttempt)
        self.place = place
        self._report = report
        self._check = check
        self._attempt = attempt
        self._health = health
        self._tell = tell
        self._lack = Seldom(LOG)
        if health.up is not None:
            self.known.set()

    async def run(self, delay: float) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + delay
        while True:
            await asyncio.sleep(due - clock())
            began = clock()
            await self._look()
            self.known.set()
            due = began + self._interval() * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # no secret

    def _interval(self) -> float:
        check = self._check
        if self._health.up is False and check.down_interval is not None:
            return check.down_interval
        return check.interval

    async def _look(self) -> None:
        try:
            good, why = await probe(self._attempt, self._check.timeout)
        except CannotProbe as error:
            self._lack.warn("%s %s could not be probed: %s", *self.place, error)
            return
        first = self._health.up is None
        if results := self._health.note(good=good):
            if not (first and good):  # as expected
                kind = "up" if good else "down"
                LOG.warning("%s %s %s: %s%s", *self.place, kind, results, why)
                self._report(event(
                    kind, f"{results}{why}", pool=self.place.pool, endpoint=self.place.endpoint))
            self._tell(self.place, good, why)
