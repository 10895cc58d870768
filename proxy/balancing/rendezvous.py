"""Weighted rendezvous hashing: what strategies that keep a client or a key in its place share.

Each endpoint bids for each key, the highest bid wins (Thaler and Ravishankar 1998; weights as in
Schindelhauer and Schomaker 2005). A bid depends on the endpoint's name and weight and on the key
alone, so every worker, every restart and every order of the list agree; if an endpoint leaves,
only its own keys move, each to its second highest bid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import log
from zlib import crc32

from proxy.balancing.strategy import Candidate, Score

# Keys fall into slots, which are bid for once: a million clients cost no more memory and time than these.
SLOTS = 1 << 14  # with 10 endpoints a share is true to 2.4 %, with 100 to 8 %
Bidder = tuple[Candidate, bytes]  # an endpoint, and the salt of its bids


def slot_of(key: bytes) -> int:
    return crc32(key) % SLOTS


def name_of(slot: int) -> bytes:
    """What is bid for."""
    return b"%d" % slot


def bidders_of(endpoints: Iterable[Candidate]) -> list[Bidder]:
    """The endpoints in the order of their names, for two equal bids (one in 2^52) go to the first."""
    ordered = sorted(endpoints, key=lambda endpoint: endpoint.name)
    return [(endpoint, salt_of(endpoint.name)) for endpoint in ordered]


def winner(key: bytes, bidders: Iterable[Bidder]) -> Candidate | None:
    """Who bids the most; None when nobody does."""
    best = None
    highest = 0.0
    for endpoint, salt in bidders:
        offer = bid(key, salt, endpoint.weight)
        if offer > highest:
            best = endpoint
            highest = offer
    return best


def ranking(key: bytes, bidders: Sequence[Bidder]) -> tuple[Candidate, ...]:
    """Everybody, the highest bid first: where the key goes if those before are not to be had."""
    offers = [(-bid(key, salt, endpoint.weight), place) for place, (endpoint, salt) in enumerate(bidders)]
    return tuple(bidders[place][0] for _, place in sorted(offers))


def bid(key: bytes, salt: bytes, weight: int) -> float:
    """Exponentially distributed with the weight as its scale: bids win in proportion to weights."""
    digest = blake2b(key, digest_size=8, salt=salt).digest()
    # 52 bits and a half are exact in a float: the logarithm's argument is never 0 and never 1.
    return weight / -log(((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52)


def bids(slot: int, bidders: Iterable[Bidder], key: str) -> list[Score]:
    """For people: what each bids, the highest first; `key`: what the slot is of."""
    offers = [(bid(name_of(slot), salt, endpoint.weight), endpoint) for endpoint, salt in bidders]
    why = f"its bid for slot {slot}, which {key} falls into; the highest wins"
    return [Score(endpoint, round(offer, 4), why)
            for offer, endpoint in sorted(offers, key=lambda pair: -pair[0])]


def salt_of(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=blake2b.SALT_SIZE).digest()
