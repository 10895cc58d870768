"""The handler of `reverse_proxy` routes: takes the request's body where it shall, then forwards.

An endpoint is picked only once the body is whole, unless the route streams: a sync WSGI worker is busy
for as long as its connection is, so a slow client must not be what it waits for.
"""

from __future__ import annotations

import logging
from typing import Any

from proxy.errors import RequestError
from proxy.handlers.forwarding import Forwarding
from proxy.handlers.send_files import SendFiles
from proxy.http.exchange import Exchange
from proxy.upstream.answer import FileWish
from proxy.upstream.pool import Pool

log = logging.getLogger("proxy.handlers.reverse_proxy")


class ReverseProxy:
    """Forwards to a pool.

    Args:
        pool: where to.
        strip_prefix: what is taken off the path, without its final slash; b"" for nothing.
        collect: read the whole request body before an endpoint is picked.
        keep_up: take the answer off the endpoint at its own speed, whatever the client's.
        urgent: its exchanges stand before others in the pool's queue.
        send_files: of the files that the application names in place of a body; None: there are none.
    """

    __slots__ = ("_advised", "collect", "keep_up", "pool", "send_files", "strip_prefix", "urgent")

    def __init__(self, pool: Pool, *, strip_prefix: bytes = b"", collect: bool = True,
                 keep_up: bool = True, urgent: bool = False, send_files: SendFiles | None = None) -> None:
        self.pool = pool
        self.strip_prefix = strip_prefix
        self.collect = collect
        self.keep_up = keep_up
        self.urgent = urgent
        self.send_files = send_files
        self._advised = False

    def handle(self, exchange: Exchange) -> None:
        if exchange.method == b"CONNECT":
            exchange.refuse(501, why="a gateway is no tunnel to places that a client names")
            return
        exchange.pool = self.pool.name
        # Now, while a refusal is no more than that: later an endpoint would count as working on it.
        target = self._target_of(exchange) if self.strip_prefix else exchange.target.path_query
        forwarding = Forwarding(self, exchange, target)
        exchange.responder = forwarding
        if exchange.body_length == 0:
            forwarding.attempt()
        elif self.collect:
            body = exchange.collect_body(forwarding)
            if body is not None:
                forwarding.body_ready(body)
        else:
            forwarding.attempt()

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        return {
            "kind": "reverse_proxy", "pool": self.pool.name, "buffer_request": self.collect,
            "buffer_response": self.keep_up, "strip_prefix": self.strip_prefix.decode("latin-1"),
            "send_files": self.send_files is not None}

    def _target_of(self, exchange: Exchange) -> bytes:
        """The target in origin-form, as the endpoint shall see it without the prefix."""
        path_query = exchange.target.path_query
        if not path_query.startswith(self.strip_prefix):
            raise RequestError(400, "the path spells the route's prefix in another way",
                               "RFC 3986 section 6.2.2", close=False)
        rest = path_query[len(self.strip_prefix):]
        return rest if rest.startswith(b"/") else b"/" + rest

    def advise(self, exchange: Exchange, wish: FileWish) -> None:
        """Say once what it takes to send files."""
        if not self._advised:
            self._advised = True
            log.warning(
                "%s %s asks by %s for a file to be sent, and %s has no send_files: it is answered without; "
                "give the route send_files: {/protected/: folder}",
                self.pool.name, exchange.endpoint, wish.field, exchange.route)
