"""Both ends of a client connection, and what an application is told about them.

An application sees `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP` as this proxy
made them. What a peer claims is believed only if the peer is in `trusted_proxies`; the lines are
remembered per connection, since a client sends the same header section again and again.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from proxy.wire.headers import TOKEN, VIA, HeaderBlock
from proxy.wire.target import valid_authority

Trust = Callable[[str], bool]
# Every pair, the wanted ones and others: a quoted value may contain what looks like one.
_FORWARDED_PAIR = re.compile(rb"(?<!" + TOKEN + rb")(" + TOKEN + rb"+)=(\"(?:[^\"\\]|\\.)*\"|[^;,\s\"]*)")


class Peer:
    """Who is at the other end of a client connection.

    Attributes:
        address: the peer's IP address, or `unix:` on a Unix socket.
        scheme: `http` or `https`, as the client sees us.
        port: the port that it reached.
        authority: where it reached us, for a request that does not say (HTTP/1.0 without Host).
        trusted: its word on who the client is, is believed.
    """

    __slots__ = (
        "_block", "_host", "_lines", "_own", "_trust", "address", "authority", "port", "scheme", "trusted")

    def __init__(self, address: str, port: int, scheme: str, authority: bytes, trust: Trust) -> None:
        self.address = address
        self.authority = authority
        self.port = port
        self.scheme = scheme
        self._trust = trust
        self.trusted = trust(address)
        self._block: HeaderBlock | None = None
        self._host = b""
        self._lines = b""
        self._own = b""

    def client_of(self, block: HeaderBlock) -> str:
        """The client's address: the peer, or the last untrusted one that trusted proxies name."""
        if not self.trusted:
            return self.address
        chain = forwarded_chain(block)
        for address in reversed(chain):
            if not self._trust(address):
                return address
        return chain[0] if chain else self.address

    def lines_for(self, block: HeaderBlock, host: bytes) -> bytes:
        """Every field line to forward but framing and `X-Request-ID`, with Host first."""
        if block is self._block and host == self._host:
            return self._lines
        if host != self._host or self.trusted:
            self._block = None  # its lines were for another host
            self._host = host
            self._own = self._forwarded_lines(block, host)
        via = block.get(b"via")
        lines = b"Host: %b\r\n%b%bVia: %b\r\n" % (
            host, block.lines, self._own, via + b", " + VIA if via else VIA)
        if block.shared:
            self._block = block
            self._lines = lines
        return lines

    def trust_others(self, trust: Trust) -> None:
        """Another rule from now on."""
        self._trust = trust
        self.trusted = trust(self.address)
        self.forget()

    def forget(self) -> None:
        """Give back the memory of what was remembered; the connection is idle."""
        self._block = None
        self._host = self._lines = self._own = b""

    def origin_for(self, block: HeaderBlock, host: bytes) -> tuple[bytes, bytes]:
        """Scheme and authority under which the client asked."""
        if not self.trusted:
            return self.scheme.encode(), host
        claimed = _last(block.get(b"x-forwarded-host")) or _forwarded_value(block, b"host")
        proto = (_last(block.get(b"x-forwarded-proto")) or _forwarded_value(block, b"proto")).lower()
        return (proto if proto in (b"http", b"https") else self.scheme.encode(),
                claimed if claimed and valid_authority(claimed) else host)

    def _forwarded_lines(self, block: HeaderBlock, host: bytes) -> bytes:
        chain, port = [self.address], b"%d" % self.port
        if self.trusted:
            chain = [*forwarded_chain(block), self.address]
            claimed = _last(block.get(b"x-forwarded-port"))
            port = claimed if claimed.isdigit() and len(claimed) < 6 else port
        proto, asked = self.origin_for(block, host)
        return (b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
                b"X-Forwarded-Port: %b\r\nX-Real-IP: %b\r\n") % (
            ", ".join(chain).encode(), proto, asked, port, self.client_of(block).encode())


def forwarded_chain(block: HeaderBlock) -> list[str]:
    """The addresses that X-Forwarded-For or Forwarded (RFC 7239) names; only real ones.

    A trusted proxy writes one of them and may pass on what a client put into the other. Where they
    differ there is no telling which is which, so neither is believed.
    """
    field = block.get(b"x-forwarded-for")
    pairs = _FORWARDED_PAIR.findall(block.get(b"forwarded") or b"")
    chain = _chain([value for name, value in pairs if name.lower() == b"for"])
    if field is None:
        return chain
    other = _chain(field.split(b","))
    return other if not pairs or other == chain else []


def _chain(named: list[bytes]) -> list[str]:
    chain: list[str] = []
    for text in named:
        address = _address(text)
        if address is None:
            chain.clear()  # what stands left of something unreadable cannot be vouched for
        else:
            chain.append(address)
    return chain


def _address(text: bytes) -> str | None:
    """`192.0.2.1`, `192.0.2.1:80`, `"[2001:db8::1]:80"` or `2001:db8::1` as an address.

    Without its zone: that means something on one machine alone, and may be any text at all.
    """
    bare = text.strip(b' \t"').decode("latin-1")
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        return None


def _last(value: bytes | None) -> bytes:
    return value.rpartition(b",")[2].strip(b" \t") if value else b""


def _forwarded_value(block: HeaderBlock, wanted: bytes) -> bytes:
    pairs = _FORWARDED_PAIR.findall(block.get(b"forwarded") or b"")
    values = [value.strip(b'"') for name, value in pairs if name.lower() == wanted]
    return values[-1] if values else b""

