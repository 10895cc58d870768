"""Heads of answers that are, or could have been, compressed on their way.

The rule of this room: what a head says holds for the octets that go with it. A coded form is another
representation (RFC 9110 section 8.4), so its entity tag is not the strong one of the plain form, its length
is its own, and caches are told that there are several.
"""

from __future__ import annotations

import re

from proxy.http.prepared import ResponseHead

# 1.6 us for a head of ten fields; the status line is before the first field, so each has a CRLF before it.
_FIELDS = re.compile(
    rb"(?i)\r\n(content-type|content-encoding|content-range|cache-control|vary|etag|content-digest|repr-digest)"
    rb":[ \t]*([^\r]*)")
# Of the plain form alone: its length, its parts, and digests that may be left out without a word.
_PLAIN_FORMS = re.compile(rb"(?i)\r\n(?:content-length|accept-ranges|content-md5|digest):[^\r]*")
_STRONG = re.compile(rb'(?i)(\r\netag:[ \t]*)(?=")')
_VARY = re.compile(rb"(?i)(\r\nvary:[ \t]*[^\r]*?)[ \t]*(?=\r)")
_DIGEST_LINES = re.compile(rb"(?im)^(?:content-md5|digest|content-digest|repr-digest|etag):[^\r]*\r\n")


def fields_of(head: ResponseHead) -> dict[bytes, bytes]:
    """Name -> value of the fields that decide about a coding; several lines of one joined."""
    fields: dict[bytes, bytes] = {}
    for spelled, value in _FIELDS.findall(head.lines):
        name = spelled.lower()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def varied(lines: bytes, vary: bytes | None) -> bytes:
    """The same lines, saying that the client's Accept-Encoding had a say; `vary`: what Vary is so far."""
    if vary is None:
        return lines + b"Vary: Accept-Encoding\r\n"
    members = {member.strip(b" \t").lower() for member in vary.split(b",")}
    if b"*" in members or b"accept-encoding" in members:
        return lines
    if members == {b""}:
        return _VARY.sub(b"", lines) + b"Vary: Accept-Encoding\r\n"
    return _VARY.sub(rb"\1, Accept-Encoding", lines, count=1)


def coded(head: ResponseHead, coding: bytes, length: int | None) -> ResponseHead:
    """The head of the coded form."""
    lines = weak(_PLAIN_FORMS.sub(b"", head.lines)) + b"Content-Encoding: %b\r\n" % coding
    if length is not None:
        lines += b"Content-Length: %d\r\n" % length
    return ResponseHead(head.status, lines, length, dated=head.dated)


def weak(lines: bytes) -> bytes:
    """A strong entity tag says that the octets are the same (RFC 9110 section 8.8.1); these are others."""
    return _STRONG.sub(rb"\1W/", lines)


def relined(head: ResponseHead, lines: bytes) -> ResponseHead:
    """The same head with other lines."""
    return head if lines == head.lines else ResponseHead(head.status, lines, head.length, dated=head.dated)


def without_digests(trailers: bytes) -> bytes:
    """Trailer fields that hold for the coded form, too."""
    return _DIGEST_LINES.sub(b"", trailers)
