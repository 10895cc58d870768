"""Priorities and weights of SRV records (RFC 2782) in a pool's terms; no I/O.

The rule of this room: the records of one name share out what its endpoint has in the configuration,
no more. The lowest priority number goes first; within it the weights are shares of the configured weight,
so that beside other endpoints an address of the name counts as much, on average, as it would without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

Place = tuple[str, int]  # an IP address, and the port that an SRV record names: 0 for none
Share = tuple[int, int]  # which in the order of priorities, from 0; percent of the configured weight

PLAIN: Final[Share] = (0, 100)
NEARLY_NONE: Final = Fraction(1, 100)  # of the lightest: RFC 2782 leaves weight 0 "a very small chance"


class Srv(NamedTuple):
    """What a record says of an address; several addresses of one target share its weight."""

    priority: int
    weight: Fraction


SAYS_NOTHING: Final = Srv(0, Fraction(0))


def combined(said: Iterable[tuple[Place, Srv]]) -> dict[Place, Srv]:
    """An address that several records lead to: as its first priority says, with the weights of that."""
    found: dict[Place, Srv] = {}
    for place, srv in said:
        other = found.get(place, srv)
        if place in found and other.priority == srv.priority:
            found[place] = Srv(srv.priority, srv.weight + other.weight)
        else:
            found[place] = min(srv, other)
    return found


def shares_of(records: Mapping[Place, Srv]) -> dict[Place, Share]:
    """Each address's share; without those that have what they would have anyway."""
    shares: dict[Place, Share] = {}
    for rank, priority in enumerate(sorted({srv.priority for srv in records.values()})):
        group = {place: srv.weight for place, srv in records.items() if srv.priority == priority}
        least = min(filter(None, group.values()), default=Fraction(1)) * NEARLY_NONE
        weights = {place: weight or least for place, weight in group.items()}
        average = sum(weights.values()) / len(weights)
        for place, weight in weights.items():
            shares[place] = rank, max(1, round(100 * weight / average))
    return {place: share for place, share in shares.items() if share != PLAIN}
