"""How long an idle connection is good for: learned from the endpoint, so that it is never used near its end.

A server closes what is idle after a time of its own (gunicorn 2 s, uvicorn 5 s, nginx 75 s). Who sends a
request at that very moment loses it. The endpoint says when in `Keep-Alive: timeout=` (RFC 2068 section
19.7.1.1), or shows it: closes at the same age again and again. A worker that is recycled closes at any
age; that teaches nothing about the time, but that the endpoint may be about to leave. What ends at one
moment counts once: a server that stops closes all its connections, and many may have had the same age.

What was shown would hold for ever, as nothing is kept long enough to show more. So once in a while one
connection whose time is over is not closed, but left alone (a scout) until the endpoint closes it. That
one was kept for so long proves that the endpoint keeps them for so long: one is enough, and no request
ever depends on it. To forget instead what was shown would put POSTs at risk until it is learned again.
"""

from __future__ import annotations

PART = 0.75       # of the endpoint's time; the rest is for its clock's grain and the way there
AGREE = 1.25      # times the youngest that the oldest of closes may be to count as one timeout
GRAIN = 1.1       # seconds that it may be older, too, from COARSE on: gunicorn's threads look once a second
COARSE = 1.5      # which of their 2 s makes 2 to 3
ENOUGH = 3        # closes that agree
MOMENT = 1.0      # seconds; what is closed within them is closed by one event
DOUBT = 60.0      # seconds after which what was shown may be true no more
SHORTEST = 0.25   # seconds; a tick of the wheel. Below it nothing would ever be reused
CALM = 10.0       # seconds without a close that was not foreseen, after which the time is relied on
LONG = 1.0        # seconds that it must be for that
NEVER = float("inf")


class IdleLimit:
    """Seconds that a connection of one endpoint may be idle and still be used.

    Args:
        most: as configured.

    Attributes:
        known: the endpoint has told or shown it.
    """

    __slots__ = ("_ages", "_doubt_from", "_moment", "_most", "_surprised_at", "known", "seconds")

    def __init__(self, most: float) -> None:
        self._most = most
        self._ages: list[float] = []
        self._moment = -MOMENT
        self.known = False
        self._surprised_at = -CALM
        self._doubt_from = NEVER
        self.seconds = most

    def is_young(self, age: float, now: float) -> bool:
        """Whether a connection is so far from its end that even what must not be lost may go over it."""
        return (self.known and age < self.seconds / 2 and self.seconds >= LONG
                and now - self._surprised_at >= CALM)

    def is_doubtful(self, now: float) -> bool:
        """Whether the endpoint may keep connections longer by now than it has shown."""
        return now >= self._doubt_from and self.seconds < self._most

    @property
    def longest_watch(self) -> float:
        """Seconds after which a scout can prove nothing more."""
        return self._most / PART + GRAIN

    def has_most(self, other: IdleLimit) -> bool:
        """Whether both are configured the same."""
        return self._most == other._most

    def anew(self) -> IdleLimit:
        """For another endpoint of the same configuration."""
        return IdleLimit(self._most)

    def told(self, seconds: float) -> None:
        """The endpoint said how long it keeps an idle connection."""
        self._doubt_from = NEVER
        self._settle(seconds)

    def closed_at(self, age: float, now: float) -> None:
        """The endpoint closed a connection that had been idle for so long."""
        if now - self._moment >= MOMENT:
            self._moment = now
            self._ages = [*self._ages[1 - ENOUGH:], age]
            youngest = min(self._ages)
            if len(self._ages) == ENOUGH and max(self._ages) <= oldest_of(youngest):
                self._settle(youngest)
                self._doubt_from = now + DOUBT
        if not self.known or age < self.seconds:
            self._surprised_at = now  # sooner than we thought

    def kept_for(self, age: float, now: float) -> None:
        """So long the endpoint has kept a scout, at least."""
        self._doubt_from = now + DOUBT
        believed = self.seconds / PART
        if age > oldest_of(believed):
            self._ages = []
            self._settle(max(believed, age - GRAIN))

    def _settle(self, seconds: float) -> None:
        self.known = True
        self.seconds = min(self._most, max(PART * seconds, SHORTEST))


def oldest_of(timeout: float) -> float:
    """The age at which one with this timeout may close a connection."""
    return max(AGREE * timeout, timeout + GRAIN if timeout >= COARSE else 0.0)
