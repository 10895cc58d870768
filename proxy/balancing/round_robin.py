"""Round robin: everybody in turn, as often as the weights say, never in bursts.

The turns of one full cycle are laid out when the pool changes, so that a pick is one step of
an iterator in C. Stride scheduling lays them out: of a weight w, the turns stand 1/w of a cycle
apart. Between two turns of one endpoint another of weight v gets at most floor(v/w) + 1, which
is as smooth as nginx's weighted round robin and needs a sort instead of n steps per turn.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from itertools import cycle, repeat
from math import gcd

from proxy.balancing.strategy import Candidate, Request, Score

LONGEST_CYCLE = 4096  # turns; 2 ms to lay out. Above it weights are rounded, to 1/4096 of the traffic.


class RoundRobin:
    """Each in its turn.

    Args:
        rng: where in the cycle to begin; drawn, lest every worker begin with the same endpoint.
    """

    __slots__ = ("_endpoints", "_rng", "_turns")

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards no secret
        self._endpoints: Sequence[Candidate] = ()
        self._turns: Iterator[Candidate | None] = repeat(None)

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        due = self._due({endpoint.name for endpoint in endpoints})
        self._endpoints = tuple(endpoints)
        if not endpoints:
            self._turns = repeat(None)
            return
        turns = lay_out(endpoints)
        # Any of the due endpoint's turns, not its first: in a pool that changes all the time
        # every turn of the cycle must stay equally likely, or the weights would not hold.
        places = [place for place, endpoint in enumerate(turns) if endpoint.name == due]
        start = self._rng.choice(places or range(len(turns)))
        self._turns = cycle(turns[start:] + turns[:start])

    def _due(self, staying: set[str]) -> str | None:
        """Whose turn it is among those that stay; asks each of the old ones once at most."""
        for _ in self._endpoints:
            endpoint = next(self._turns)
            if endpoint is not None and endpoint.name in staying:
                return endpoint.name
        return None

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        endpoint = next(self._turns)
        if tried and endpoint in tried:
            return self._next_but(tried)
        return endpoint

    def _next_but(self, tried: Collection[Candidate]) -> Candidate | None:
        if all(endpoint in tried for endpoint in self._endpoints):
            return None
        return next(endpoint for endpoint in self._turns if endpoint not in tried)

    def explain(self, exchange: Request) -> Sequence[Score]:
        whole = sum(endpoint.weight for endpoint in self._endpoints)
        return sorted((
            Score(endpoint, round(endpoint.weight / whole, 4),
                  f"has {endpoint.weight} of {whole} turns; each worker begins anywhere in the cycle")
            for endpoint in self._endpoints), key=lambda score: -score.score)


def lay_out(endpoints: Sequence[Candidate]) -> list[Candidate]:
    """The turns of one cycle; each endpoint has as many as its reduced weight."""
    count = len(endpoints)
    turns = [
        # The phase of each endpoint is its place in the list: equal weights keep the list's order,
        # and several light endpoints spread over the cycle instead of sharing one moment.
        ((turn + place / count) / share, place)
        for place, share in enumerate(reduce_weights([endpoint.weight for endpoint in endpoints]))
        for turn in range(share)
    ]
    turns.sort()
    return [endpoints[place] for _, place in turns]


def reduce_weights(weights: Sequence[int]) -> list[int]:
    """The smallest weights in the same ratio; rounded where the cycle would be too long."""
    divisor = gcd(*weights)
    total = sum(weights) // divisor
    if total <= LONGEST_CYCLE:
        return [weight // divisor for weight in weights]
    return [max(1, round(weight / divisor * LONGEST_CYCLE / total)) for weight in weights]
