"""How long an idle connection is good for: learned from the endpoint, so that it is never used near its end.

A server closes what is idle after a time of its own (gunicorn 2 s, uvicorn 5 s, nginx 75 s). Who sends a
request at that very moment loses it. The endpoint says when in `Keep-Alive: timeout=` (RFC 2068 section
19.7.1.1), or shows it: closes at the same age again and again. A worker that is recycled closes at any
age; that teaches nothing about the time, but that the endpoint may be about to leave.
"""

from __future__ import annotations

PART = 0.75       # of the endpoint's time; the rest is for its clock's grain and the way there
AGREE = 1.25      # times the youngest that the oldest of closes may be to count as one timeout
GRAIN = 1.1       # seconds that it may be older, too, from COARSE on: gunicorn's threads look once a second
COARSE = 1.5      # which of their 2 s makes 2 to 3
ENOUGH = 3        # closes that agree
SHORTEST = 0.25   # seconds; a tick of the wheel. Below it nothing would ever be reused
CALM = 10.0       # seconds without a close that was not foreseen, after which the time is relied on
LONG = 1.0        # seconds that it must be for that


class IdleLimit:
    """Seconds that a connection of one endpoint may be idle and still be used.

    Args:
        most: as configured.

    Attributes:
        known: the endpoint has told or shown it.
    """

    __slots__ = ("_ages", "_most", "_surprised_at", "known", "seconds")

    def __init__(self, most: float) -> None:
        self._most = most
        self._ages: list[float] = []
        self.known = False
        self._surprised_at = -CALM
        self.seconds = most

    def is_young(self, age: float, now: float) -> bool:
        """Whether a connection is so far from its end that even what must not be lost may go over it."""
        return (self.known and age < self.seconds / 2 and self.seconds >= LONG
                and now - self._surprised_at >= CALM)

    def anew(self) -> IdleLimit:
        """For another endpoint of the same configuration."""
        return IdleLimit(self._most)

    def told(self, seconds: float) -> None:
        """The endpoint said how long it keeps an idle connection."""
        self._settle(seconds)

    def closed_at(self, age: float, now: float) -> None:
        """The endpoint closed a connection that had been idle for so long."""
        self._ages = [*self._ages[1 - ENOUGH:], age]
        youngest = min(self._ages)
        oldest = max(AGREE * youngest, youngest + GRAIN if youngest >= COARSE else 0.0)
        if len(self._ages) == ENOUGH and max(self._ages) <= oldest:
            self._settle(youngest)
        if not self.known or age < self.seconds:
            self._surprised_at = now  # sooner than we thought

    def _settle(self, seconds: float) -> None:
        self.known = True
        self.seconds = min(self._most, max(PART * seconds, SHORTEST))
