"""Sets of IP addresses, written as CIDRs: whom to trust, whom a route is for.

A lookup is one `inet_pton` and one bisection over packed addresses, well under a microsecond
for thousands of networks; `ipaddress` alone would take two to read the address.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from socket import AF_INET, AF_INET6, inet_pton

Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
_MAPPED_PREFIX = _MAPPED.network_address.packed[:12]


class AddressSet:
    """Answers `address in networks`.

    An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2: `::ffff:192.0.2.1`, what a dual-stack
    listener reports) is the IPv4 address, in networks and in lookups. So `::/0` is all of IPv6
    and nothing of IPv4. What is no address, such as the peer of a Unix socket, is in no network.

    Args:
        networks: CIDRs or single addresses, in text (host bits may be set) or as `ipaddress` has them.

    Raises:
        ValueError: for what is neither.
    """

    __slots__ = ("_first4", "_first6", "_last4", "_last6")

    def __init__(self, networks: Iterable[str | Network]) -> None:
        plain = [unmapped(ip_network(network, strict=False)) for network in networks]
        # Collapsed networks are in order and never overlap: one comparison after the bisection.
        four = list(collapse_addresses(net for net in plain if isinstance(net, IPv4Network)))
        six = list(collapse_addresses(net for net in plain if isinstance(net, IPv6Network)))
        self._first4, self._last4 = bounds(four)
        self._first6, self._last6 = bounds(six)

    def __contains__(self, address: str) -> bool:
        packed = pack(address)
        if packed is None:
            return False
        first, last = (self._first4, self._last4) if len(packed) == 4 else (self._first6, self._last6)
        place = bisect(first, packed)
        return place > 0 and packed <= last[place - 1]


def unmapped(network: Network) -> Network:
    """The IPv4 network that a network of IPv4-mapped addresses stands for."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((network.network_address.packed[12:], network.prefixlen - 96))
    return network


def bounds(networks: Iterable[Network]) -> tuple[list[bytes], list[bytes]]:
    """First and last address of each, packed: byte strings of one length compare like numbers."""
    pairs = [(network.network_address.packed, network.broadcast_address.packed) for network in networks]
    return [first for first, _ in pairs], [last for _, last in pairs]


def pack(address: str) -> bytes | None:
    """4 octets for IPv4, also where it is mapped into IPv6; 16 for IPv6; None for all else."""
    try:
        return inet_pton(AF_INET, address)
    except (OSError, ValueError):
        pass
    try:
        packed = inet_pton(AF_INET6, address.partition("%")[0])  # without its zone: fe80::1%eth0
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(_MAPPED_PREFIX) else packed
