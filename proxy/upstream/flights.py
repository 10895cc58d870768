"""What a pool's endpoints have in flight and who waits for them, in this worker and in all the others.

The rule of this room: what others go by is on the board before anything else happens, and what is read of
them is read in passing. A pick goes by numbers that are up to `FRESH` old, for it may be wrong; a limit
may not, so who enters an endpoint that has one says so first, then adds up, and steps back if it was one
too many: of two workers that want the last place at the same moment both see the other. So a limit is
never exceeded, and at worst both step back, and look again.

Who waits in a queue is woken by a look every `POLL`, while somebody waits and there are other workers. A
free place is for who has waited longest in any of them; who does not take it in `PATIENCE` seconds is stuck,
and is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from time import monotonic
from typing import Final

from proxy.observe.board import MICRO
from proxy.observe.columns import POOL, STANDINGS
from proxy.observe.counters import Counters
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.queue import Queue
from proxy.upstream.standing import state_of

FRESH: Final = 0.002    # seconds; and 40 us more for each endpoint, as reading them takes longer
FRESH_EACH: Final = 0.00004
ALONE: Final = 0.25     # seconds until a worker that is alone looks again whether it still is
POLL: Final = 0.005     # seconds between two looks for a free place
PATIENCE: Final = 0.03  # seconds that a place is left to whoever has waited longer
CLAIMS: Final = 3       # attempts at a place that others want at the same moment

Cells = Callable[[memoryview], tuple[int, ...]]


class Flights:
    """See the module.

    Args:
        name: of the pool.
        counters: of this worker.
        loop: of this worker.

    Attributes:
        tally: what the pool counts.
        look_at: when `look` is due, in monotonic seconds.
        others: the rows of other workers that live.
        limited: an endpoint has a limit.
    """

    __slots__ = (
        "_cells", "_counters", "_gone_by", "_loop", "_name", "_offered", "_offered_at", "_oldest", "_read",
        "_timer", "limited", "look_at", "others", "tally")

    def __init__(self, name: str, counters: Counters, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._counters = counters
        self._loop = loop
        self._cells = counters.row.cells
        self.tally = counters.pool(name)
        self._oldest = self.tally.first + POOL.at["oldest"]
        self._gone_by: Sequence[Endpoint] = ()
        self._read: Cells | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._offered, self._offered_at = 0, 0.0
        self.others: list[memoryview] = []
        self.look_at = 0.0
        self.limited = False

    def adopt(self, endpoints: Sequence[Endpoint]) -> None:
        """These are the pool's endpoints from now on."""
        for endpoint in self._gone_by:
            if endpoint not in endpoints:
                endpoint.tally.gauge("standing", 0)
        for endpoint in endpoints:
            endpoint.tally = self._counters.endpoint(self._name, endpoint.name)
        # Those that found no room on the board are not shared.
        self._gone_by = [endpoint for endpoint in endpoints if endpoint.tally.first]
        cells = [endpoint.tally.first for endpoint in self._gone_by]
        self._read = itemgetter(*cells, cells[-1]) if cells else None  # two at least: a tuple
        self.limited = any(endpoint.most for endpoint in endpoints)
        self.look_at = 0.0

    # In flight.

    def enter(self, endpoint: Endpoint) -> None:
        endpoint.in_flight += 1
        tally = endpoint.tally
        tally.mine = mine = tally.mine + 1
        self._cells[tally.first] = mine

    def leave(self, endpoint: Endpoint) -> None:
        endpoint.in_flight -= 1
        tally = endpoint.tally
        tally.mine = mine = tally.mine - 1
        self._cells[tally.first] = mine

    def look(self, now: float) -> None:
        """Go by what the others have in flight now."""
        before, self.others = self.others, self._counters.row.others()
        self.look_at = now + (FRESH + FRESH_EACH * len(self._gone_by) if self.others else ALONE)
        if self._read is not None and (self.others or before):
            for endpoint, number in zip(self._gone_by, self._sums(self._read), strict=False):
                endpoint.in_flight = endpoint.tally.mine + number

    def _sums(self, read: Cells) -> Iterable[int]:
        """What others have in flight, by endpoint."""
        others = self.others
        if len(others) == 1:
            return read(others[0])
        return map(sum, zip(*map(read, others), strict=True)) if others else repeat(0)

    def has_place(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint that has a limit is below it, at this moment."""
        return self._in_flight(endpoint) < endpoint.most

    def claim(self, endpoint: Endpoint) -> bool:
        """Enter an endpoint that has a limit; False if others were quicker."""
        for _ in range(CLAIMS):
            self.enter(endpoint)
            if self._in_flight(endpoint) <= endpoint.most:
                return True
            self.leave(endpoint)
            if not self.has_place(endpoint):
                return False
        return False

    def _in_flight(self, endpoint: Endpoint) -> int:
        if self.others and (cell := endpoint.tally.first):
            endpoint.in_flight = endpoint.tally.mine + sum([cells[cell] for cells in self.others])
        return endpoint.in_flight

    # Waiting.

    def shares_queue(self) -> bool:
        """Whether others may want the same places."""
        return self.limited and bool(self.others) and bool(self.tally.first)

    def somebody_waits(self, queue: Queue) -> bool:
        """In any worker, so that who comes now stands behind."""
        return bool(queue.oldest()) or any(cells[self._oldest] for cells in self.others)

    def waits(self, queue: Queue, look: Callable[[], None]) -> None:
        """Tell the others who waits here, and have `look` called soon while somebody does."""
        if not self.shares_queue():
            return
        self._cells[self._oldest] = int(queue.oldest() * MICRO)
        if queue and self._timer is None:
            self._timer = self._loop.call_later(POLL, self._polled, look)

    def _polled(self, look: Callable[[], None]) -> None:
        self._timer = None
        look()

    def yields(self, queue: Queue) -> bool:
        """Whether a free place is for somebody who has waited longer elsewhere."""
        if not self.shares_queue():
            return False
        oldest = min(filter(None, (cells[self._oldest] for cells in self.others)), default=0)
        if not oldest or oldest >= queue.oldest() * MICRO:
            return False
        now = monotonic()
        if oldest != self._offered:
            self._offered, self._offered_at = oldest, now
        return now - self._offered_at < PATIENCE

    # For those who look from outside.

    def show(self, waiting: int) -> None:
        """Set the gauges."""
        self.tally.gauge("waiting", waiting)
        for endpoint in self._gone_by:
            endpoint.tally.gauge("standing", STANDINGS.index(state_of(endpoint)))
            endpoint.tally.gauge("weight", endpoint.weight)
