"""A directory as an answer.

The rule of this room: it is for a thread, all of it. Of 10,000 entries the page and its tag take 50 ms, so
those who ask for the same meanwhile share them, and the loop has nothing left to do but to send them.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from proxy.handlers.library import Library
from proxy.handlers.listing import Order, listing_json, order_of, wants_json
from proxy.handlers.listing_page import POLICY, listing_page
from proxy.handlers.names import Names
from proxy.handlers.representation import Fields
from proxy.http.exchange import Exchange
from proxy.http.prepared import Form, ResponseHead

_OF_LISTING: Fields = (
    (b"Cache-Control", b"no-cache"), (b"Vary", b"Accept"), (b"X-Content-Type-Options", b"nosniff"),
    (b"Content-Security-Policy", POLICY))


class Wish(NamedTuple):
    """Which listing is asked for: the same for all who may share one."""

    path: bytes
    order: Order
    json: bool

    @classmethod
    def of(cls, exchange: Exchange, path: bytes) -> Wish:
        query = exchange.target.query
        return cls(path, order_of(query), wants_json(exchange.headers.get(b"accept"), query))


def listed(library: Library, names: Names, segments: list[bytes], wish: Wish) -> Form:
    """What is in a directory, ready to be sent.

    Raises:
        OSError: it cannot be read.
    """
    listing = library.scan(segments, names.is_hidden, wish.order)
    if wish.json:
        return _form(b"application/json", listing_json(wish.path, listing))
    page = listing_page(wish.path, listing, wish.order, names.prefix or b"/")
    return _form(b"text/html; charset=utf-8", page)


def _form(kind: bytes, body: bytes) -> Form:
    etag = b'"%b"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    fields = (*_OF_LISTING, (b"ETag", etag))
    head = ResponseHead.make(200, ((b"Content-Type", kind), *fields), len(body))
    return Form(head, body, etag, ResponseHead.make(304, fields, None))
