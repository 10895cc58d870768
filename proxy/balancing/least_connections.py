"""Least connections: whoever has the least to do, in proportion to its weight.

Counted with the exchange that is about to come, (in flight + 1) / weight, so that of two idle
endpoints the stronger is taken. Equals take turns: in a quiet pool all are equal, and without
turns the first would do all the work. With more than 16 endpoints it is the least loaded of the
next 16 turns (see `lap` for what that gives up).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence

from proxy.balancing.lap import Lap
from proxy.balancing.strategy import Candidate, Request, Score


class LeastConnections:
    """The least loaded endpoint.

    Args:
        rng: which of equals comes first.
    """

    __slots__ = ("_lap", "_rng")

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards no secret
        self._lap = Lap((), self._rng)

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._lap = Lap(endpoints, self._rng)

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        return self._lap.pick(least_loaded, tried)

    def explain(self, exchange: Request) -> Sequence[Score]:
        return by_load(self._lap.endpoints)


def by_load(endpoints: Sequence[Candidate]) -> list[Score]:
    """The least loaded first."""
    return sorted((
        Score(endpoint, round((endpoint.in_flight + 1) / endpoint.weight, 4),
              f"({endpoint.in_flight} in flight + 1) / weight {endpoint.weight}; the least is taken, "
              "equals in turn")
        for endpoint in endpoints), key=lambda score: score.score)


def least_loaded(turns: Iterable[Candidate], tried: Collection[Candidate]) -> Candidate | None:
    """The first of those with the least to do."""
    best = None
    least = 0.0
    for endpoint in turns:
        # A division, not a product with 1/weight: equal loads come out exactly equal.
        load = (endpoint.in_flight + 1) / endpoint.weight
        if (best is None or load < least) and endpoint not in tried:
            best = endpoint
            least = load
    return best
