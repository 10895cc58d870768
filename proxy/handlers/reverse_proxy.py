"""The handler of `reverse_proxy` routes: takes the request's body where it shall, then forwards.

An endpoint is picked only once the body is whole, unless the route streams: a sync WSGI worker is busy
for as long as its connection is, so a slow client must not be what it waits for.
"""

from __future__ import annotations

from proxy.errors import RequestError
from proxy.handlers.forwarding import Forwarding
from proxy.http.exchange import Exchange
from proxy.upstream.pool import Pool


class ReverseProxy:
    """Forwards to a pool.

    Args:
        pool: where to.
        strip_prefix: what is taken off the path, without its final slash; b"" for nothing.
        collect: read the whole request body before an endpoint is picked.
        keep_up: take the answer off the endpoint at its own speed, whatever the client's.
    """

    __slots__ = ("collect", "keep_up", "pool", "strip_prefix")

    def __init__(self, pool: Pool, *, strip_prefix: bytes = b"", collect: bool = True,
                 keep_up: bool = True) -> None:
        self.pool = pool
        self.strip_prefix = strip_prefix
        self.collect = collect
        self.keep_up = keep_up

    def handle(self, exchange: Exchange) -> None:
        if exchange.method == b"CONNECT":
            exchange.refuse(501)  # a gateway is no tunnel to places that a client names
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

    def _target_of(self, exchange: Exchange) -> bytes:
        """The target in origin-form, as the endpoint shall see it without the prefix."""
        path_query = exchange.target.path_query
        if not path_query.startswith(self.strip_prefix):
            raise RequestError(400, "the path spells the route's prefix in another way", close=False)
        rest = path_query[len(self.strip_prefix):]
        return rest if rest.startswith(b"/") else b"/" + rest
