"""Several parts of a file in one response: multipart/byteranges (RFC 9110 sections 14.6 and 15.3.7.2).

Nothing of the file is read here: the body is octets of ours between spans of the file, so its
length is known before and the spans may go by sendfile.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from proxy.handlers.ranges import Span


class Multipart(NamedTuple):
    """The body of a 206 with several parts.

    Its head has `content_type` and no Content-Range, which every part has for itself.

    Attributes:
        content_type: of the response.
        parts: what is sent before each span of the file, and the span.
        end: what is sent behind the last.
        length: octets of all that.
    """

    content_type: bytes
    parts: list[tuple[bytes, int, int]]
    end: bytes
    length: int


def multipart(spans: list[Span], size: int, content_type: bytes) -> Multipart:
    """Lay out the parts of a representation of `size` octets.

    The boundary must not be in what it bounds (RFC 2046 section 5.1.1). Nobody can have put there
    a number of 128 bits that is drawn for this response alone; to look would mean to read it all.
    """
    boundary = secrets.token_hex(16).encode()
    parts = []
    delimiter = b"--"  # that of the first part needs no line to end
    for start, end in spans:
        head = (b"%b%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
                % (delimiter, boundary, content_type, start, end - 1, size))
        parts.append((head, start, end))
        delimiter = b"\r\n--"
    last = b"\r\n--%b--\r\n" % boundary
    length = sum(len(head) + end - start for head, start, end in parts) + len(last)
    return Multipart(b"multipart/byteranges; boundary=" + boundary, parts, last, length)
