"""Status codes: their phrases, and what they say about a body (RFC 9110 section 15)."""

from __future__ import annotations

from http import HTTPStatus

PHRASES: dict[int, bytes] = {status.value: status.phrase.encode() for status in HTTPStatus}
PHRASES[413] = b"Content Too Large"
PHRASES[414] = b"URI Too Long"
PHRASES[416] = b"Range Not Satisfiable"
PHRASES[422] = b"Unprocessable Content"


def status_line(status: int) -> bytes:
    """`HTTP/1.1 404 Not Found` with its line end."""
    return b"HTTP/1.1 %d %b\r\n" % (status, PHRASES.get(status, b""))


def has_body(status: int) -> bool:
    """Whether a response of this status may have a body at all (RFC 9112 section 6.3)."""
    return status >= 200 and status != 204 and status != 304
