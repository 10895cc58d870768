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
from collections.abc import Iterable

from proxy.errors import RequestError
from proxy.wire.accept import accepts
from proxy.wire.target import valid_authority

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# Possessive quantifiers: no input makes this backtrack.
LINE = re.compile(rb"(" + TOKEN + rb"++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)")
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
# Said by a proxy, so a client's copy never goes through unexamined. The last two tell an application how to
# name files that the proxy sends: a client would have it name any.
OURS = frozenset((
    b"host", b"content-length", b"expect", b"via", b"forwarded", b"x-real-ip", b"x-request-id",
    b"x-sendfile-type", b"x-accel-mapping"))
# What a client may not see of a response (CONFIG.md), and what is written anew.
HIDDEN = frozenset((b"server", b"x-powered-by", b"via", b"proxy-authenticate", b"content-length"))
VIA = b"1.1 proxy"  # RFC 9110 section 7.6.3; a pseudonym, so that no host name gets out
MOST_LOOPS = 8      # times that we may stand in Via before it is a loop (section 7.6)


# What may become of a field.
TO_ENDPOINT, TO_CLIENT, CONDITION = 1, 2, 4
# Name in lower case, value without surrounding whitespace, the line to forward, and the above.
Field = tuple[bytes, bytes, bytes, int]


def parse_field(line: bytes) -> Field:
    """One field line without its CRLF.

    Raises:
        RequestError: 400 for anything outside the grammar of RFC 9112 section 5 (so also for
            obs-fold, bare CR or LF, NUL, and whitespace around a name).
    """
    match = LINE.fullmatch(line)
    if match is None:
        raise RequestError(400, "malformed field line", "RFC 9112 section 5")
    name, value = match.groups()
    value = value.rstrip(b" \t")
    key = name.lower()
    kind = CONDITION if key in CONDITIONAL else 0
    if not (key in HOP_BY_HOP or key in OURS or b"_" in key or key.startswith(b"x-forwarded-")):
        kind |= TO_ENDPOINT
    if not (key in HOP_BY_HOP or key in HIDDEN or key.startswith((b"x-accel-", b"x-sendfile"))):
        kind |= TO_CLIENT
    return key, value, b"%b: %b\r\n" % (name, value), kind


class FieldMemo:
    """Field line -> Field; of a section that was never seen, all lines but one mostly were.

    A browser's 15 fields with a cookie of their own take 4 us by lines, 11 us by one expression
    over the whole section. Like the memo of sections, bounded, and open to second sights alone.
    """

    COUNT = 4096
    LARGEST = 1024    # octets of a line
    OCTETS = 1 << 20  # of all lines

    __slots__ = ("_fields", "_octets", "_seen", "find")

    def __init__(self) -> None:
        self._fields: dict[bytes, Field] = {}
        self._seen: set[int] = set()
        self._octets = 0
        self.find = self._fields.get

    def parse(self, line: bytes) -> Field:
        """The field of a line that `find` did not know."""
        field = parse_field(line)
        key = hash(line)
        if key not in self._seen:
            if len(self._seen) >= self.COUNT:
                self._seen.clear()
            self._seen.add(key)
        elif len(line) <= self.LARGEST:
            if len(self._fields) >= self.COUNT or self._octets > self.OCTETS:
                self._fields.clear()
                self._octets = 0
            self._fields[line] = field
            self._octets += len(line)
        return field


_fields = FieldMemo()  # what a line means depends on nothing else, so one serves the process
_find_field = _fields.find
_parse_field = _fields.parse


def split_fields(raw: bytes, most: int) -> list[Field]:
    """The fields of a header or trailer section that ends with its empty line.

    Raises:
        RequestError: 400 for a line outside the grammar; 431 for more than `most`.
    """
    lines = raw.split(b"\r\n")
    del lines[-2:]  # the empty line, and what follows its CRLF: nothing
    if len(lines) > most:
        raise RequestError(431, f"more than {most} fields", "limits.headers")
    return [_find_field(line) or _parse_field(line) for line in lines]


_ORDINARY_OPTIONS = frozenset((b"close", b"keep-alive", b"upgrade"))
_common_options = {
    None: frozenset[bytes](),
    b"keep-alive": frozenset((b"keep-alive",)),
    b"close": frozenset((b"close",)),
}


class HeaderBlock:
    """A request's header section; immutable, shared by all exchanges that sent these bytes.

    Args:
        found: its fields in order.

    Attributes:
        accepts: the content codings that the client takes.
        lines: the end-to-end fields to forward, each with its CRLF; none of ours, none with `_`.
        host: the Host field's value; None without one.
        length: Content-Length; None without one.
        chunked: Transfer-Encoding is chunked.
        close, keep_alive: Connection says so.
        upgrade: protocols to upgrade to, as to be forwarded; empty for none.
        expect: Expect is 100-continue.
        conditional: there is an If-* or Range field.
        none_match: If-None-Match where no other condition counts and no part is asked for; or b"".
        plain: no body, and no condition but that one.
        request_id: a usable X-Request-ID, or empty.
        shared: the memo has it, so whatever is made of it may be needed again.

    Raises:
        RequestError: two readers could take the section for different things.
    """

    __slots__ = (
        "_fields", "accepts", "chunked", "close", "conditional", "expect", "get", "host", "keep_alive",
        "length", "lines", "none_match", "plain", "request_id", "shared", "upgrade")

    def __init__(self, found: Iterable[Field]) -> None:
        self._fields: dict[bytes, bytes] = {}
        fields, lines, conditional = self._fields, [], False
        for key, value, line, kind in found:
            if key in fields:
                self._repeated(key, value)
            else:
                fields[key] = value
            if kind & TO_ENDPOINT:
                lines.append(line)
            if kind & CONDITION:
                conditional = True
        self.shared = False
        self.get = fields.get  # by lower-case name, several lines joined (RFC 9110 section 5.3)
        self.accepts = accepts(fields.get(b"accept-encoding"))
        self.conditional = conditional
        self.lines = b"".join(lines)
        options = self._options()
        self.close = b"close" in options
        self.keep_alive = b"keep-alive" in options
        self.chunked = self._is_chunked()
        self.length = self._content_length()
        self.none_match = self._sole_condition() if conditional else b""
        self.plain = not (self.length or self.chunked) and (not conditional or self.none_match != b"")
        self.host = self._host()
        self.expect = self._expects_continue()
        self.upgrade = self._upgrade() if b"upgrade" in options else b""
        request_id = fields.get(b"x-request-id", b"")
        self.request_id = request_id if request_id and REQUEST_ID.fullmatch(request_id) else b""
        if b"via" in fields and fields[b"via"].count(VIA) >= MOST_LOOPS:
            raise RequestError(508, "the message has come through here again and again",
                               "RFC 9110 section 7.6.3")
        if not options <= _ORDINARY_OPTIONS:
            self._drop(options)

    def pairs(self) -> Iterable[tuple[bytes, bytes]]:
        """Lower-case names and values, several lines of one name joined."""
        return self._fields.items()

    def _repeated(self, key: bytes, value: bytes) -> None:
        if key in SINGLETON:
            raise RequestError(400, f"{key.decode()} is there twice", "RFC 9110 section 5.3")
        self._fields[key] += (b"; " if key == b"cookie" else b", ") + value

    def _sole_condition(self) -> bytes:
        """RFC 9110 section 13.2.2: beside If-None-Match, If-Modified-Since does not count; what else does."""
        fields = self._fields
        others = b"if-match" in fields or b"if-unmodified-since" in fields or b"range" in fields
        return b"" if others else fields.get(b"if-none-match", b"")

    def _options(self) -> frozenset[bytes]:
        connection = self._fields.get(b"connection")
        known = _common_options.get(connection)
        if known is not None or connection is None:
            return known or frozenset()
        return frozenset(option.strip(b" \t").lower() for option in connection.split(b","))

    def _drop(self, options: frozenset[bytes]) -> None:
        """Take out the fields that Connection lists (RFC 9110 section 7.6.1)."""
        kept = [line for line in self.lines.splitlines(keepends=True)
                if line.partition(b":")[0].lower() not in options]
        self.lines = b"".join(kept)

    def _is_chunked(self) -> bool:
        """RFC 9112 section 6.1: anything but exactly `chunked` is refused, never interpreted."""
        coding = self._fields.get(b"transfer-encoding")
        if coding is None:
            return False
        coding = coding.lower()
        if coding != b"chunked":
            unknown = re.fullmatch(rb"(?!chunked)[a-z-]+[ \t]*,[ \t]*chunked", coding)
            raise RequestError(501 if unknown else 400, f"transfer coding {coding!r}", "RFC 9112 section 6.1")
        if b"content-length" in self._fields:
            raise RequestError(400, "both Transfer-Encoding and Content-Length", "RFC 9112 section 6.1")
        return True

    def _content_length(self) -> int | None:
        value = self._fields.get(b"content-length")
        if value is None:
            return None
        if not LENGTH.fullmatch(value):
            raise RequestError(400, f"Content-Length {value[:40]!r}", "RFC 9112 section 6.3")
        return int(value)

    def _host(self) -> bytes | None:
        host = self._fields.get(b"host")
        if host is not None and not valid_authority(host):
            raise RequestError(400, f"Host {host[:80]!r}", "RFC 9112 section 3.2")
        return host

    def _expects_continue(self) -> bool:
        expectation = self._fields.get(b"expect")
        if expectation is None:
            return False
        if expectation.lower() != b"100-continue":
            raise RequestError(417, f"expectation {expectation[:40]!r}", "RFC 9110 section 10.1.1")
        return True

    def _upgrade(self) -> bytes:
        """The protocols offered, without h2c: HTTP/2 behind the proxy's back (RFC 9113 3.1)."""
        offered = self._fields.get(b"upgrade", b"").split(b",")
        protocols = [protocol.strip(b" \t") for protocol in offered]
        return b", ".join(p for p in protocols if p and p.lower().partition(b"/")[0] != b"h2c")


class HeaderMemo:
    """Raw section -> HeaderBlock, bounded in count and bytes.

    A section is kept when it comes a second time: sections that never repeat pass through
    without pushing out those that do. When full it starts over, which costs one parse each.
    """

    COUNT = 4096
    LARGEST = 8192    # bytes; a longer section is parsed each time
    OCTETS = 4 << 20  # bytes of raw sections; what is kept of them takes about three times that

    __slots__ = ("_blocks", "_most", "_octets", "_seen", "find")

    def __init__(self, most_fields: int) -> None:
        self._most = most_fields
        self._blocks: dict[bytes, HeaderBlock] = {}
        self._seen: set[int] = set()
        self._octets = 0
        self.find = self._blocks.get

    def parse(self, raw: bytes) -> HeaderBlock:
        """The block of a section that `find` did not know."""
        block = HeaderBlock(split_fields(raw, self._most))
        key = hash(raw)
        if key in self._seen:
            if len(raw) <= self.LARGEST:
                if len(self._blocks) >= self.COUNT or self._octets > self.OCTETS:
                    self._blocks.clear()
                    self._octets = 0
                block.shared = True
                self._blocks[raw] = block
                self._octets += len(raw)
        else:
            if len(self._seen) >= self.COUNT:
                self._seen.clear()
            self._seen.add(key)
        return block
