"""Those who wait for an endpoint, first come, first served.

The rule of this room: an endpoint is chosen when a place is free, not before (late binding), and
who cannot be served in time is told so early: a full queue answers at once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class Waiter(Protocol):
    """An exchange without an endpoint."""

    def turn(self) -> None:
        """There may be an endpoint now; take it, or wait on."""

    def overdue(self) -> None:
        """It took too long."""


class Queue:
    """Bounded in number and in time.

    Args:
        size: most that may wait.
        timeout: seconds that each may wait.
    """

    __slots__ = ("_size", "_waiting", "timeout")

    def __init__(self, size: int, timeout: float) -> None:
        self._size = size
        self.timeout = timeout
        self._waiting: OrderedDict[Waiter, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, waiter: Waiter, until: float) -> bool:
        """Let `waiter` wait until then (monotonic seconds); False when there is no room."""
        if len(self._waiting) >= self._size:
            return False
        self._waiting[waiter] = until
        return True

    def remove(self, waiter: Waiter) -> None:
        self._waiting.pop(waiter, None)

    def take(self) -> Waiter:
        """The one who has waited longest; there must be one."""
        return self._waiting.popitem(last=False)[0]

    def expire(self, now: float) -> None:
        """Tell those whose time is over; a few that came back to the queue stand behind later ones."""
        overdue = [waiter for waiter, until in self._waiting.items() if until <= now]
        for waiter in overdue:
            del self._waiting[waiter]
        for waiter in overdue:
            waiter.overdue()
