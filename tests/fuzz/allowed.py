"""Where the proxy takes what h11 and llhttp both refuse, and why that is right."""

from __future__ import annotations

import re

ALLOWED = {
    # RFC 9112 section 7.1.1: whitespace around `;` and `=` of a chunk extension must be read past;
    # nobody further on sees it, because extensions end here.
    "whitespace in a chunk extension": re.compile(rb"\r\n[0-9A-Fa-f]+[^\r\n]*(?:[ \t][;=]|[;=][ \t])"),
    # RFC 9110 section 6.5.1: a trailer cannot frame anything, so it is dropped unread; the others
    # read it as if it stood in the header.
    "a trailer named like framing": re.compile(
        rb"(?i)\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*(?:content-length|transfer-encoding):"),
}


def is_allowed(data: bytes) -> bool:
    return any(difference.search(data) for difference in ALLOWED.values())
