"""Least connections: whoever has the least to do, in proportion to its weight.

Counted with the exchange that is about to come, (in flight + 1) / weight, so that of two idle
endpoints the stronger is taken. Equals take turns: in a quiet pool all are equal, and without
turns the first would do all the work.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from proxy.balancing.strategy import Candidate, Request


class LeastConnections:
    """The least loaded endpoint.

    Args:
        rng: which of equals comes first; drawn, lest every worker begin with the same endpoint.
    """

    __slots__ = ("_count", "_ring", "_rng", "_turn")

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards no secret
        self._ring: list[Candidate] = []
        self._count = 0
        self._turn = 0

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._ring = [*endpoints, *endpoints]  # twice: a lap from any place is one slice
        self._count = len(endpoints)
        self._turn = self._rng.randrange(self._count) if endpoints else 0

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        best = None
        least = 0.0
        turn = self._turn
        for endpoint in self._ring[turn : turn + self._count]:
            # A division, not a product with 1/weight: equal loads come out exactly equal.
            load = (endpoint.in_flight + 1) / endpoint.weight
            if (best is None or load < least) and endpoint not in tried:
                best = endpoint
                least = load
        if best is not None:
            # Go on behind the one taken, not one further: only then do equals alternate
            # evenly while a busy endpoint stands among them.
            self._turn = (self._ring.index(best, turn) + 1) % self._count
        return best
