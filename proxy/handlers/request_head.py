"""The head of a request as an endpoint gets it: without what is of the client's hop, with what we add."""

from __future__ import annotations

import itertools
import os
import re

from proxy.http.body import Body
from proxy.http.exchange import Exchange

COUNTING = frozenset((b"OPTIONS", b"TRACE"))  # Max-Forwards counts down (RFC 9110 section 7.6.2)
_MAX_FORWARDS = re.compile(rb"(?i)(?<=\r\nmax-forwards: )[0-9]{1,9}(?=\r\n)")

_ids = itertools.count()
_id_prefix = os.urandom(8).hex().encode()


def seed_request_ids() -> None:
    """Make this process's request ids differ from those of the process that it was forked from."""
    global _id_prefix
    _id_prefix = os.urandom(8).hex().encode()


os.register_at_fork(after_in_child=seed_request_ids)


def request_head(exchange: Exchange, target: bytes, body: Body | None, prefix: bytes) -> bytes:
    """Request line and fields, with the final empty line.

    Args:
        target: in origin-form.
        body: what was collected; None if there is none, or if it is streamed.
        prefix: what was taken off the target; b"" for nothing.
    """
    block = exchange.headers
    lines = exchange.peer.lines_for(block, exchange.host)
    if exchange.method in COUNTING:
        lines = _MAX_FORWARDS.sub(_one_less, lines)
    request_id = exchange.request_id
    if not request_id:
        exchange.request_id = request_id = b"%b%08x" % (_id_prefix, next(_ids))
    if exchange.body_length == 0 and block.length is None and not prefix and not exchange.upgrade_offer:
        return b"%b %b HTTP/1.1\r\n%bX-Request-ID: %b\r\n\r\n" % (exchange.method, target, lines, request_id)
    return b"%b %b HTTP/1.1\r\n%bX-Request-ID: %b\r\n%b%b\r\n" % (
        exchange.method, target, lines, request_id, _framing(exchange, body), _extras(exchange, body, prefix))


def _one_less(found: re.Match[bytes]) -> bytes:
    return b"%d" % max(int(found[0]) - 1, 0)


def _framing(exchange: Exchange, body: Body | None) -> bytes:
    if body is not None:
        if body.trailers:
            return b"Transfer-Encoding: chunked\r\n"
        return b"Content-Length: %d\r\n" % body.length
    block = exchange.headers
    if block.length is not None:
        return b"Content-Length: %d\r\n" % block.length
    return b"Transfer-Encoding: chunked\r\n" if block.chunked else b""


def _extras(exchange: Exchange, body: Body | None, prefix: bytes) -> bytes:
    """What only some requests carry to the endpoint."""
    extras = b""
    if exchange.upgrade_offer:
        extras += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % exchange.upgrade_offer
    if prefix:
        extras += b"X-Forwarded-Prefix: %b\r\n" % prefix
    if exchange.headers.expect and body is None and exchange.body_length != 0:
        extras += b"Expect: 100-continue\r\n"
    return extras
