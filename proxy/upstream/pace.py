"""How long nearly all answers of a pool take: when a second attempt is worth its while."""

from __future__ import annotations

from collections import deque

PART = 0.95
ENOUGH = 20       # samples before anything is said
SHORTEST = 0.005  # seconds; below it a second attempt costs more than it can win


class Pace:
    """The 95th of a hundred of the latest times to a response's head.

    Attributes:
        seconds: 0.0 while it is not known.
    """

    __slots__ = ("_samples", "seconds")

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=256)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self._samples.append(seconds)

    def settle(self) -> None:
        """A second has passed: look at what has come together."""
        if len(self._samples) >= ENOUGH:
            ordered = sorted(self._samples)
            self.seconds = max(ordered[int(len(ordered) * PART)], SHORTEST)
