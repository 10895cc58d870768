"""IP hash: a client stays on its endpoint, by rendezvous of the client's address (see there)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.balancing.rendezvous import Bidder, bidders_of, winner
from proxy.balancing.strategy import Candidate, Request

REMEMBERED = 16384  # clients, some 2 MB; a bid takes 1 us per endpoint, the memo 0.1 us


class IpHash:
    """The endpoint that bids the most for the client's address."""

    __slots__ = ("_bidders", "_memo")

    def __init__(self) -> None:
        self._bidders: list[Bidder] = []
        self._memo: dict[str, Candidate] = {}

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._bidders = bidders_of(endpoints)
        self._memo.clear()

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        endpoint = self._memo.get(exchange.client)
        if endpoint is None:
            endpoint = self._remember(exchange.client)
        if tried and endpoint in tried:
            left = [bidder for bidder in self._bidders if bidder[0] not in tried]
            return winner(exchange.client.encode(), left)
        return endpoint

    def _remember(self, client: str) -> Candidate | None:
        endpoint = winner(client.encode(), self._bidders)
        if endpoint is not None:
            if len(self._memo) >= REMEMBERED:
                self._memo.clear()
            self._memo[client] = endpoint
        return endpoint
