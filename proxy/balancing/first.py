"""First: fill the endpoints in the order of the list.

The first one does all the work as long as it may be picked: one that is full (max_connections)
is among `tried`, and one that is down is not among the endpoints. So a pool uses as few
endpoints as it can, and the others may sleep or do something else. Weights mean nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.balancing.strategy import Candidate, Request, Score


class First:
    """The first endpoint of the list."""

    __slots__ = ("_endpoints",)

    def __init__(self) -> None:
        self._endpoints: Sequence[Candidate] = ()

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._endpoints = tuple(endpoints)

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        for endpoint in self._endpoints:
            if endpoint not in tried:
                return endpoint
        return None

    def explain(self, exchange: Request) -> Sequence[Score]:
        return [Score(endpoint, place, f"number {place} of the list; the first that has room is taken")
                for place, endpoint in enumerate(self._endpoints, 1)]
