"""Those who wait for an endpoint, first come, first served; those of an urgent route before all others.

The rule of this room: an endpoint is chosen when a place is free, not before (late binding), and
who cannot be served in time is told so early: a full queue answers at once, but that it keeps some room
for what is urgent. Some wait for one endpoint
alone, to which they are stuck; they are passed over while others take places elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.upstream.endpoint import Endpoint

RESERVED = 4  # a queue of so many has one more place for what is urgent

Line = tuple[bool, "Endpoint | None"]  # not urgent, and the one endpoint that will do; None: any


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
        self._lines: dict[Line, OrderedDict[Waiter, float]] = {}  # none is empty

    def __len__(self) -> int:
        return self._count

    def become(self, new: Queue | None) -> None:
        """Have the rules of another queue; None: let those go on who wait, and nobody more in."""
        self._size = 0 if new is None else new._size
        if new is not None:
            self.timeout = new.timeout

    def oldest(self) -> float:
        """Until when the first waits of those who take any endpoint; 0.0: none do."""
        lines = [line for late in (False, True) if (line := self._lines.get((late, None)))]
        return min(map(_first_until, lines), default=0.0)

    def has_room(self, *, urgent: bool = False) -> bool:
        return self._count < self._size + (-(-self._size // RESERVED) if urgent else 0)

    def put(self, waiter: Waiter, until: float, home: Endpoint | None = None, *,
            urgent: bool = False) -> bool:
        """Let `waiter` wait until then (monotonic seconds); False when there is no room.

        Args:
            home: the one endpoint that will do.
            urgent: it stands before those who are not.
        """
        if not self.has_room(urgent=urgent):
            return False
        self._lines.setdefault((not urgent, home), OrderedDict())[waiter] = until
        self._count += 1
        return True

    def remove(self, waiter: Waiter) -> None:
        for key, line in self._lines.items():
            if waiter in line:
                self._drop(key, waiter)
                return

    def take(self, may_go: Callable[[Endpoint | None], bool] | None = None) -> Waiter | None:
        """The one whose turn it is of those who may go, by what they wait for; None: none may."""
        keys = [key for key in self._lines if may_go is None or may_go(key[1])]
        if not keys:
            return None
        key = min(keys, key=self._turn_of)
        waiter = next(iter(self._lines[key]))
        self._drop(key, waiter)
        return waiter

    def _turn_of(self, key: Line) -> tuple[bool, float]:
        return key[0], _first_until(self._lines[key])

    def expire(self, now: float) -> None:
        """Tell those whose time is over; a few that came back to the queue stand behind later ones."""
        overdue = [(key, waiter) for key, line in self._lines.items()
                   for waiter, until in line.items() if until <= now]
        for key, waiter in overdue:
            self._drop(key, waiter)
        for _, waiter in overdue:
            waiter.overdue()

    def _drop(self, key: Line, waiter: Waiter) -> None:
        line = self._lines[key]
        del line[waiter]
        if not line:
            del self._lines[key]
        self._count -= 1


def successor(old: Queue | None, new: Queue | None) -> Queue | None:
    """Who waits goes on waiting, in a queue that takes nobody more if there is to be none."""
    if not old:
        return new
    old.become(new)
    return old


def _first_until(line: OrderedDict[Waiter, float]) -> float:
    return next(iter(line.values()))
