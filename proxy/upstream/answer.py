"""Heads of endpoints' responses: checked as strictly as requests, stripped of what clients must not see.

What a client may never learn (CONFIG.md): an endpoint's address, `Server`, `X-Powered-By`, `Via`.
Names go when the head is parsed; a head in which an endpoint's address stands is marked and
rewritten per exchange, because the right address is the one that the client asked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.errors import RequestError, UpstreamError
from proxy.http.prepared import ResponseHead
from proxy.upstream.disguise import Disguise
from proxy.wire.headers import LENGTH, TO_CLIENT, Field, split_fields
from proxy.wire.status import has_body

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")
_SINGLETON = frozenset((
    b"content-length", b"transfer-encoding", b"content-type", b"location", b"x-accel-redirect",
    b"x-sendfile"))
_TIMEOUT = re.compile(rb"(?i)\btimeout[ \t]*=[ \t]*([0-9]{1,6})\b")
MOST_FIELDS = 200
LARGEST_HEAD = 65536


class FileWish(NamedTuple):
    """A file that the endpoint wants to be sent in place of its body.

    Attributes:
        field: that says so.
        value: a URI for `X-Accel-Redirect`, a path for `X-Sendfile`.
    """

    field: str
    value: bytes

    @property
    def is_path(self) -> bool:
        return self.field == "X-Sendfile"


class AnswerHead(ResponseHead):
    """A `ResponseHead` with what this hop needs to know of it.

    Attributes:
        chunked: the body comes in chunks; else by `length`, else until the end of the connection.
        close: the endpoint will close the connection after this response.
        keep_alive: seconds that it says it will keep the idle connection; 0 where it does not say.
        upgrade: the protocols of a 101, lower case.
        stream: pass each piece on at once (server-sent events, or `X-Accel-Buffering: no`).
        file_wish: what shall be sent instead of the body; None mostly.
        names_endpoint: an endpoint's address stands in it; see `Disguise.rewrite`.
    """

    __slots__ = ("chunked", "close", "file_wish", "keep_alive", "names_endpoint", "stream", "upgrade")

    chunked: bool
    close: bool
    file_wish: FileWish | None
    keep_alive: int
    names_endpoint: bool
    stream: bool
    upgrade: bytes


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
    # A 206: of an application that looked at Range itself, as Flask's send_file does; it means the same file.
    head.file_wish = _file_wish(fields) if status in (200, 206) else None
    head.keep_alive = _keep_alive(fields.get(b"keep-alive"))
    head.upgrade = fields.get(b"upgrade", b"").lower() if b"upgrade" in options else b""
    head.stream = (fields.get(b"x-accel-buffering", b"").lower() == b"no"
                   or fields.get(b"content-type", b"").lower().startswith(b"text/event-stream"))
    head.names_endpoint = disguise.sees(joined)
    return head


def _file_wish(fields: dict[bytes, bytes]) -> FileWish | None:
    for field in ("X-Accel-Redirect", "X-Sendfile"):
        if value := fields.get(field.lower().encode()):
            return FileWish(field, value)
    return None


def _keep_alive(value: bytes | None) -> int:
    """`timeout=5, max=100`, as RFC 2068 section 19.7.1.1 had it and servers still send it."""
    found = None if value is None else _TIMEOUT.search(value)
    return 0 if found is None else int(found[1])


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
                    self.clear()
                self._heads[raw] = head
                self._octets += len(raw)
        else:
            if len(self._seen) >= self.COUNT:
                self._seen.clear()
            self._seen.add(key)
        return head

    def clear(self) -> None:
        """Also when the disguise has learned other addresses."""
        self._heads.clear()
        self._octets = 0
