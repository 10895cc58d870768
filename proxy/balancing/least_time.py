"""Least time: whoever is likely to answer first.

What counts is latency x (in flight + 1) / weight. An endpoint whose latency is not known yet is
taken for as fast as the fastest, so that it is tried at once; what it then has in flight counts
like everybody's, so that it is not stormed. With more than 16 endpoints it is the fastest of the
next 16 turns (see `lap` for what that gives up).

One that was slow once would stay away for ever, for only an answer can tell that it is fast
again. So one in 125 picks goes to the endpoint that has waited the longest for one; while it still
works on k exchanges its waiting counts 1/(k + 1), or a slow one would have them pile up.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from math import inf

from proxy.balancing.lap import Lap
from proxy.balancing.least_connections import by_load, least_loaded
from proxy.balancing.strategy import Candidate, Request, Score

SELDOM = 125  # picks; the slowest endpoint gets one in so many, too few to be seen in a p99


class LeastTime:
    """The endpoint of the least expected time.

    Args:
        rng: which of equals comes first.
    """

    __slots__ = ("_lap", "_last", "_look_at", "_picks", "_rng")

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards no secret
        self._lap = Lap((), self._rng)
        self._last: dict[Candidate, int] = {}  # the number of the pick that took it
        self._picks = 0
        self._look_at = SELDOM  # the number of the pick that looks for who has waited

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._lap = Lap(endpoints, self._rng)
        # Who comes or comes back begins to wait now.
        self._last = {endpoint: self._last.get(endpoint, self._picks) for endpoint in endpoints}

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        self._picks += 1
        best = self._waiting(tried) if self._picks >= self._look_at else None
        if best is None:
            best = self._lap.pick(fastest, tried)
            if best is None:
                return None
        self._last[best] = self._picks
        return best

    def _waiting(self, tried: Collection[Candidate]) -> Candidate | None:
        """Who has waited the longest, if that is long at all."""
        self._look_at = self._picks + SELDOM
        best = None
        longest = float(SELDOM)
        for endpoint, last in self._last.items():
            waited = (self._picks - last) / (endpoint.in_flight + 1)
            if waited >= longest and endpoint not in tried:
                best = endpoint
                longest = waited
        return best

    def explain(self, exchange: Request) -> Sequence[Score]:
        endpoints = self._lap.endpoints
        known = [endpoint.latency for endpoint in endpoints if endpoint.latency]
        if not known:
            return by_load(endpoints)
        return sorted((expected(endpoint, min(known)) for endpoint in endpoints),
                      key=lambda score: score.score)


def expected(endpoint: Candidate, lowest: float) -> Score:
    """The time that an answer may take; where nothing is known of it, as of the quickest."""
    latency = endpoint.latency or lowest
    known = "" if endpoint.latency else "unknown, so the least: "
    return Score(endpoint, round(latency * (endpoint.in_flight + 1) / endpoint.weight, 6),
                 f"{known}{latency * 1000:.1f} ms x ({endpoint.in_flight} in flight + 1) / weight "
                 f"{endpoint.weight}; the least is taken, in 1 of {SELDOM} picks who has waited longest")


def fastest(turns: Sequence[Candidate], tried: Collection[Candidate]) -> Candidate | None:
    """The first of those that can be expected to take the least time."""
    best = None
    least = inf
    for endpoint in turns:
        time = endpoint.latency * (endpoint.in_flight + 1) / endpoint.weight
        if time < least:
            if not time:
                return fastest_with_new(turns, tried)
            if endpoint not in tried:
                best = endpoint
                least = time
    return best


def fastest_with_new(turns: Sequence[Candidate], tried: Collection[Candidate]) -> Candidate | None:
    """The same where the latency of some is not known: twice the work, and rare.

    While none is known the loads alone tell them apart: so begins each pool, in each worker.
    """
    latencies = [endpoint.latency for endpoint in turns]
    if not any(latencies):
        return least_loaded(turns, tried)
    lowest = min(filter(None, latencies))
    best = None
    least = inf
    for endpoint, latency in zip(turns, latencies, strict=True):
        time = (latency or lowest) * (endpoint.in_flight + 1) / endpoint.weight
        if time < least and endpoint not in tried:
            best = endpoint
            least = time
    return best
