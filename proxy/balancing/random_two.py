"""Random two: draw two endpoints, take the less loaded one.

The power of two choices (Mitzenmacher 2001): nearly as even as looking at all of them, at a cost
that does not grow with the pool, and without the herd that forms when many workers see the same
least loaded endpoint at once. The draw respects the weights; the first drawn wins a tie, so that
an idle pool is used in proportion to them.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate

from proxy.balancing.strategy import Candidate, Request, Score


class RandomTwo:
    """The less loaded of two drawn endpoints.

    Args:
        rng: the source of the draws.
    """

    __slots__ = ("_bounds", "_endpoints", "_random")

    def __init__(self, rng: random.Random | None = None) -> None:
        self._random = (rng or random.Random()).random  # noqa: S311 - spreads load, guards no secret
        self._endpoints: Sequence[Candidate] = ()
        self._bounds: list[int] = []

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._endpoints = tuple(endpoints)
        self._bounds = bounds_of(endpoints)

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        if tried:
            rest = [endpoint for endpoint in self._endpoints if endpoint not in tried]
            return less_loaded(rest, bounds_of(rest), self._random)
        return less_loaded(self._endpoints, self._bounds, self._random)

    def explain(self, exchange: Request) -> Sequence[Score]:
        whole = sum(endpoint.weight for endpoint in self._endpoints)
        return sorted((
            Score(endpoint, round(endpoint.in_flight / endpoint.weight, 4),
                  f"{endpoint.in_flight} in flight / weight {endpoint.weight}; drawn first {endpoint.weight} "
                  f"times of {whole}, and of two drawn the less loaded is taken")
            for endpoint in self._endpoints), key=lambda score: score.score)


def bounds_of(endpoints: Sequence[Candidate]) -> list[int]:
    """Where each endpoint's range of points ends; a range is as wide as the weight."""
    return list(accumulate(endpoint.weight for endpoint in endpoints))


def less_loaded(
    endpoints: Sequence[Candidate], bounds: list[int], draw: Callable[[], float]
) -> Candidate | None:
    """The less loaded of two drawn ones; None if there is none at all."""
    last = len(bounds) - 1
    if last < 1:
        return endpoints[0] if endpoints else None
    # `last` as the search's end: the product may be rounded up to the whole sum.
    place = bisect(bounds, draw() * bounds[-1], 0, last)
    first = endpoints[place]
    # The second is drawn from what is left: points from the first one's range onwards are moved
    # up by its width. One draw each; drawing until they differ could take a thousand.
    width = first.weight
    point = draw() * (bounds[-1] - width)
    if point >= bounds[place] - width:
        point += width
    second = endpoints[bisect(bounds, point, 0, last)]
    # in_flight / weight, compared crosswise.
    return second if second.in_flight * width < first.in_flight * second.weight else first
