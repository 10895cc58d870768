"""Forwards an exchange to an endpoint of a pool and its response back.

The hot path is one synchronous call: pick, take an idle connection, write. Something is waited
for only when it must be: a body to be collected, a connection to be opened. Rules: an endpoint is
picked only once the body is whole (unless the route streams); another attempt is made only where
nothing can have been executed twice (RFC 9110 section 9.2.2) and nothing has reached the client.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from time import monotonic

from proxy.errors import RequestError, UpstreamError
from proxy.http.body import Body
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.tasks import spawn
from proxy.upstream.answer import AnswerHead
from proxy.upstream.connect import connect
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.pool import Pool
from proxy.upstream.tunnel import Tunnel
from proxy.wire.h1 import chunk, last_chunk

# May be sent again when its fate is unknown (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
COUNTING = frozenset((b"OPTIONS", b"TRACE"))  # Max-Forwards counts down (section 7.6.2)
MOST_ATTEMPTS = 4  # after which a connection that is lost is not tried again; a failed connect always is
_MAX_FORWARDS = re.compile(rb"(?i)(?<=\r\nmax-forwards: )[0-9]{1,9}(?=\r\n)")

_ids = itertools.count()
_id_prefix = os.urandom(8).hex().encode()


def seed_request_ids() -> None:
    """Make this process's request ids differ from those of the process that it was forked from."""
    global _id_prefix
    _id_prefix = os.urandom(8).hex().encode()


def _one_less(found: re.Match[bytes]) -> bytes:
    return b"%d" % max(int(found[0]) - 1, 0)


class ReverseProxy:
    """The handler of `reverse_proxy` routes.

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
        forwarding = Forwarding(self, exchange)
        exchange.responder = forwarding
        if exchange.body_length == 0:
            forwarding.attempt()
        elif self.collect:
            body = exchange.collect_body(forwarding)
            if body is not None:
                forwarding.body_ready(body)
        else:
            forwarding.attempt()

    def target_of(self, exchange: Exchange) -> bytes:
        """The target in origin-form, as the endpoint shall see it without the prefix."""
        path_query = exchange.target.path_query
        if not path_query.startswith(self.strip_prefix):
            raise RequestError(400, "the path spells the route's prefix in another way", close=False)
        rest = path_query[len(self.strip_prefix):]
        return rest if rest.startswith(b"/") else b"/" + rest


class Forwarding:
    """One exchange on its way to an endpoint and back."""

    __slots__ = (
        "_body", "_connecting", "_connection", "_endpoint", "_exchange", "_fresh", "_handler", "_pool",
        "_relaying", "_streaming", "_target", "_tried")

    def __init__(self, handler: ReverseProxy, exchange: Exchange) -> None:
        self._handler = handler
        self._pool = handler.pool
        self._exchange = exchange
        # Now, while a refusal is no more than that: later an endpoint would count as working on it.
        self._target = handler.target_of(exchange) if handler.strip_prefix else exchange.target.path_query
        self._body: Body | None = None
        self._tried: tuple[Endpoint, ...] = ()
        self._endpoint: Endpoint | None = None
        self._connection: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        # Whether the next attempt must not use a kept connection: its endpoint may be closing it this
        # moment, and what must not be sent twice could then only be lost (LIFECYCLE, "An attempt").
        self._fresh = exchange.method not in IDEMPOTENT or not (handler.collect or exchange.body_length == 0)
        self._relaying = False  # octets of a final response have gone to the client
        self._streaming = False  # octets of the body go to the endpoint as they come

    def body_ready(self, body: Body) -> None:
        self._body = body
        self.attempt()

    # Attempts.

    def attempt(self) -> None:
        """Send the request to the next endpoint."""
        exchange = self._exchange
        endpoint = self._pool.pick(exchange, self._tried)
        if endpoint is None:
            self._pool.complain("", "every endpoint was tried")
            exchange.refuse(502)
            return
        exchange.attempts += 1
        exchange.endpoint = endpoint.name
        endpoint.in_flight += 1
        self._endpoint = endpoint
        connection = None if self._fresh else endpoint.take_idle()
        if connection is None:
            self._connecting = spawn(exchange.loop, self._connect(endpoint))
        else:
            self._send(connection)

    async def _connect(self, endpoint: Endpoint) -> None:
        pool = self._pool
        try:
            connection = await connect(pool, endpoint)
        except UpstreamError as error:
            self._connecting = None
            if not error.ours:
                pool.connect_failed(endpoint, error.reason)
            self.answer_failed(error, received=False)
            return
        self._connecting = None
        connection.spare = self._fresh
        pool.connected(endpoint)
        self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        exchange = self._exchange
        self._connection = connection
        now = exchange.started
        if exchange.timings is not None or exchange.attempts > 1 or self._body is not None:
            now = monotonic()
            if exchange.timings is not None:
                exchange.timings[:] = [now]  # of the attempt that was answered
        head = self._request_head()
        body = self._body
        head_only = exchange.method == b"HEAD"
        if body is not None or exchange.body_length == 0:
            connection.send(self, head, body, now, head_only=head_only)
        else:
            connection.send_open(self, head, now, head_only=head_only)
            if exchange.headers.expect:
                exchange.await_body(self)  # until the endpoint says 100, or the client loses patience
            else:
                self._read_body()

    def _request_head(self) -> bytes:
        exchange = self._exchange
        block = exchange.headers
        lines = exchange.peer.lines_for(block, exchange.host)
        if exchange.method in COUNTING:
            lines = _MAX_FORWARDS.sub(_one_less, lines)
        request_id = exchange.request_id
        if not request_id:
            exchange.request_id = request_id = b"%b%08x" % (_id_prefix, next(_ids))
        handler, target = self._handler, self._target
        plain = exchange.body_length == 0 and block.length is None and not handler.strip_prefix
        if plain and not exchange.upgrade_offer:
            return b"%b %b HTTP/1.1\r\n%bX-Request-ID: %b\r\n\r\n" % (
                exchange.method, target, lines, request_id)
        return b"%b %b HTTP/1.1\r\n%bX-Request-ID: %b\r\n%b%b\r\n" % (
            exchange.method, target, lines, request_id, self._framing(), self._extras())

    def _framing(self) -> bytes:
        body = self._body
        if body is not None:
            if body.trailers:
                return b"Transfer-Encoding: chunked\r\n"
            return b"Content-Length: %d\r\n" % body.length
        block = self._exchange.headers
        if block.length is not None:
            return b"Content-Length: %d\r\n" % block.length
        return b"Transfer-Encoding: chunked\r\n" if block.chunked else b""

    def _extras(self) -> bytes:
        """What only some requests carry to the endpoint."""
        exchange, extras = self._exchange, b""
        if exchange.upgrade_offer:
            extras += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % exchange.upgrade_offer
        if self._handler.strip_prefix:
            extras += b"X-Forwarded-Prefix: %b\r\n" % self._handler.strip_prefix
        if exchange.headers.expect and self._body is None and exchange.body_length != 0:
            extras += b"Expect: 100-continue\r\n"
        return extras

    def _leave(self) -> None:
        """The current attempt is over, in whatever way."""
        self._connection = None
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.in_flight -= 1

    # The response, called by the connection.

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        exchange = self._exchange
        endpoint = self._endpoint
        if endpoint is not None:
            self._connection = self._endpoint = None
            endpoint.in_flight -= 1
        if exchange.timings is not None:
            exchange.timings.append(monotonic())
        exchange.respond(self._disguised(head) if head.names_endpoint else head, body)

    def _disguised(self, head: AnswerHead) -> ResponseHead:
        """The head with the address that the client asked for in place of the endpoint's."""
        exchange = self._exchange
        scheme, host = exchange.peer.origin_for(exchange.headers, exchange.host)
        return self._pool.disguise.rewrite(head, scheme, host)

    def answer_head(self, head: AnswerHead, data: bytes) -> None:
        exchange = self._exchange
        self._relaying = True
        if exchange.timings is not None:
            exchange.timings.append(monotonic())
        stream = head.stream or not self._handler.keep_up
        exchange.start(self._disguised(head) if head.names_endpoint else head, data, stream=stream)

    def answer_data(self, data: bytes) -> None:
        self._exchange.write(data)

    def answer_end(self, trailers: bytes) -> None:
        self._leave()
        if trailers and self._pool.disguise.sees(trailers):
            trailers = b""
        self._exchange.finish(trailers)

    def answer_interim(self, head: AnswerHead) -> None:
        exchange = self._exchange
        if head.status != 100:
            exchange.interim(self._disguised(head).lines if head.names_endpoint else head.lines)
        elif exchange.headers.expect and exchange.body_length != 0 and not (self._streaming or self._body):
            self._read_body()  # which tells the client to go on; once, however often the endpoint says so

    def answer_upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        """A 101: only for a protocol that this client offered (RFC 9110 section 7.8)."""
        exchange = self._exchange
        connection = self._connection
        offered = {protocol.strip().lower() for protocol in exchange.upgrade_offer.split(b",")}
        if connection is None or not head.upgrade or head.upgrade not in offered:
            if connection is not None:
                connection.discard()
            self.answer_failed(UpstreamError("head", "a 101 that nobody asked for"), received=True)
            return
        self._relaying = True
        lines = self._disguised(head).lines if head.names_endpoint else head.lines
        lines += b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % head.upgrade
        exchange.responder = None
        tunnel = Tunnel(exchange, exchange.upgrade(lines), connection.transport, self._pool.timeouts.tunnel,
                        self._pool.wheel, self._leave)
        if surplus:
            tunnel.endpoint.data_received(surplus)
        early = exchange.take_surplus()
        if early:
            tunnel.client.data_received(early)

    def answer_failed(self, error: UpstreamError, *, received: bool) -> None:
        exchange = self._exchange
        endpoint, connection = self._endpoint, self._connection
        self._leave()
        if self._relaying:
            self._pool.complain(exchange.endpoint, f"cut a response short: {error.reason}")
            exchange.abort()
            return
        stale = connection is not None and connection.reused and not received and error.status == 502
        if endpoint is not None and self._may_try_again(error, received=received):
            if stale:
                self._fresh = True
            else:
                self._tried += (endpoint,)
            self.attempt()
            return
        self._pool.complain(exchange.endpoint, f"failed: {error.phase}: {error.reason}")
        exchange.refuse(error.status)

    def _may_try_again(self, error: UpstreamError, *, received: bool) -> bool:
        """Nothing was executed, or executing it twice is the same as once; and the body is still there."""
        exchange = self._exchange
        if self._streaming or error.ours:
            return False
        if error.unsent:
            return self._has_other_endpoint()
        if received or error.status == 504 or exchange.method not in IDEMPOTENT:
            return False
        return exchange.attempts < MOST_ATTEMPTS

    def _has_other_endpoint(self) -> bool:
        return len(self._tried) + 1 < len(self._pool.endpoints)

    # The client, called by the exchange.

    def pause(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    def client_gone(self) -> None:
        """Stop the work upstream: the connection is closed, which a WSGI server notices."""
        connection = self._connection
        self._leave()
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if connection is not None:
            connection.discard()

    # The request's body, when it is streamed.

    def _read_body(self) -> None:
        self._streaming = True
        self._exchange.read_body(self)

    def body_data(self, data: bytes) -> None:
        self._streaming = True
        connection = self._connection
        if connection is not None:
            connection.send_data(chunk(data) if self._exchange.body_length is None else data)

    def body_end(self, trailers: bytes) -> None:
        if self._connection is not None:
            self._connection.send_end(last_chunk(trailers) if self._exchange.body_length is None else b"")

    def endpoint_slow(self) -> None:
        if self._body is None and self._exchange.body_length != 0:
            self._exchange.pause_body()

    def endpoint_fast(self) -> None:
        if self._body is None and self._exchange.body_length != 0:
            self._exchange.resume_body()
