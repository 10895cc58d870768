"""IP hash: a client stays on its endpoint, by rendezvous of its address's slot (see there)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.balancing.rendezvous import SLOTS, Bidder, bidders_of, bids, name_of, slot_of, winner
from proxy.balancing.strategy import Candidate, Request, Score


class IpHash:
    """The endpoint that bids the most for the client's slot."""

    __slots__ = ("_bidders", "_winners")

    def __init__(self) -> None:
        self.rebuild(())

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._bidders: list[Bidder] = bidders_of(endpoints)
        self._winners: list[Candidate | None] = [None] * SLOTS

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        slot = slot_of(exchange.client.encode())
        endpoint = self._winners[slot]
        if endpoint is None:  # the first time: 1 us for each endpoint
            endpoint = self._winners[slot] = winner(name_of(slot), self._bidders)
        if tried and endpoint in tried:
            return winner(name_of(slot), [bidder for bidder in self._bidders if bidder[0] not in tried])
        return endpoint

    def explain(self, exchange: Request) -> Sequence[Score]:
        return bids(slot_of(exchange.client.encode()), self._bidders, f"the client {exchange.client}")
