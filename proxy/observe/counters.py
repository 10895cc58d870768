"""Counting in the data plane: lists of numbers here, on the board with every tick.

The rule of this room: a request pays for a handful of additions to lists (a number in shared memory costs
twice as much) and for nothing else. So what others see of counters and histograms is up to a tick
(`clock.TICK`) old, and a worker that is killed loses that much of them; what others go by (what is in
flight at an endpoint, who waits in a queue) is written on the board when it changes.

A name keeps its tally for as long as the worker lives: an old runtime and the one after it count together.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from proxy.http.exchange import Exchange
from proxy.observe.board import BOUNDS, BUCKETS, MICRO, Board, Kind, Row, alone
from proxy.observe.columns import ENDPOINT, POOL, ROUTE, WORKER

TUNNEL: Final = 1  # the class of a 101: how long it lasted is no latency

# Where the hot path counts, in `Tally.cells`.
SENT: Final = ROUTE.at["sent"] - ROUTE.counted
RECEIVED: Final = ROUTE.at["received"] - ROUTE.counted
KEPT: Final = ROUTE.at["kept"] - ROUTE.counted
SAVED: Final = ROUTE.at["saved"] - ROUTE.counted
SECONDS: Final = ROUTE.at["seconds"] - ROUTE.counted
HEAD: Final = ENDPOINT.at["head"] - ENDPOINT.counted

Number = int | float


class Tally:
    """What one name has counted; `cells` are the columns of its kind from its counters on.

    Histograms' sums are seconds here, and whole microseconds on the board.
    """

    __slots__ = ("_gauges", "_sums", "_told", "_written", "cells", "first", "kind")

    def __init__(self, kind: Kind, first: int) -> None:
        self.kind = kind
        self.first = first
        self.cells: list[Number] = [0] * (kind.size - kind.counted)
        self._sums = tuple(at - kind.counted for at in kind.sums)
        self._written: list[Number] = []
        self._gauges = [0] * kind.counted
        self._told = list(self._gauges)

    def gauge(self, column: str, value: int) -> None:
        """How much there is now; others see it after the next tick."""
        self._gauges[self.kind.at[column]] = value

    def add(self, column: str, number: int = 1) -> None:
        """For what happens seldom."""
        self.cells[self.kind.at[column] - self.kind.counted] += number

    def total(self, column: str, number: int) -> None:
        """Of what somebody else counts."""
        self.cells[self.kind.at[column] - self.kind.counted] = number

    def time(self, column: str, seconds: float) -> None:
        """For what does not happen with every request."""
        at = self.kind.at[column] - self.kind.counted
        self.cells[at + bisect(BOUNDS, seconds)] += 1
        self.cells[at + BUCKETS] += seconds

    def write(self, cells: memoryview[int]) -> None:
        """On the board, what has changed."""
        if not self.first:
            return
        if self.cells != self._written:
            self._written = values = self.cells[:]
            numbers = values[:]
            for at in self._sums:
                numbers[at] = int(values[at] * MICRO)
            counters = self.first + self.kind.counted
            cells[counters:counters + len(numbers)] = memoryview(array("q", numbers))
        if self._gauges != self._told:
            for at, value in enumerate(self._gauges):
                if value != self._told[at]:  # others are written when they change, not here
                    self._told[at] = cells[self.first + at] = value


class RouteTally(Tally):
    """Of a route.

    Attributes:
        hit, unchanged: note an answer that was kept, a 200 and a 304, by its body's octets. `append` of a
            list that the tick counts: the cheapest call there is (70 ns with its arguments).
    """

    __slots__ = ("_hits", "_same", "hit", "unchanged")

    def __init__(self, first: int) -> None:
        super().__init__(ROUTE, first)
        self._hits: list[int] = []
        self._same: list[int] = []
        self.hit: Callable[[int], None] = self._hits.append
        self.unchanged: Callable[[int], None] = self._same.append

    def write(self, cells: memoryview[int]) -> None:
        if self._hits or self._same:
            hits, same = len(self._hits), len(self._same)
            self.cells[2] += hits
            self.cells[3] += same
            self.cells[SENT] += sum(self._hits)
            self.cells[KEPT] += hits + same
            self.cells[SECONDS] += hits + same  # microseconds each: the first bucket
            self._hits.clear()
            self._same.clear()
        super().write(cells)


class EndpointTally(Tally):
    """Of an endpoint; `mine`: exchanges that it works on now in this worker."""

    __slots__ = ("mine",)

    def __init__(self, first: int) -> None:
        super().__init__(ENDPOINT, first)
        self.mine = 0

    def answered(self, status: int, seconds: float) -> None:
        """The head of an answer has come so many seconds after the request went out."""
        cells = self.cells
        cells[status // 100] += 1
        cells[HEAD + bisect(BOUNDS, seconds)] += 1
        cells[HEAD + BUCKETS] += seconds


class RouteTallies(dict[str, RouteTally]):
    """By name, as routes lead now; one that is not known yet begins.

    Attributes:
        all: also of the pools that routes have led to before, and may again.
    """

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board
        self.all: dict[tuple[str, str], RouteTally] = {}

    def __missing__(self, route: str) -> RouteTally:
        return self.lead(route, "")

    def lead(self, route: str, pool: str) -> RouteTally:
        """The route leads to this pool now; what it did before stands beside that."""
        tally = self.all.get((route, pool))
        if tally is None:
            tally = self.all[route, pool] = RouteTally(self._board.first(ROUTE, route, pool))
        self[route] = tally
        return tally


class Counters:
    """All that one worker counts.

    Args:
        row: of the board; None to count for oneself.

    Attributes:
        worker: its own tally.
    """

    def __init__(self, row: Row | None = None) -> None:
        self.row = row or alone()
        self.worker = Tally(WORKER, self.row.board.first(WORKER))
        self._routes = RouteTallies(self.row.board)
        self._pools: dict[str, Tally] = {}
        self._endpoints: dict[tuple[str, str], EndpointTally] = {}

    # Tallies.

    def route(self, name: str) -> RouteTally:
        """Of the route of that name, as it is in force."""
        return self._routes[name]

    def pool(self, name: str) -> Tally:
        tally = self._pools.get(name)
        if tally is None:
            tally = self._pools[name] = Tally(POOL, self.row.board.first(POOL, name))
        return tally

    def endpoint(self, pool: str, name: str) -> EndpointTally:
        tally = self._endpoints.get((pool, name))
        if tally is None:
            first = self.row.board.first(ENDPOINT, pool, name)
            tally = self._endpoints[pool, name] = EndpointTally(first)
        return tally

    def show(self, routes: Mapping[str, str], pools: Iterable[str]) -> None:
        """These are the names of the configuration that is in force; others are shown no more.

        Args:
            routes: the pool of each, empty where it has none.
        """
        for name, pool in {"": "", **routes}.items():
            self._routes.lead(name, pool)
        for (name, pool), route in self._routes.all.items():
            route.gauge("shown", int(not name or routes.get(name) == pool))
        shown = set(pools)
        for name, tally in {**self._pools, **{name: self.pool(name) for name in shown}}.items():
            tally.gauge("shown", int(name in shown))

    # Counting.

    def ended(self, exchange: Exchange, now: float) -> None:
        """An exchange is over; `now` is monotonic time, in seconds."""
        # benchmarks/micro_counting.py: 0.3 us.
        cells = self._routes[exchange.route].cells
        kind = exchange.status // 100
        cells[kind] += 1
        if exchange.sent:
            cells[SENT] += exchange.sent
        if exchange.received:
            cells[RECEIVED] += exchange.received
        if exchange.uncoded > exchange.sent:
            cells[SAVED] += exchange.uncoded - exchange.sent
        if kind != TUNNEL:
            seconds = now - exchange.started
            cells[SECONDS + bisect(BOUNDS, seconds)] += 1
            cells[SECONDS + BUCKETS] += seconds

    def refused(self, status: int) -> None:
        """A request that never became an exchange."""
        cells = self._routes[""].cells
        cells[status // 100] += 1
        cells[SECONDS] += 1

    def tick(self, now: float) -> None:
        """Write on the board what has changed."""
        cells = self.row.cells
        routes, pools = self._routes.all.values(), self._pools.values()
        for tally in (self.worker, *routes, *pools, *self._endpoints.values()):
            tally.write(cells)
