"""Consistent hash: a key stays on its endpoint as long as that has room (bounded load).

Keys fall into slots, and endpoints bid for slots (see `rendezvous`). If an endpoint comes or leaves, only
keys that it gets or had move.

An endpoint takes at most 1.25 times its weighted share of what is in flight, rounded up
(Mirrokni, Thorup and Zadimoghaddam 2018), but always `FREE`; above that the next in the key's order
is asked, the same one that the key would move to if the endpoint were gone. So one key that all the
world asks for spreads over as many endpoints as it needs. What is in flight is that of
all workers, see `upstream.flights`, and `_recount` for how closely it is watched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from proxy.balancing.keys import client_key, key_reader
from proxy.balancing.rendezvous import SLOTS, Bidder, bidders_of, bids, name_of, ranking, slot_of, winner
from proxy.balancing.strategy import Candidate, Request, Score

MOST_RANKED = 1 << 17  # endpoints in remembered rankings, 1 MB
FREE = 4      # exchanges in flight that any endpoint has room for: a quiet pool has nothing to spread
COUNTED = 16  # endpoints whose load a pick may look at, on average


class ConsistentHash:
    """The endpoint that bids the most for the key's slot and has room.

    Args:
        hash_key: `client`, `path`, `query:NAME`, `header:NAME` or `cookie:NAME`; a request without it
            goes by its client.

    Raises:
        ValueError: `hash_key` is none of these.
    """

    __slots__ = (
        "_bidders", "_due", "_endpoints", "_first", "_patience", "_rankings", "_read", "_room", "_weights")

    def __init__(self, hash_key: str = "client") -> None:
        self._read = key_reader(hash_key)
        self.rebuild(())

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._endpoints = tuple(endpoints)
        self._bidders: list[Bidder] = bidders_of(endpoints)
        self._first: list[Candidate | None] = [None] * SLOTS
        self._rankings: dict[int, tuple[Candidate, ...]] = {}
        self._weights, self._room = room_among(endpoints)
        self._patience = max(0, len(endpoints) - 1) // COUNTED
        self._due = 0

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        slot = slot_of(self._read(exchange) or client_key(exchange))
        if tried:
            return with_room([endpoint for endpoint in self._ranking(slot) if endpoint not in tried])
        endpoint = self._first[slot]
        if endpoint is None:
            endpoint = self._first[slot] = winner(name_of(slot), self._bidders)
            if endpoint is None:
                return None
        if self._due:
            self._due -= 1
        else:
            self._recount()
        if endpoint.in_flight < FREE or endpoint.in_flight * self._weights < self._room * endpoint.weight:
            return endpoint
        return self._next(slot)

    def _recount(self) -> None:
        """Add up what is in flight: at each pick for a small pool, for a large one at every (n/16)th.

        So the cost of a pick does not grow with the pool, and what was started since is at most an
        eighth of an exchange per endpoint.
        """
        flying = 1
        for endpoint in self._endpoints:
            flying += endpoint.in_flight
        self._room = 5 * flying
        self._due = self._patience

    def _next(self, slot: int) -> Candidate | None:
        ranked = self._ranking(slot)
        weights, room = self._weights, self._room
        for endpoint in ranked:
            if endpoint.in_flight < FREE or endpoint.in_flight * weights < room * endpoint.weight:
                return endpoint
        return with_room(ranked)  # counted too long ago

    def _ranking(self, slot: int) -> tuple[Candidate, ...]:
        ranked = self._rankings.get(slot)
        if ranked is None:
            if (len(self._rankings) + 1) * len(self._bidders) > MOST_RANKED:
                self._rankings.clear()
            ranked = self._rankings[slot] = ranking(name_of(slot), self._bidders)
        return ranked

    def explain(self, exchange: Request) -> Sequence[Score]:
        key = self._read(exchange)
        client = f"the client {exchange.client}"
        shown = f"the key {key.decode('utf-8', 'backslashreplace')}" if key else client
        weights, room = room_among(self._endpoints)
        return [
            score if has_room(score.endpoint, weights, room)
            else score._replace(reason=f"{score.reason}; has no room: {score.endpoint.in_flight} in flight")
            for score in bids(slot_of(key or client_key(exchange)), self._bidders, shown)]


def has_room(endpoint: Candidate, weights: int, room: int) -> bool:
    """See `room_among`."""
    return endpoint.in_flight < FREE or endpoint.in_flight * weights < room * endpoint.weight


def room_among(endpoints: Sequence[Candidate]) -> tuple[int, int]:
    """(w, r): an endpoint has room while in_flight * w < r * weight.

    That is in_flight < 1.25 (all in flight + 1) weight / (all weights), in integers: a float that
    comes out a trifle too large would let one too many in.
    """
    weights, flying = 0, 1
    for endpoint in endpoints:
        weights += endpoint.weight
        flying += endpoint.in_flight
    return 4 * weights, 5 * flying


def with_room(ranked: Sequence[Candidate]) -> Candidate | None:
    """The first that has room among these and no others; somebody has, unless there is nobody."""
    weights, room = room_among(ranked)
    for endpoint in ranked:
        if endpoint.in_flight < FREE or endpoint.in_flight * weights < room * endpoint.weight:
            return endpoint
    return None
