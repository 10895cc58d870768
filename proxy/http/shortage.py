"""Who waits until a descriptor is free: an upload for its file, a request for its connection to an endpoint.

The rule of this room: who waits has but his client's connection and perhaps the file of a whole body, and
who has a connection to an endpoint needs nothing more to finish. A worker takes less than half as many
clients as it may have descriptors (`proxy.descriptors`), so those who wait can never have all of them: the
others' come back, and idle connections to endpoints are closed for them. That happens in many rooms, so
nobody tells of it; instead there is a look every `POLL`, while somebody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import itemgetter
from time import monotonic
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet

from proxy.descriptors import free

PATIENCE = 30.0  # seconds that anybody waits, then it is a 503
POLL = 0.02      # seconds between two looks
BATCH = 64       # who go on at one go, so that running exchanges are not starved


class Waiter(Protocol):
    """Held weakly: who is gone waits no more."""

    def turn(self) -> None:
        """A descriptor was free a moment ago; take it, or line up again."""

    def overdue(self) -> None:
        """It took too long."""


class Owner(Protocol):
    """What can do without some of its descriptors."""

    def close_oldest(self) -> bool:
        """Close what was idle for longest; False where nothing is."""


class Lender(Protocol):
    """Owners that belong together: a pool."""

    @property
    def endpoints(self) -> Sequence[Owner]: ...


class Shortage:
    """The waiters of one loop, first come, first served.

    Attributes:
        lenders: who may have idle connections.
    """

    __slots__ = ("__weakref__", "_line", "_looks", "lenders")

    def __init__(self) -> None:
        self._line: WeakKeyDictionary[Waiter, float] = WeakKeyDictionary()
        self._looks = False
        self.lenders: WeakSet[Lender] = WeakSet()

    @property
    def lasts(self) -> bool:
        """Whether somebody waits, so that who comes now has to stand behind."""
        return bool(self._line)

    def line_up(self, waiter: Waiter, until: float, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until then (monotonic seconds), behind those whose time is over sooner."""
        self._line[waiter] = until
        if not self._looks:
            self._looks = True
            loop.call_later(POLL, self._look, loop)

    def leave(self, waiter: Waiter) -> None:
        self._line.pop(waiter, None)

    async def turn(self, until: float, loop: asyncio.AbstractEventLoop) -> bool:
        """Wait for a descriptor; False if it took until then."""
        waiter = _Turn(loop.create_future())
        self.line_up(waiter, until, loop)
        try:
            return await waiter.came
        finally:
            self.leave(waiter)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looks = self.lasts
        if not self._looks:
            return
        loop.call_later(POLL, self._look, loop)
        now = monotonic()
        line = sorted(self._line.items(), key=itemgetter(1))
        late = [waiter for waiter, until in line if until <= now]
        wanted = min(len(line) - len(late), BATCH)
        found = free(wanted)
        for waiter in late:
            self.leave(waiter)
            waiter.overdue()
        for waiter, _ in line[len(late):len(late) + found]:
            self.leave(waiter)
            waiter.turn()
        self._borrow(wanted - found)

    def _borrow(self, wanted: int) -> None:
        """Have so many idle connections closed; the loop does it after this, the next look finds them."""
        for lender in self.lenders:
            for owner in lender.endpoints:
                while wanted and owner.close_oldest():
                    wanted -= 1


class _Turn:
    """Of a coroutine."""

    __slots__ = ("__weakref__", "came")

    def __init__(self, came: asyncio.Future[bool]) -> None:
        self.came = came

    def turn(self) -> None:
        if not self.came.done():  # cancelled: the client left in this very round
            self.came.set_result(True)

    def overdue(self) -> None:
        if not self.came.done():
            self.came.set_result(False)


_shortages: WeakKeyDictionary[asyncio.AbstractEventLoop, Shortage] = WeakKeyDictionary()


def shortage_of(loop: asyncio.AbstractEventLoop) -> Shortage:
    """The one of that loop, of which a process has one, and tests have several."""
    shortage = _shortages.get(loop)
    if shortage is None:
        shortage = _shortages[loop] = Shortage()
    return shortage
