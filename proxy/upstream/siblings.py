"""The endpoints that one configured name stands for.

The rule of this room: an address that stays is the same endpoint as before, with its counters and its
connections; one that is new stands as its name does, whatever the operator wants of a sibling alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from proxy.config.address import Address
from proxy.upstream.disguise import Place
from proxy.upstream.endpoint import PLAIN, Endpoint

Shares = Mapping[str, Sequence[int]]  # by address: rank, and percent of the configured weight
NO_SHARES: Final[Shares] = {}


def endpoints_at(addresses: Iterable[str], old: Sequence[Endpoint], shares: Shares) -> list[Endpoint]:
    """The name's endpoints from now on, in that order; of `old`, at least one, it was so far."""
    known = {endpoint.name: endpoint for endpoint in old}
    new = [known.get(text) or _sibling(old[0], text) for text in dict.fromkeys(addresses)]
    for endpoint in new:
        rank, endpoint.percent = shares.get(endpoint.name, PLAIN)
        endpoint.group = endpoint.priority, rank
    return new


def _sibling(endpoint: Endpoint, text: str) -> Endpoint:
    address = Address.parse(text)
    sibling = endpoint.sibling(text, address.host, address.port)
    sibling.probe_failure = endpoint.probe_failure
    return sibling


def places_of(*endpoints: Endpoint) -> frozenset[Place]:
    """Where they are, and where they are configured to be: an application may know itself by either."""
    configured = (Address.parse(one.origin) for one in endpoints if one.origin != one.name)
    return frozenset((one.host, one.port) for one in endpoints).union(
        (address.host, address.port) for address in configured)


def weigh(endpoints: Iterable[Endpoint]) -> None:
    """Give each the weight that it has when it is warm, in whole numbers."""
    endpoints = tuple(endpoints)
    fine = any(endpoint.percent != PLAIN[1] for endpoint in endpoints)
    for endpoint in endpoints:
        endpoint.weight = endpoint.share * (endpoint.percent if fine else 1)
