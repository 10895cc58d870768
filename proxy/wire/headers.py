"""Header sections: validated once, remembered by their exact bytes.

A client on one connection sends nearly the same header section again and again. `HeaderMemo`
remembers what a raw section parsed to, so parsing, checking and the removal of hop-by-hop fields
are paid once. A remembered section cannot mean something else, because its key is every byte of
it; what depends on the peer (trust, address, TLS) is therefore never in it.

The rule of this room: bytes only, one strict grammar, and a section that two readers could take
for different things is refused (RFC 9112 sections 5 and 6.3).
"""

from __future__ import annotations

import re

from proxy.errors import RequestError
from proxy.wire.target import valid_authority

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# Possessive quantifiers: no input makes these backtrack.
FIELDS = re.compile(rb"(?:" + TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n")
PAIRS = re.compile(rb"(" + TOKEN + rb"+):[ \t]*([\t\x20-\x7e\x80-\xff]*)\r\n")
LENGTH = re.compile(rb"[0-9]{1,18}")  # below 2**63: no reader overflows
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")

# Fields of one connection, whether or not Connection lists them (RFC 9110 section 7.6.1), and
# those that only make sense to the proxy that they were sent to. `Proxy` is httpoxy.
HOP_BY_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"http2-settings", b"proxy-authorization", b"proxy"))
# Two of these and the reader chooses which one counts (RFC 9110 section 5.3).
SINGLETON = frozenset((
    b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type", b"expect",
    b"max-forwards", b"x-request-id", b"x-real-ip"))
CONDITIONAL = frozenset((
    b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"))
# Made anew by this proxy, so a client's copy never goes through unexamined.
OURS = frozenset((
    b"host", b"content-length", b"expect", b"via", b"forwarded", b"x-real-ip", b"x-request-id"))
VIA = b"1.1 proxy"  # RFC 9110 section 7.6.3; a pseudonym, so that no host name gets out
MOST_LOOPS = 8      # times that we may stand in Via before it is a loop (section 7.6)


class HeaderBlock:
    """A request's header section; immutable, shared by all exchanges that sent these bytes.

    Attributes:
        pairs: names as sent, values without surrounding whitespace, in order.
        lines: the end-to-end fields to forward, each with its CRLF; none of ours, none with `_`.
        host: the Host field's value; None without one.
        length: Content-Length; None without one.
        chunked: Transfer-Encoding is chunked.
        close, keep_alive: Connection says so.
        upgrade: protocols to upgrade to, as to be forwarded; empty for none.
        expect: Expect is 100-continue.
        conditional: there is an If-* or Range field.
        request_id: a usable X-Request-ID, or empty.
    """

    __slots__ = (
        "_joined", "chunked", "close", "conditional", "expect", "host", "keep_alive", "length", "lines",
        "pairs", "request_id", "upgrade")

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self.pairs = pairs
        self._joined: dict[bytes, bytes] = {}
        for name, value in pairs:
            key = name.lower()
            before = self._joined.get(key)
            if before is None:
                self._joined[key] = value
            elif key in SINGLETON:
                raise RequestError(400, f"{name.decode()} is there twice")
            else:
                self._joined[key] = before + (b"; " if key == b"cookie" else b", ") + value
        options = self._options()
        self.close = b"close" in options
        self.keep_alive = b"keep-alive" in options
        self.chunked = self._is_chunked()
        self.length = self._content_length()
        self.host = self._host()
        self.expect = self._expects_continue()
        self.upgrade = self._upgrade() if b"upgrade" in options else b""
        self.conditional = not CONDITIONAL.isdisjoint(self._joined)
        request_id = self._joined.get(b"x-request-id", b"")
        self.request_id = request_id if REQUEST_ID.fullmatch(request_id) else b""
        self.lines = self._forwarded(options)
        if self._joined.get(b"via", b"").count(VIA) >= MOST_LOOPS:
            raise RequestError(508, "the message has come through here again and again")

    def get(self, name: bytes) -> bytes | None:
        """The value of a field by its lower-case name, several lines joined (section 5.3)."""
        return self._joined.get(name)

    def _options(self) -> frozenset[bytes]:
        connection = self._joined.get(b"connection")
        if connection is None:
            return frozenset()
        return frozenset(option.strip(b" \t").lower() for option in connection.split(b","))

    def _is_chunked(self) -> bool:
        """RFC 9112 section 6.1: anything but exactly `chunked` is refused, never interpreted."""
        coding = self._joined.get(b"transfer-encoding")
        if coding is None:
            return False
        coding = coding.lower()
        if coding != b"chunked":
            unknown = re.fullmatch(rb"(?!chunked)[a-z-]+[ \t]*,[ \t]*chunked", coding)
            raise RequestError(501 if unknown else 400, f"transfer coding {coding!r}")
        if b"content-length" in self._joined:
            raise RequestError(400, "both Transfer-Encoding and Content-Length")
        return True

    def _content_length(self) -> int | None:
        value = self._joined.get(b"content-length")
        if value is None:
            return None
        if not LENGTH.fullmatch(value):
            raise RequestError(400, f"Content-Length {value[:40]!r}")
        return int(value)

    def _host(self) -> bytes | None:
        host = self._joined.get(b"host")
        if host is not None and not valid_authority(host):
            raise RequestError(400, f"Host {host[:80]!r}")
        return host

    def _expects_continue(self) -> bool:
        expectation = self._joined.get(b"expect")
        if expectation is None:
            return False
        if expectation.lower() != b"100-continue":
            raise RequestError(417, f"expectation {expectation[:40]!r}")
        return True

    def _upgrade(self) -> bytes:
        """The protocols offered, without h2c: HTTP/2 behind the proxy's back (RFC 9113 3.1)."""
        offered = self._joined.get(b"upgrade", b"").split(b",")
        protocols = [protocol.strip(b" \t") for protocol in offered]
        return b", ".join(p for p in protocols if p and p.lower().partition(b"/")[0] != b"h2c")

    def _forwarded(self, options: frozenset[bytes]) -> bytes:
        out = []
        for name, value in self.pairs:
            key = name.lower()
            if not (key in HOP_BY_HOP or key in OURS or key in options or b"_" in key
                    or key.startswith(b"x-forwarded-")):
                out.append(b"%b: %b\r\n" % (name, value))
        return b"".join(out)


def split_fields(raw: bytes, most: int) -> list[tuple[bytes, bytes]]:
    """Names and values of a header or trailer section that ends with its empty line.

    Raises:
        RequestError: 400 for anything outside the grammar of RFC 9112 section 5 (so also for
            obs-fold, bare CR or LF, NUL, and whitespace around a name); 431 for more than `most`.
    """
    if FIELDS.fullmatch(raw) is None:
        raise RequestError(400, "malformed field line")
    pairs: list[tuple[bytes, bytes]] = PAIRS.findall(raw)
    if len(pairs) > most:
        raise RequestError(431, f"more than {most} fields")
    return [(name, value.rstrip(b" \t")) if value[-1:] in (b" ", b"\t") else (name, value)
            for name, value in pairs]


class HeaderMemo:
    """Raw section -> HeaderBlock, bounded in count and bytes.

    A section is kept when it comes a second time: sections that never repeat pass through
    without pushing out those that do. When full it starts over, which costs one parse each.
    """

    COUNT = 4096
    LARGEST = 8192  # bytes; a longer section is parsed each time

    __slots__ = ("_blocks", "_most", "_seen", "find")

    def __init__(self, most_fields: int) -> None:
        self._most = most_fields
        self._blocks: dict[bytes, HeaderBlock] = {}
        self._seen: set[int] = set()
        self.find = self._blocks.get

    def parse(self, raw: bytes) -> HeaderBlock:
        """The block of a section that `find` did not know."""
        block = HeaderBlock(split_fields(raw, self._most))
        key = hash(raw)
        if key in self._seen:
            if len(raw) <= self.LARGEST:
                if len(self._blocks) >= self.COUNT:
                    self._blocks.clear()
                self._blocks[raw] = block
        else:
            if len(self._seen) >= self.COUNT:
                self._seen.clear()
            self._seen.add(key)
        return block
