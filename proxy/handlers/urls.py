"""Pieces of a request put into a Location: encoded so that they cannot break out of their place."""

from __future__ import annotations

import re
from urllib.parse import quote

_UNSAFE = re.compile(rb"[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]")


def encode_path(path: bytes) -> bytes:
    """A decoded path in URL form (RFC 3986 section 3.3): pchar and `/` stand for themselves."""
    return quote(path, safe="/:@!$&'()*+,;=~").encode()


def escape(text: bytes) -> bytes:
    """A path or query as it was sent, without what no URL may hold raw (RFC 3986 section 2).

    Browsers take a backslash for a slash, which makes it the one that matters most.
    """
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], text)
