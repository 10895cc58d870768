"""Heads of endpoints' responses: checked as strictly as requests, stripped of what clients must not see.

What a client may never learn (CONFIG.md): an endpoint's address, `Server`, `X-Powered-By`, `Via`.
Names go when the head is parsed; a head in which an endpoint's address stands is marked and
rewritten per exchange, because the right address is the one that the client asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from proxy.errors import RequestError, UpstreamError
from proxy.http.prepared import ResponseHead
from proxy.wire.headers import LENGTH, TO_CLIENT, Field, split_fields
from proxy.wire.status import has_body, status_line

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")
_SINGLETON = frozenset((b"content-length", b"transfer-encoding", b"content-type", b"location"))
MOST_FIELDS = 200
LARGEST_HEAD = 65536
MOST_MARKS = 12  # searched for one by one; more by one pattern


class AnswerHead(ResponseHead):
    """A `ResponseHead` with what this hop needs to know of it.

    Attributes:
        chunked: the body comes in chunks; else by `length`, else until the end of the connection.
        close: the endpoint will close the connection after this response.
        upgrade: the protocols of a 101, lower case.
        stream: pass each piece on at once (server-sent events, or `X-Accel-Buffering: no`).
        names_endpoint: an endpoint's address stands in it; see `Disguise.rewrite`.
    """

    __slots__ = ("chunked", "close", "names_endpoint", "stream", "upgrade")

    chunked: bool
    close: bool
    names_endpoint: bool
    stream: bool
    upgrade: bytes


class Disguise:
    """Finds and replaces a pool's endpoint addresses in response heads.

    Args:
        addresses: host and port of each endpoint; (path, None) for a Unix socket.
    """

    def __init__(self, addresses: Iterable[tuple[str, int | None]]) -> None:
        authorities: set[str] = set()
        hosts: set[str] = set()
        sockets: set[str] = set()
        marks: set[str] = set()
        for host, port in addresses:
            if port is None:
                sockets.add(host)
                marks.add(host)
                continue
            marks.add(f":{port}")
            for name in _names_of(host):
                hosts.add(name)
                authorities.add(f"{name}:{port}")
                if port == 80:
                    authorities.add(name)
                    marks.add("//")
        self._found = _any_of(authorities, r"((?:https?:)?//)?(?<![\w.-])(?:%s)(?![\w-]|\.\w|:\d)")
        self._domain = _any_of(hosts, r";[ \t]*domain=\.?(?:%s)(?=[ \t]*(?:;|\r))")
        self._socket = _any_of(sockets, "(?:%s)")

        self._marks = (*(mark.encode() for mark in sorted(marks)), b"omain=", b"OMAIN=")
        self._mark = re.compile(b"|".join(map(re.escape, self._marks)))

    def _suspects(self, lines: bytes) -> bool:
        """Whether a closer look pays; nearly no head has any of the marks.

        1 us for three endpoints (the patterns take 10, one search for all marks 2.5).
        """
        if len(self._marks) > MOST_MARKS:
            return self._mark.search(lines) is not None
        for mark in self._marks:  # noqa: SIM110 - `any` with a generator doubles the time
            if mark in lines:
                return True
        return False

    def sees(self, lines: bytes) -> bool:
        if not self._suspects(lines):
            return False
        return any(p is not None and p.search(lines) for p in (self._found, self._domain, self._socket))

    def rewrite(self, head: AnswerHead, scheme: bytes, host: bytes) -> ResponseHead:
        """`head` as if the application lived where the client asked for it."""
        lines = head.lines
        if self._domain is not None:  # before an address on port 80 would become a host with a port
            lines = self._domain.sub(b"", lines)
        if self._found is not None:
            lines = self._found.sub(lambda found: _before(found[1], scheme) + host, lines)
        if self._socket is not None and self._socket.search(lines):
            first, *fields = lines.splitlines(keepends=True)
            kept = [line for line in fields if not self._socket.search(line)]
            lines = b"".join([status_line(head.status) if self._socket.search(first) else first, *kept])
        return ResponseHead(head.status, lines, head.length, dated=head.dated)


def _before(found: bytes | None, scheme: bytes) -> bytes:
    """What stands before the host instead of `http://`, `//` (also of `ws://`) or nothing."""
    if found is None or found == b"//":
        return found or b""
    return scheme + b"://"


def _names_of(host: str) -> set[str]:
    """A host and, for this machine itself, the other names that an application may know it by."""
    bracketed = f"[{host}]" if ":" in host else host
    if host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127."):
        return {bracketed, "localhost", "127.0.0.1", "[::1]", "0.0.0.0"}
    return {bracketed}


def _any_of(names: set[str], around: str) -> re.Pattern[bytes] | None:
    if not names:
        return None
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile((around % alternatives).encode(), re.IGNORECASE)


def parse_answer(raw: bytes, disguise: Disguise) -> AnswerHead:
    """A response head, its final empty line included.

    Raises:
        UpstreamError: what it says cannot be passed on in good conscience (RFC 9112 section 6.3).
    """
    end = raw.find(b"\r\n")
    match = _STATUS_LINE.fullmatch(raw, 0, end)
    if match is None:
        raise UpstreamError("head", f"status line {raw[:60]!r}")
    try:
        found = split_fields(raw[end + 2:], MOST_FIELDS)
    except RequestError as error:
        raise UpstreamError("head", error.reason) from None
    # Clients may count on the space before the reason, which some applications leave out with it.
    first = b"HTTP/1.1 %b %b\r\n" % (match[2], match[3] or b"")
    return _answer(first, match[1] == b"0", int(match[2]), found, disguise)


def _answer(first: bytes, old: bool, status: int, found: list[Field],
            disguise: Disguise) -> AnswerHead:
    fields = _joined(found)
    options = {option.strip(b" \t").lower() for option in fields.get(b"connection", b"").split(b",")}
    chunked = _is_chunked(fields, old)
    length = _length(fields) if has_body(status) or status == 304 else None
    lines = [first]
    lines += [line for key, _, line, kind in found if kind & TO_CLIENT and key not in options]
    if length is not None:
        lines.append(b"Content-Length: %d\r\n" % length)
    joined = b"".join(lines)
    head = AnswerHead(status, joined, length, dated=b"date" in fields and b"date" not in options)
    head.chunked = chunked
    head.close = b"close" in options or (old and b"keep-alive" not in options)
    head.upgrade = fields.get(b"upgrade", b"").lower() if b"upgrade" in options else b""
    head.stream = (fields.get(b"x-accel-buffering", b"").lower() == b"no"
                   or fields.get(b"content-type", b"").lower().startswith(b"text/event-stream"))
    head.names_endpoint = disguise.sees(joined)
    return head


def _joined(found: list[Field]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for key, value, _, _ in found:
        if key not in fields:
            fields[key] = value
        elif key in _SINGLETON:
            raise UpstreamError("head", f"{key.decode()} is there twice")
        else:
            fields[key] += b", " + value
    return fields


def _is_chunked(fields: dict[bytes, bytes], old: bool) -> bool:
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        return False
    if coding.lower() != b"chunked" or old or b"content-length" in fields:
        raise UpstreamError("head", f"transfer coding {coding[:40]!r} cannot be relied on")
    return True


def _length(fields: dict[bytes, bytes]) -> int | None:
    value = fields.get(b"content-length")
    if value is None:
        return None
    if not LENGTH.fullmatch(value):
        raise UpstreamError("head", f"Content-Length {value[:40]!r}")
    return int(value)


class AnswerMemo:
    """Raw response head -> AnswerHead; like the header memo, and of one pool, for its disguise."""

    COUNT = 2048
    LARGEST = 8192
    OCTETS = 2 << 20

    __slots__ = ("_heads", "_octets", "_seen", "disguise", "find")

    def __init__(self, disguise: Disguise) -> None:
        self.disguise = disguise
        self._heads: dict[bytes, AnswerHead] = {}
        self._seen: set[int] = set()
        self._octets = 0
        self.find = self._heads.get

    def parse(self, raw: bytes) -> AnswerHead:
        head = parse_answer(raw, self.disguise)
        key = hash(raw)
        if key in self._seen:
            if len(raw) <= self.LARGEST:
                if len(self._heads) >= self.COUNT or self._octets > self.OCTETS:
                    self._heads.clear()
                    self._octets = 0
                self._heads[raw] = head
                self._octets += len(raw)
        else:
            if len(self._seen) >= self.COUNT:
                self._seen.clear()
            self._seen.add(key)
        return head
