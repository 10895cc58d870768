"""One strategy's run through a load: events in the order of their time, each a few plain steps.

An endpoint works on as many requests as it has workers; more wait in its own queue, first come,
first served, as they do in front of gunicorn. What the proxy sees of that is what it would really
see: exchanges in flight, and the time an answer took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf, prod

from proxy.balancing.strategy import Strategy
from proxy.simulation.load import Load
from proxy.simulation.scenario import Fault, Member, Scenario

LATENCY_SHARE = 0.1  # of a new sample in an endpoint's latency, as in the pool
FAILED = -1.0        # in place of the seconds an answer took
NOWHERE = -1         # in place of an endpoint's place


class SimulatedEndpoint:
    """An endpoint as a strategy sees it, and the machine behind it."""

    __slots__ = (
        "_faults", "epoch", "error_rate", "free", "in_flight", "latency", "longest", "most", "name",
        "place", "priority", "speed", "stretch", "up", "waiting", "weight", "workers")

    def __init__(self, member: Member, place: int, workers: int, faults: Sequence[Fault]) -> None:
        self.name = member.name
        self.weight = member.weight
        self.priority = member.priority
        self.speed = member.speed
        self.most = member.max_connections or inf
        self.place = place
        self.in_flight = 0
        self.latency = 0.0
        self.workers = workers
        self.free = workers
        self.waiting: deque[int] = deque()
        self.longest = 0
        self.epoch = 0  # how often it went down: work of an earlier one is lost
        self._faults = faults
        self.befall(0.0)

    def befall(self, now: float) -> None:
        """Become what the faults of this moment make of it."""
        present = [fault for fault in self._faults if fault.lasts_at(now)]
        self.up = not any(fault.kind == "down" for fault in present)
        self.stretch = prod(fault.amount for fault in present if fault.kind == "slow") / self.speed
        self.error_rate = max((fault.amount for fault in present if fault.kind == "errors"), default=0.0)

    def lose_all(self) -> None:
        """Go down: what it worked on and what waited gets no answer."""
        self.epoch += 1
        self.in_flight = 0
        self.free = self.workers
        self.waiting.clear()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each request of the load, in its order.

    Args:
        took: seconds to the answer; `FAILED` where none or an error came.
        where: the place of the endpoint that was picked; `NOWHERE` where there was none.
        longest: of each endpoint, the most requests that waited in its queue.
    """

    took: list[float]
    where: list[int]
    longest: list[int]


def run(scenario: Scenario, load: Load, strategy: Strategy) -> Outcome:
    """Let every request of the load come, and wait for the last answer."""
    return _Run(scenario, load, strategy).play()


class _Run:
    """The state of a run.

    An event is (time, number, endpoint, epoch): the answer to the request of that number, which
    has one event at most, or with a negative number a fault that begins or ends. The numbers are
    unique, so that heapq never compares endpoints, and at one time faults come first.
    """

    def __init__(self, scenario: Scenario, load: Load, strategy: Strategy) -> None:
        self._load = load
        self._strategy = strategy
        self._endpoints = [
            SimulatedEndpoint(
                member, place, scenario.workers,
                [fault for fault in scenario.faults if fault.endpoint == member.name])
            for place, member in enumerate(scenario.members)
        ]
        self._events = self._faults(scenario)  # sorted, hence a heap
        self._took = [FAILED] * len(load.times)
        self._where = [NOWHERE] * len(load.times)
        self._full: list[SimulatedEndpoint] = []
        self._rebuild()

    def _faults(self, scenario: Scenario) -> list[tuple[float, int, SimulatedEndpoint, int]]:
        """The moments at which a fault begins or ends; those at the very beginning are in force already."""
        moments = sorted(
            {(time, fault.endpoint) for fault in scenario.faults for time in (fault.start, fault.end)
             if 0 < time < inf})
        by_name = {endpoint.name: endpoint for endpoint in self._endpoints}
        return [(time, place - len(moments), by_name[name], 0) for place, (time, name) in enumerate(moments)]

    def play(self) -> Outcome:
        events = self._events
        for number, now in enumerate(self._load.times):
            while events and events[0][0] <= now:
                self._happen(*heappop(events))
            self._arrive(now, number)
        while events:
            self._happen(*heappop(events))
        return Outcome(self._took, self._where, [endpoint.longest for endpoint in self._endpoints])

    def _arrive(self, now: float, number: int) -> None:
        endpoint = self._strategy.pick(self._load.requests[number], self._full) or self._last_resort()
        if endpoint is None:
            return
        assert isinstance(endpoint, SimulatedEndpoint)
        self._where[number] = endpoint.place
        endpoint.in_flight += 1
        if endpoint.in_flight == endpoint.most:
            self._full.append(endpoint)
        if endpoint.free:
            endpoint.free -= 1
            self._start(now, number, endpoint)
            return
        waiting = endpoint.waiting
        waiting.append(number)
        endpoint.longest = max(endpoint.longest, len(waiting))

    def _last_resort(self) -> SimulatedEndpoint | None:
        """Whom the pool takes where all of the first priority are full: one of a later priority."""
        left = [endpoint for endpoint in self._endpoints if endpoint.up and endpoint not in self._full]
        return min(left, key=_last_to_try, default=None)

    def _start(self, now: float, number: int, endpoint: SimulatedEndpoint) -> None:
        end = now + self._load.works[number] * endpoint.stretch
        heappush(self._events, (end, number, endpoint, endpoint.epoch))

    def _happen(self, now: float, number: int, endpoint: SimulatedEndpoint, epoch: int) -> None:
        if number < 0:
            self._befall(now, endpoint)
        elif epoch == endpoint.epoch:
            self._answer(now, number, endpoint)

    def _answer(self, now: float, number: int, endpoint: SimulatedEndpoint) -> None:
        if endpoint.in_flight == endpoint.most:
            self._full.remove(endpoint)
        endpoint.in_flight -= 1
        took = now - self._load.times[number]
        if self._load.lucks[number] >= endpoint.error_rate:
            self._took[number] = took
        endpoint.latency += LATENCY_SHARE * (took - endpoint.latency) if endpoint.latency else took
        if endpoint.waiting:
            self._start(now, endpoint.waiting.popleft(), endpoint)
        else:
            endpoint.free += 1

    def _befall(self, now: float, endpoint: SimulatedEndpoint) -> None:
        was_up = endpoint.up
        endpoint.befall(now)
        if was_up == endpoint.up:
            return
        if was_up:
            endpoint.lose_all()
            self._full = [full for full in self._full if full is not endpoint]
        self._rebuild()

    def _rebuild(self) -> None:
        up = [endpoint for endpoint in self._endpoints if endpoint.up]
        first = min((endpoint.priority for endpoint in up), default=0)
        self._strategy.rebuild([endpoint for endpoint in up if endpoint.priority == first])


def _last_to_try(endpoint: SimulatedEndpoint) -> tuple[int, float]:
    return endpoint.priority, endpoint.in_flight / endpoint.weight
