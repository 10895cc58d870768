"""A pool: interchangeable endpoints, the strategy that picks one, and what they share.

The rule of this room: an endpoint's standing changes here and nowhere else, each change is logged with
its reason, and the strategy only ever sees who may be picked now. Refusals, ejection, probes, warming up
and the operator's orders all end in one `rebuild`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, cast

from proxy.balancing.strategy import Strategy
from proxy.clock import DeadlineWheel
from proxy.http.exchange import Exchange
from proxy.http.shortage import shortage_of
from proxy.observe.counters import Counters
from proxy.observe.events import Report, unreported
from proxy.upstream import ejection
from proxy.upstream.answer import AnswerMemo
from proxy.upstream.complaints import Complaints
from proxy.upstream.course import Course
from proxy.upstream.disguise import Disguise, Place
from proxy.upstream.ejection import Ejection
from proxy.upstream.endpoint import Endpoint, Order, Signs
from proxy.upstream.flights import Flights
from proxy.upstream.queue import Queue, Waiter, successor
from proxy.upstream.rules import PoolRules, PoolTimeouts
from proxy.upstream.siblings import NO_SHARES, Shares, endpoints_at, places_of, weigh
from proxy.upstream.standing import changed, noted, ordered
from proxy.upstream.warmth import warm_up

if TYPE_CHECKING:
    from proxy.upstream.h1 import UpstreamConnection

log = logging.getLogger("proxy.upstream")

HELD = 1000, 30.0  # exchanges, seconds: the queue of a paused pool that has none of its own
FIRST_REST, LONGEST_REST = 1.0, 10.0  # seconds an endpoint is passed over after connects that failed


class Pool:
    """See the module; lives as long as its worker's runtime.

    Attributes:
        active: the endpoints that the strategy knows now.
        full: endpoints at their limit.
        signs: whether one of them may be leaving.
        panic: no endpoint is available, so all that might still work are tried.
        paused: the operator has every new exchange wait.
    """

    def __init__(self, name: str, endpoints: Sequence[Endpoint], strategy: Strategy, timeouts: PoolTimeouts,
                 rules: PoolRules, loop: asyncio.AbstractEventLoop, wheel: DeadlineWheel,
                 counters: Counters | None = None, hidden: Iterable[Place] = ()) -> None:
        self.name = name
        self.flights = Flights(name, counters or Counters(), loop)
        self.tally = self.flights.tally
        self.endpoints = list(endpoints)
        self.use_strategy(strategy)
        self.timeouts = timeouts
        self.rules = rules
        self.retry = rules.retry
        self.queue = rules.queue
        self.sticky = rules.sticky
        self.hedge = None if rules.sticky else rules.hedge  # a rival's answer would stick its client to it
        self.timed = rules.timed
        self.loop = loop
        self.wheel = wheel
        self.disguise = Disguise(places_of(*self.endpoints).union(hidden), rules.public)
        self.memo = AnswerMemo(self.disguise)
        self.full: set[Endpoint] = set()
        self.panic = self.paused = False
        self.signs = Signs()
        self.unreachable: Callable[[str], None] = _nobody  # told of a configured name that may have moved
        self.report: Report = unreported  # told of each change of an endpoint's standing
        self.active: list[Endpoint] = []
        self._retired: list[Endpoint] = []  # no longer of the pool, but still at work
        self.complaints = Complaints(name)
        self.complain = self.complaints.add
        self.opens: Callable[[Pool, Endpoint], Awaitable[UpstreamConnection]] | None = None  # see `connect`
        self._course = Course()
        self._renew()
        wheel.tick_while_used(self._tick)
        shortage_of(loop).lenders.add(self)

    def use_strategy(self, strategy: Strategy) -> None:
        """This one picks; it learns at the next rebuild from whom."""
        self.strategy = strategy
        self._choose = cast("Callable[[Exchange, Collection[Endpoint]], Endpoint | None]", strategy.pick)

    # Choosing.

    def pick(self, exchange: Exchange, tried: Collection[Endpoint], leaving: Collection[Endpoint] = (), *,
             waited: bool = False) -> Endpoint | None:
        """An endpoint that was not tried; None when there is none, or others wait for one already.

        Args:
            leaving: those that others of their priority are preferred to; for a client that is stuck to one
                it would be worse to lose it.
            waited: the exchange comes from the queue, so that it need not stand behind it.
        """
        if self.full:
            self._look_at_full()
        home = None if self.sticky is None else self.sticky.home(exchange)
        if home is not None and home not in tried and not self.paused:
            if home not in self.full:
                return home
            if self.queue is not None and self.queue.has_room():
                return None  # it waits for a place there: what the client has left there is nowhere else
        if not waited and self.queue is not None and ((self.panic and self.queue) or self._stands_behind()):
            return None
        avoid: Collection[Endpoint] = {*tried, *self.full} if self.full else tried
        if leaving and any(e not in avoid and e not in leaving for e in self.active):
            avoid = {*avoid, *leaving}
        endpoint = self._choose(exchange, avoid)
        return self._last_resort(avoid, tried=bool(tried)) if endpoint is None else endpoint

    def _last_resort(self, avoid: Collection[Endpoint], *, tried: bool) -> Endpoint | None:
        """Who stands back so far: endpoints of a later priority and, after a failed attempt, who rests."""
        return min(self._left(avoid, resting=tried), key=_last_to_try, default=None)

    def leaving(self, now: float, *, once: bool) -> tuple[Endpoint, ...]:
        """Who seems about to leave.

        Args:
            once: the exchange cannot be sent again; another one may find out whether the endpoint stays.
        """
        return tuple(endpoint for endpoint in self.endpoints if now < endpoint.leaving_until
                     and (once or now < endpoint.tested_until))

    def may_pick(self, endpoint: Endpoint) -> bool:
        """Whether the strategy knows it now."""
        return endpoint in self.active

    def has_other(self, tried: Collection[Endpoint], *, resting: bool = False) -> bool:
        """Whether one that was not tried has a place, and is available or, if that will do, only rests."""
        return bool(self._left((*tried, *self.full), resting=resting))

    def _left(self, avoid: Collection[Endpoint], *, resting: bool) -> list[Endpoint]:
        return [] if self.paused else [e for e in self.endpoints if e not in avoid and (
            e.is_available() or (resting and e.order is Order.READY and not e.probe_failure))]

    def pick_other(self, exchange: Exchange, tried: tuple[Endpoint, ...]) -> Endpoint | None:
        """An available endpoint that was not tried, for a second attempt beside a first one."""
        return self.pick(exchange, (*tried, *self.full)) if self.has_other((*tried, *self.full)) else None

    def enter(self, endpoint: Endpoint) -> bool:
        """An exchange with `endpoint` begins; False if another worker had the last place first."""
        if not endpoint.most:
            self.flights.enter(endpoint)
            return True
        entered = self.flights.claim(endpoint)
        if not self.flights.has_place(endpoint):
            self.full.add(endpoint)
        return entered

    def leave(self, endpoint: Endpoint) -> None:
        """It is over."""
        self.flights.leave(endpoint)
        if endpoint.most:
            self._look_at_full()
            if self.queue:
                self.admit()

    def _look_at_full(self) -> None:
        """Who works for other workers, too, may have a place that was freed there."""
        self.full -= {endpoint for endpoint in self.full if self.flights.has_place(endpoint)}

    def _stands_behind(self) -> bool:
        """Whether somebody waits, in another worker perhaps, for a place that may be free this moment."""
        queue = cast(Queue, self.queue)
        return self.flights.shares_queue() and queue.has_room() and self.flights.somebody_waits(queue)

    def line_up(self, waiter: Waiter, exchange: Exchange, until: float, *, urgent: bool = False) -> bool:
        """Have an exchange wait in the queue for an endpoint; False where it cannot."""
        home = None if self.sticky is None else self.sticky.home(exchange)
        if self.queue is None or not self.queue.put(waiter, until, home, urgent=urgent):
            return False
        self.flights.waits(self.queue, self._look_for_places)
        return True

    def _look_for_places(self) -> None:
        """Others may have freed some, of which nobody tells us."""
        self.flights.look(self.loop.time())
        self._look_at_full()
        if self.queue:
            self.admit()
        if self.queue is not None:
            self.flights.waits(self.queue, self._look_for_places)

    def admit(self) -> None:
        """Let those who wait have the places that are free, at endpoints of a later priority, too."""
        queue = cast(Queue, self.queue)
        for _ in range(len(queue)):  # no more: who finds nothing goes back
            waiter = queue.take(self._has_place)
            if waiter is None:
                return
            waiter.turn()

    def _has_place(self, home: Endpoint | None) -> bool:
        """Whether those may be served who wait for `home`, or for anybody."""
        if self.paused:
            return False
        if home is not None and home.keeps_clients():
            return home not in self.full
        if self.panic:
            return False  # one at a time tries, see `_tick`
        if self.full.issuperset(self.active) and not self.has_other(()):
            return False
        return not self.flights.yields(cast(Queue, self.queue))

    # What exchanges report.

    def connect_failed(self, endpoint: Endpoint, reason: str) -> None:
        """Pass over `endpoint` for a while; of a burst of connects that fail the first one counts."""
        endpoint.tally.add("connect_failures")
        if endpoint.down_until:
            return
        endpoint.refusals += 1
        rest = min(FIRST_REST * 2 ** min(endpoint.refusals - 1, 8), LONGEST_REST)
        endpoint.down_until = self.loop.time() + rest
        changed(self, endpoint, "unreachable", f"cannot be reached: {reason}", seconds=rest)
        if endpoint.origin != endpoint.name:
            self.unreachable(endpoint.origin)
        self.rebuild()

    def connected(self, endpoint: Endpoint) -> None:
        """`endpoint` answers again."""
        if endpoint.refusals:
            endpoint.refusals = 0
            endpoint.leaving_until = endpoint.trial_from = 0.0
            changed(self, endpoint, "reachable", "can be reached again")
            if endpoint.down_until:
                endpoint.down_until = 0.0
                self._returned(endpoint)

    def failed(self, endpoint: Endpoint, reason: str, sent_at: float = 0.0) -> None:
        """No response, a broken one, or one that says that the application is not there."""
        endpoint.errors += 1
        endpoint.tally.add("failures")
        rules = self.rules.ejection
        if rules is not None and (sign := rules.failed(endpoint, self.loop.time(), sent_at)):
            self.eject(endpoint, rules, f"{sign}: {reason}")

    def answered_badly(self, endpoint: Endpoint, status: int, sent_at: float = 0.0) -> None:
        """A 5xx: of some the endpoint itself is the cause, and of the others' share the review judges."""
        if 502 <= status <= 504:
            self.failed(endpoint, f"HTTP {status}", sent_at)
        else:
            endpoint.errors += 1

    # Standing.

    def probe_told(self, origin: str, *, up: bool, why: str) -> None:
        """An active check has changed its mind about an endpoint, by its configured name."""
        for endpoint in self.endpoints:
            if endpoint.origin == origin:
                was_down, endpoint.probe_failure = bool(endpoint.probe_failure), "" if up else why or "down"
                noted(endpoint, why)
                if up and was_down:
                    # The probe has just been served, so rests and ejections are over, too.
                    endpoint.down_until = 0.0
                    if endpoint.ejected_until:
                        ejection.end(endpoint, self.loop.time())
                    self.warm(endpoint)
        self.rebuild()

    def order(self, name: str, order: Order) -> bool:
        """The operator wants an endpoint drained, disabled or back; False if there is none of that name."""
        found = [endpoint for endpoint in self.endpoints if name in (endpoint.name, endpoint.origin)]
        for endpoint in found:
            ordered(self, endpoint, order, of_name=name == endpoint.origin)
        self.rebuild()
        return bool(found)

    def set_share(self, name: str, share: int) -> bool:
        """Another weight; False if there is no endpoint of that name."""
        found = [endpoint for endpoint in self.endpoints if name in (endpoint.name, endpoint.origin)]
        for endpoint in found:
            endpoint.share = share
            if name == endpoint.origin:
                endpoint.name_share = share
        self.weigh_anew()
        self.rebuild()
        return bool(found)

    def pause(self, *, paused: bool) -> None:
        """Have what comes wait, up to the queue's limits, or go on."""
        if paused and self.rules.queue is None:
            self.queue = successor(self.queue, Queue(*HELD))
        if self.paused is not paused:
            self.paused = paused
            log.warning("%s: %s", self.name, "paused" if paused else "resumed")
        self.rebuild()

    def addresses_told(self, origin: str, addresses: Iterable[str], shares: Shares = NO_SHARES) -> None:
        """A configured name has these addresses now; what stays keeps its counters, what goes finishes."""
        old = [endpoint for endpoint in self.endpoints if endpoint.origin == origin]
        if not old:
            return
        new = endpoints_at(addresses, old, shares)
        at = self.endpoints.index(old[0])
        self.endpoints = [endpoint for endpoint in self.endpoints if endpoint.origin != origin]
        self.endpoints[at:at] = new
        self.replaced(old)

    def replaced(self, old: Iterable[Endpoint]) -> None:
        """Some of `old` are no longer of the pool: they finish what runs."""
        gone = [endpoint for endpoint in old if endpoint not in self.endpoints]
        for endpoint in gone:
            self._retire(endpoint)
        by_name = {endpoint.name: endpoint for endpoint in (*self._retired, *gone)}
        # By this worker's count: nobody looks any more at what the others do with one that is gone.
        self._retired = [endpoint for endpoint in by_name.values() if endpoint.tally.mine]
        self.full = {e for e in self.endpoints if e.most and e.in_flight >= e.most}
        self._renew()

    def _retire(self, endpoint: Endpoint) -> None:
        endpoint.order = Order.DISABLED
        self.full.discard(endpoint)
        endpoint.close_idle()

    def eject(self, endpoint: Endpoint, rules: Ejection, reason: str) -> None:
        """Pass over an endpoint for a while that fails, unless half of the pool is away already."""
        ready = [e for e in self.endpoints if e.order is Order.READY]
        away = sum(1 for e in ready if e.ejected_until)
        if endpoint.ejected_until or (away + 1) * 2 > len(ready):
            return
        if not any(e.is_available() for e in ready if e is not endpoint):
            return  # the others are down: a bad one is better than none
        endpoint.ejections += 1
        endpoint.tally.add("ejections")
        seconds = rules.seconds(endpoint)
        endpoint.ejected_until = self.loop.time() + seconds
        endpoint.close_idle()
        changed(self, endpoint, "ejected", f"ejected for {seconds:g} s: {reason}", seconds=seconds)
        self.rebuild()

    def _returned(self, endpoint: Endpoint) -> None:
        self.warm(endpoint)
        self.rebuild()

    def warm(self, endpoint: Endpoint) -> None:
        """It is back: its share grows from little."""
        if self.rules.slow_start:
            endpoint.warm_from = self.loop.time()
            self.weigh_anew()

    def weigh_anew(self) -> None:
        """The weights that strategies see: shares, finer while somebody has but a part of its own."""
        weigh(self.endpoints)
        warm_up(self.endpoints, self.rules.slow_start, self.loop)

    # Time.

    def _tick(self, now: float) -> None:
        self._course.tick(self, now)

    def _renew(self) -> None:
        """The endpoints are not the same as before."""
        self.disguise.learn(places_of(*self.endpoints, *self._retired))
        self.memo.clear()
        self.flights.adopt(self.endpoints)
        for endpoint in self.endpoints:
            endpoint.signs = self.signs
        if self.sticky is not None:
            self.sticky.rebuild(self.endpoints)
        self.weigh_anew()
        self.rebuild()

    def rebuild(self) -> None:
        """Tell the strategy who may be picked: the available ones of the first priority that has any.

        Where there are none at all, those are tried that only rest, and at last all but the disabled.
        """
        ready = [endpoint for endpoint in self.endpoints if endpoint.order is Order.READY]
        available = [endpoint for endpoint in ready if endpoint.is_available()]
        self.panic = not available
        usable = available or [e for e in ready if not e.probe_failure] or ready
        first = min((endpoint.group for endpoint in usable), default=None)
        self.active = [] if self.paused else [endpoint for endpoint in usable if endpoint.group == first]
        self.strategy.rebuild(self.active)
        if available and self.queue:
            self.admit()

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.close_idle()


def _nobody(origin: str) -> None:
    """Where there is no lookout."""


def _last_to_try(endpoint: Endpoint) -> tuple[bool, tuple[int, int], float]:
    return not endpoint.is_available(), endpoint.group, endpoint.in_flight / endpoint.weight
