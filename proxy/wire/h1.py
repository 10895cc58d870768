"""HTTP/1 messages as bytes: request lines, response heads, chunked bodies (RFC 9112). No I/O.

Whoever reads a message finds its head's end, hands line and fields to the parsers here, and
feeds the body to a decoder. Every parser takes the grammar literally; nothing is repaired.
"""

from __future__ import annotations

import re

from proxy.errors import RequestError
from proxy.wire.headers import TOKEN, split_fields
from proxy.wire.target import Target, parse_target

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb"+) ([^ ]+) HTTP/([0-9])\.([0-9])")
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*" + TOKEN + rb"+(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"+|"
    rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*')
# A trailer may not say what only a header may (RFC 9110 section 6.5.1).
_NO_TRAILER = re.compile(
    rb"(?i)(?:transfer-encoding|content-(?:length|type|encoding|range)|host|connection|keep-alive|te|trailer|upgrade"
    rb"|authorization|proxy.*|set-cookie2?|cookie|cache-control|expect|max-forwards|pragma|range|via|forwarded|age"
    rb"|expires|date|server|x-powered-by|location|retry-after|vary|warning|if-.*|x-forwarded-.*|x-real-ip|x-request-id|.*_.*"
    # What a client must not see, or must not see unexamined, in a header either.
    rb"|server|x-powered-by|x-accel-.*|x-sendfile.*|content-location|refresh|link)")
_BAD_LINE_END = re.compile(rb"(?<!\r)\n|\r[^\n]|\0")


class RequestLine:
    """Method, target and version (10 or 11) of a request."""

    __slots__ = ("head_only", "method", "target", "version")

    def __init__(self, method: bytes, target: Target, version: int) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.head_only = method == b"HEAD"


def parse_request_line(line: bytes) -> RequestLine:
    """A request line without its CRLF.

    Raises:
        RequestError: 400, or 505 for a version that is not HTTP/1.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RequestError(400, "malformed request line", "RFC 9112 section 3")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise RequestError(505, f"HTTP/{major.decode()}.{minor.decode()}", "RFC 9110 section 15.6.6")
    # RFC 9110 section 6.2: a higher minor version is read as the highest one known.
    return RequestLine(method, parse_target(method, target), 10 if minor == b"0" else 11)


def check_partial_head(data: bytes, limit: int, known: int) -> None:
    """Refuse early what cannot become a head of at most `limit` octets, rather than wait for its end.

    Of the first `known` octets this was asked before: looking at all of a head again with each
    packet of one octet would take seconds.

    Raises:
        RequestError: 414 or 431 for its length, 400 or 505 for what is here already.
    """
    at = data.find(b"\r\n", 2)
    if (at if at >= 0 else len(data)) > limit:
        raise RequestError(414 if b" " in data[:64] else 400, "the request line is too long",
                           "limits.request_head")
    if len(data) > limit:
        raise RequestError(431, "the head is too long", "limits.request_head")
    if _BAD_LINE_END.search(data, max(known - 1, 0)):
        raise RequestError(400, "bare CR, LF or NUL in the head", "RFC 9112 section 2.2")
    start = data[:4].lstrip(b"\r\n")
    if at >= max(known - 1, 0):  # its end is new
        parse_request_line(data[:at].lstrip(b"\r\n"))
    elif at < 0 and start and not 0x21 <= start[0] < 0x7f:
        raise RequestError(400, "this is not HTTP", "RFC 9112 section 3")


class LineMemo:
    """Raw request line -> RequestLine; the bounds are those of the header memo."""

    COUNT = 4096
    LARGEST = 1024

    __slots__ = ("_lines", "find")

    def __init__(self) -> None:
        self._lines: dict[bytes, RequestLine] = {}
        self.find = self._lines.get

    def parse(self, raw: bytes) -> RequestLine:
        line = parse_request_line(raw)
        if len(raw) <= self.LARGEST:
            if len(self._lines) >= self.COUNT:
                self._lines.clear()
            self._lines[raw] = line
        return line


class ChunkedDecoder:
    """Takes a chunked body apart, however its bytes are cut up.

    `feed` returns the payload found so far; after `done`, `rest` holds what follows the body and
    `trailers` its validated trailer lines. Errors are `RequestError`: the client's when it sends
    a request, and for a response the caller turns them into a 502 or a cut.
    """

    # Framing that carries no payload is bounded over the whole body (CVE-2023-39326 and kin).
    LONGEST_LINE = 4096
    OVERHEAD = 16384
    TRAILER_FIELDS = 64

    __slots__ = ("_known", "_left", "_overhead", "_part", "_stage", "done", "rest", "trailers")

    def __init__(self) -> None:
        self._part = b""        # an unfinished line, or a half of the CRLF behind data
        self._known = 0         # octets of it that were looked at when they came
        self._left = 0          # octets of the current chunk still to come
        self._stage = self._size
        self._overhead = 0
        self.done = False
        self.rest = b""
        self.trailers = b""

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`; b"" when there is none yet.

        Raises:
            RequestError: 400 for a malformed chunk, 431 for too much framing.
        """
        out: list[bytes] = []
        self._known = len(self._part)
        if self._part:
            data, self._part = self._part + data, b""
        at: int | None = 0
        while at is not None and not self.done:
            at = self._stage(data, at, out)
        return out[0] if len(out) == 1 else b"".join(out)

    def _size(self, data: bytes, at: int, out: list[bytes]) -> int | None:
        end = data.find(b"\r\n", at)
        if end < 0:
            self._keep(data, at)
            return None
        line = data[at:end]
        if len(line) > self.LONGEST_LINE:
            raise RequestError(431, "chunk line is too long", "RFC 9112 section 7.1.1")
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise RequestError(400, f"chunk line {line[:40]!r}", "RFC 9112 section 7.1")
        self._count(len(line) - len(match[1]))
        self._left = int(match[1], 16)
        self._stage = self._data if self._left else self._trailer
        return end + 2

    def _data(self, data: bytes, at: int, out: list[bytes]) -> int | None:
        piece = data[at:at + self._left]
        if piece:
            out.append(piece)
        self._left -= len(piece)
        if self._left:
            return None
        self._stage = self._crlf
        return at + len(piece)

    def _crlf(self, data: bytes, at: int, out: list[bytes]) -> int | None:
        end = data[at:at + 2]
        if end == b"\r\n":
            self._stage = self._size
            return at + 2
        if end not in (b"", b"\r"):
            raise RequestError(400, "chunk data is not followed by CRLF", "RFC 9112 section 7.1")
        self._part = end
        return None

    def _trailer(self, data: bytes, at: int, out: list[bytes]) -> int | None:
        if data.startswith(b"\r\n", at):
            self._finish(data, at + 2)
            return None
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            self._keep(data, at)
            return None
        self._count(end - at)
        fields = split_fields(data[at:end + 4], self.TRAILER_FIELDS)
        self.trailers = b"".join(line for key, _, line, _ in fields if not _NO_TRAILER.fullmatch(key))
        self._finish(data, end + 4)
        return None

    def _finish(self, data: bytes, at: int) -> None:
        self.rest = data[at:]
        self.done = True

    def _keep(self, data: bytes, at: int) -> None:
        """Wait for the rest of a line, unless what is here cannot become one."""
        self._part = part = data[at:]
        # The last octets may be all but one of the end that is waited for.
        most = self.OVERHEAD + 3 if self._stage == self._trailer else self.LONGEST_LINE + 1
        if len(part) > most:
            raise RequestError(431, "chunk framing is too long", "RFC 9112 section 7.1.1")
        # Only what is new: 16 KiB in packets of one octet took four seconds when all was looked at each time.
        if _BAD_LINE_END.search(data, max(at, self._known - 1)):
            raise RequestError(400, "bare CR, LF or NUL in chunk framing", "RFC 9112 section 2.2")

    def _count(self, octets: int) -> None:
        self._overhead += octets
        if self._overhead > self.OVERHEAD:
            raise RequestError(431, "too many chunk extensions or trailers", "RFC 9112 section 7.1.1")


def chunk(data: bytes) -> bytes:
    """One chunk around `data`, which must not be empty: that would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: bytes) -> bytes:
    return b"0\r\n%b\r\n" % trailers
