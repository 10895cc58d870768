"""IP hash: a client stays on its endpoint.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer and
Schomaker 2005): each endpoint bids for each client, the highest bid wins. A bid depends on the
endpoint's name and the client's address alone, so every worker, every restart and every order of
the list agree; if an endpoint leaves, only its own clients move, each to its second highest bid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from math import log

from proxy.balancing.strategy import Candidate, Request

REMEMBERED = 16384  # clients, some 2 MB; a bid takes 1 us per endpoint, the memo 0.1 us


class IpHash:
    """The endpoint that bids the most for the client's address."""

    __slots__ = ("_bidders", "_memo")

    def __init__(self) -> None:
        self._bidders: list[tuple[Candidate, bytes]] = []
        self._memo: dict[str, Candidate] = {}

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._bidders = [(endpoint, salt_of(endpoint.name)) for endpoint in endpoints]
        self._memo.clear()

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        endpoint = self._memo.get(exchange.client)
        if endpoint is None:
            endpoint = self._remember(exchange.client)
        if tried and endpoint in tried:
            return winner(exchange.client, [bidder for bidder in self._bidders if bidder[0] not in tried])
        return endpoint

    def _remember(self, client: str) -> Candidate | None:
        endpoint = winner(client, self._bidders)
        if endpoint is not None:
            if len(self._memo) >= REMEMBERED:
                self._memo.clear()
            self._memo[client] = endpoint
        return endpoint


def winner(client: str, bidders: Iterable[tuple[Candidate, bytes]]) -> Candidate | None:
    """Who bids the most; two equal bids (one in 2^52) go to the name that sorts first."""
    address = client.encode()
    best = None
    highest = 0.0
    for endpoint, salt in bidders:
        offer = bid(address, salt, endpoint.weight)
        if best is None or offer > highest or (offer == highest and endpoint.name < best.name):
            best = endpoint
            highest = offer
    return best


def bid(address: bytes, salt: bytes, weight: int) -> float:
    """Exponentially distributed with the weight as its scale: bids win in proportion to weights."""
    digest = blake2b(address, digest_size=8, salt=salt).digest()
    # 52 bits and a half are exact in a float: the logarithm's argument is never 0 and never 1.
    return weight / -log(((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52)


def salt_of(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=blake2b.SALT_SIZE).digest()
