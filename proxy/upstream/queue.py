"""Those who wait for an endpoint, first come, first served.

The rule of this room: an endpoint is chosen when a place is free, not before (late binding), and
who cannot be served in time is told so early: a full queue answers at once. Some wait for one endpoint
alone, to which they are stuck; they are passed over while others take places elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.upstream.endpoint import Endpoint


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

    __slots__ = ("_count", "_lines", "_size", "timeout")

    def __init__(self, size: int, timeout: float) -> None:
        self._size = size
        self.timeout = timeout
        self._count = 0
        # By the endpoint that they wait for; None: for any. No line is empty.
        self._lines: dict[Endpoint | None, OrderedDict[Waiter, float]] = {}

    def __len__(self) -> int:
        return self._count

    def become(self, new: Queue | None) -> None:
        """Have the rules of another queue; None: let those go on who wait, and nobody more in."""
        self._size = 0 if new is None else new._size
        if new is not None:
            self.timeout = new.timeout

    def oldest(self) -> float:
        """Until when the first waits of those who take any endpoint; 0.0: none do."""
        line = self._lines.get(None)
        return next(iter(line.values())) if line else 0.0

    def has_room(self) -> bool:
        return self._count < self._size

    def put(self, waiter: Waiter, until: float, home: Endpoint | None = None) -> bool:
        """Let `waiter` wait until then (monotonic seconds); False when there is no room.

        Args:
            home: the one endpoint that will do.
        """
        if not self.has_room():
            return False
        self._lines.setdefault(home, OrderedDict())[waiter] = until
        self._count += 1
        return True

    def remove(self, waiter: Waiter) -> None:
        for home, line in self._lines.items():
            if waiter in line:
                self._drop(home, waiter)
                return

    def take(self, may_go: Callable[[Endpoint | None], bool] | None = None) -> Waiter | None:
        """The one who has waited longest of those who may go, by what they wait for; None: none may."""
        lines = [item for item in self._lines.items() if may_go is None or may_go(item[0])]
        if not lines:
            return None
        home, line = min(lines, key=_until_of_the_first)
        waiter = next(iter(line))
        self._drop(home, waiter)
        return waiter

    def expire(self, now: float) -> None:
        """Tell those whose time is over; a few that came back to the queue stand behind later ones."""
        overdue = [(home, waiter) for home, line in self._lines.items()
                   for waiter, until in line.items() if until <= now]
        for home, waiter in overdue:
            self._drop(home, waiter)
        for _, waiter in overdue:
            waiter.overdue()

    def _drop(self, home: Endpoint | None, waiter: Waiter) -> None:
        line = self._lines[home]
        del line[waiter]
        if not line:
            del self._lines[home]
        self._count -= 1


def successor(old: Queue | None, new: Queue | None) -> Queue | None:
    """Who waits goes on waiting, in a queue that takes nobody more if there is to be none."""
    if not old:
        return new
    old.become(new)
    return old


def _until_of_the_first(item: tuple[Endpoint | None, OrderedDict[Waiter, float]]) -> float:
    return next(iter(item[1].values()))
