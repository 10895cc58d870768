"""What an endpoint's head becomes before a client sees it."""

from __future__ import annotations

from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.upstream.answer import AnswerHead
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.pool import Pool


def marked(head: AnswerHead, exchange: Exchange, pool: Pool, endpoint: Endpoint | None) -> ResponseHead:
    """The head with the address that the client asked for, not the endpoint's, and the sticky cookie.

    Not called for what needs neither: most heads.
    """
    sticky = pool.sticky
    scheme, host = exchange.peer.origin_for(exchange.headers, exchange.host)
    made: ResponseHead = head
    if head.names_endpoint:
        made = pool.disguise.rewrite(head, scheme, host)
    if sticky is None or endpoint is None or not sticky.sticks(exchange, endpoint):
        return made
    lines = made.lines + sticky.line(endpoint, https=scheme == b"https")
    return ResponseHead(made.status, lines, made.length, dated=made.dated)
