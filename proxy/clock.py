"""Time for the data plane: the Date header once a second, and deadlines without timers.

The rule of this room: nothing is scheduled per request. A connection that may have to be
ended later carries a `deadline` attribute (seconds of `time.monotonic`, `NEVER` for none);
setting or clearing it is an assignment. One timer per worker, `DeadlineWheel.tick`, looks at
all of them. A deadline is met up to one tick late and never early.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol
from weakref import WeakMethod

log = logging.getLogger("proxy.clock")

NEVER = float("inf")
TICK = 0.25  # seconds between two looks at the deadlines


class Timed(Protocol):
    """What the wheel watches."""

    deadline: float

    def expired(self) -> None:
        """Called once the deadline has passed; must move the deadline or `forget` itself."""


class WallClock:
    """The current second, as `Date` needs it (RFC 9110 section 5.6.7)."""

    __slots__ = ("_expires", "date_line", "second")

    def __init__(self) -> None:
        self.second = 0
        self.date_line = b""
        self._expires: dict[int, bytes] = {}  # by seconds from now, of which a configuration has a few
        self.update()

    def update(self) -> None:
        second = int(time.time())
        if second != self.second:
            self.second = second
            self.date_line = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()
            self._expires.clear()

    def expires_line(self, lasts: int) -> bytes:
        """`Expires` of what may be kept for so many seconds; once a second for each number of them."""
        line = self._expires.get(lasts)
        if line is None:
            date = formatdate(self.second + lasts, usegmt=True).encode()
            line = self._expires[lasts] = b"Expires: %b\r\n" % date
        return line


WALL = WallClock()  # one per process; every wheel's tick keeps it right


class DeadlineWheel:
    """Watches deadlines and runs what is due every tick; one per event loop.

    Attributes:
        lag: seconds by which the last tick was late: whatever was due then was as late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Timed] = set()
        self._every_tick: list[Callable[[float], None]] = []
        self._while_used: set[WeakMethod[Callable[[float], Any]]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.lag = 0.0
        # Bound once: each access to a bound method makes a new object.
        self.watch = self._watched.add
        self.forget = self._watched.discard

    def every_tick(self, call: Callable[[float], None]) -> None:
        """Have `call(now)` run on each tick; it must be short and must not raise."""
        self._every_tick.append(call)

    def tick_while_used(self, method: Callable[[float], None]) -> None:
        """The same for a method, for as long as anybody else has its object: it need not be taken off.

        What a reload replaces is still used by exchanges that have begun with it; nobody knows how long.
        """
        self._while_used.add(WeakMethod(method, self._while_used.discard))

    def start(self) -> None:
        self._tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        WALL.update()
        now = time.monotonic()
        self.lag = max(0.0, now - self._due) if self._due else 0.0
        self._due = now + TICK
        self.expire(now)
        self.call_all(now)

    def call_all(self, now: float) -> None:
        """What runs on each tick."""
        for call in self._every_tick:
            call(now)
        for reference in list(self._while_used):
            if (method := reference()) is not None:
                method(now)

    def expire(self, now: float) -> None:
        """Call `expired` of everything whose deadline lies before `now`."""
        for timed in [timed for timed in self._watched if timed.deadline <= now]:
            if timed in self._watched and timed.deadline <= now:  # an earlier one may have seen to it
                try:
                    timed.expired()
                except Exception:  # a defect of ours; the others' deadlines are not to suffer from it
                    timed.deadline = NEVER
                    log.exception("what follows a deadline failed for %r", timed)
