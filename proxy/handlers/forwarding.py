"""One exchange on its way to an endpoint and back.

The hot path is one synchronous call: pick, take an idle connection, write. Something is waited for only
when it must be: a connection to be opened, a place at an endpoint. The rule: another attempt is made only
where nothing can have been executed twice (RFC 9110 section 9.2.2) and nothing has reached the client.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from proxy.errors import UpstreamError
from proxy.handlers.hedge import QUICKER, Hedge, may_hedge
from proxy.handlers.marking import marked
from proxy.handlers.remainder import Remainder
from proxy.handlers.request_head import request_head
from proxy.handlers.retrying import IDEMPOTENT, Retrying, is_stale
from proxy.http.body import Body
from proxy.http.exchange import Exchange, respond
from proxy.http.prepared import ResponseHead, error_page
from proxy.tasks import spawn
from proxy.upstream.answer import AnswerHead, FileWish
from proxy.upstream.connect import connect
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.tunnel import Tunnel

if TYPE_CHECKING:
    from proxy.handlers.reverse_proxy import ReverseProxy

BUSY = error_page(503, [(b"Retry-After", b"1")])


class Forwarding(Retrying):
    """See the module; `Responder`, `BodyReader`, `Waiter` and `Attempt` of the rooms around it."""

    __slots__ = (
        "_connecting", "_handler", "_head_at", "_hedge", "_once", "_target", "_wait_until", "_waits_since")

    def __init__(self, handler: ReverseProxy, exchange: Exchange, target: bytes) -> None:
        self._handler = handler
        self._pool = pool = handler.pool
        self.exchange = exchange
        self._target = target
        self._body = None
        self._tried = ()
        self._endpoint = None
        self._connection = None
        self._connecting: asyncio.Task[None] | None = None
        # Whether it cannot be sent again should its fate be unknown: then not over a kept connection
        # that its endpoint may be closing this moment (LIFECYCLE, "An attempt").
        self._once = exchange.method not in IDEMPOTENT or not (handler.collect or exchange.body_length == 0)
        self._fresh = self._relaying = self._streaming = False
        self._retries = 0
        self._hedge: Hedge | None = None
        self._wait_until = 0.0
        pool.retry.budget.exchanges += 1

    def body_ready(self, body: Body) -> None:
        self._body = body
        self.attempt()

    # Attempts.

    def attempt(self, *, waited: bool = False) -> None:
        """Send the request to the next endpoint."""
        exchange, pool = self.exchange, self._pool
        first = not exchange.attempts and self._body is None and not self._wait_until
        now = exchange.started if first else monotonic()  # only then did time pass in between
        if now >= pool.flights.look_at:
            pool.flights.look(now)
        leaving = pool.leaving(now, once=self._once) if now < pool.signs.until else ()
        enough = self._tried and self._has_tried_enough()
        endpoint = None if enough else pool.pick(exchange, self._tried, leaving, waited=waited)
        while endpoint is not None and not pool.enter(endpoint):  # another worker took the last place
            endpoint = pool.pick(exchange, self._tried, leaving, waited=waited)
        if endpoint is None:
            self._none_left()
            return
        if waited:
            pool.tally.time("queue", now - self._waits_since)
        exchange.attempts += 1
        exchange.endpoint = endpoint.name
        self._endpoint = endpoint
        take = endpoint.take_young if self._once else endpoint.take_idle
        connection = None if self._fresh else take(now)
        if connection is None:
            endpoint.test(now)
            self._connecting = spawn(exchange.loop, self._connect(endpoint))
        else:
            self._send(connection, now)

    def _none_left(self) -> None:
        """Wait for one if the pool lets us: what may not be executed twice has not been sent so far."""
        exchange, queue = self.exchange, self._pool.queue
        self._call_off()
        if queue is not None:
            self._tried = ()
            if not self._wait_until:
                self._waits_since = monotonic()
                self._wait_until = self._waits_since + queue.timeout
            if self._pool.line_up(self, exchange, self._wait_until, urgent=self._handler.urgent):
                return
        if self._tried and not self._pool.full:
            self._pool.complain(exchange.endpoint, "was the last that could be tried")
            exchange.refuse(502, why="every endpoint was tried")
        else:
            self._turn_away("no endpoint is free")

    def turn(self) -> None:
        self.attempt(waited=True)

    def overdue(self) -> None:
        self._turn_away("it waited for too long in the queue")

    def _turn_away(self, why: str) -> None:
        self.exchange.why = why
        self._pool.tally.add("turned_away")
        respond(self.exchange, BUSY)

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
        connection.spare = self._once or self._fresh
        if endpoint.refusals:
            pool.connected(endpoint)
        self._send(connection, monotonic())

    def _send(self, connection: UpstreamConnection, now: float) -> None:
        exchange = self.exchange
        self._connection = connection
        self._sent_at = now
        if exchange.timings is not None:
            exchange.timings[:] = [now]  # of the attempt that was answered
        body, pool = self._body, self._pool
        head = request_head(exchange, self._target, body, self._handler.strip_prefix)
        head_only = exchange.method == b"HEAD"
        if body is not None or exchange.body_length == 0:
            connection.send(self, head, body, now, head_only=head_only)
            if pool.retry.timeout is not None and self._may_repeat("timeout"):
                connection.hurry(now + pool.retry.timeout)
            if pool.hedge is not None and self._hedge is None and may_hedge(exchange, pool.hedge):
                self._hedge = Hedge(self, pool, pool.hedge.seconds)
        else:
            connection.send_open(self, head, now, head_only=head_only)
            if exchange.headers.expect:
                exchange.await_body(self)  # until the endpoint says 100, or the client loses patience
            else:
                self._read_body()

    def head(self) -> bytes:
        return request_head(self.exchange, self._target, self._body, self._handler.strip_prefix)

    # The response, called by the connection.

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        exchange = self.exchange
        endpoint = self._endpoint
        if endpoint is not None:
            if self._is_refused(endpoint, head):
                return
            if (endpoint.failures or endpoint.trial_from) and head.status < 500:
                endpoint.works()
            self._connection = self._endpoint = None
            self._pool.leave(endpoint)  # now: the client's next request may begin inside `respond`
        plain = not head.names_endpoint and self._pool.sticky is None
        shown = head if plain else marked(head, exchange, self._pool, endpoint)
        if head.file_wish is None or not self._send_file(head.file_wish, shown):
            exchange.respond(shown, body)

    def _is_refused(self, endpoint: Endpoint, head: AnswerHead) -> bool:
        """Note how the endpoint answered; whether another one is asked instead."""
        exchange, pool = self.exchange, self._pool
        endpoint.answers += 1
        self._head_at = now = monotonic()
        endpoint.tally.answered(head.status, now - self._sent_at)
        if exchange.timings is not None:
            exchange.timings.append(now)
        if head.status < 500:
            if self._hedge is not None:
                self._call_off()
            if pool.timed:  # errors come quickly: they must not make an endpoint look like the best
                endpoint.took(seconds := now - self._sent_at)
                if pool.hedge is not None:
                    pool.hedge.add(seconds)
            return False
        pool.answered_badly(endpoint, head.status, self._sent_at)
        return self._is_replaced(endpoint, head.status)

    def _is_replaced(self, endpoint: Endpoint, status: int) -> bool:
        """Whether the answer of a 5xx is not wanted, as another one is there to be waited for."""
        rival = self._hedge is not None and self._hedge.is_running() and status in self._pool.retry.statuses
        if not rival:
            self._call_off()
            if status not in self._pool.retry.statuses or not self._retry_elsewhere(str(status)):
                return False
        connection = self._connection
        if connection is not None and connection.is_busy():  # the body still comes; nobody wants it
            connection.discard()
        # Only then: who waits for a place may take it in this call, and the connection with it.
        self._try_elsewhere(endpoint, f"HTTP {status}", retry=not rival)
        if not rival:
            self.attempt()
        return True

    def answer_head(self, head: AnswerHead, data: bytes) -> None:
        exchange, endpoint = self.exchange, self._endpoint
        if endpoint is not None and self._is_refused(endpoint, head):
            return
        plain = not head.names_endpoint and self._pool.sticky is None
        shown = head if plain else marked(head, exchange, self._pool, endpoint)
        if head.file_wish is not None and self._send_file(head.file_wish, shown, chunked=head.chunked):
            return
        self._relaying = True
        exchange.start(shown, data, stream=head.stream or not self._handler.keep_up)

    def answer_data(self, data: bytes) -> None:
        self.exchange.write(data)

    def answer_end(self, trailers: bytes) -> None:
        endpoint = self._endpoint
        if endpoint is not None:
            self._pool.tally.time("body", monotonic() - self._head_at)
            if (endpoint.failures or endpoint.trial_from) and self.exchange.status < 500:
                endpoint.works()  # not before the end: it may break off each time
        self._leave()
        if trailers and self._pool.disguise.sees(trailers):
            trailers = b""
        self.exchange.finish(trailers)

    def _send_file(self, wish: FileWish, head: ResponseHead, *, chunked: bool = False) -> bool:
        """Answer with the file that the application asks for, if its route has files."""
        exchange, send_files = self.exchange, self._handler.send_files
        if send_files is None:
            self._handler.advise(exchange, wish)
            return False
        self._leave_body(chunked=chunked)
        exchange.responder = None
        send_files.answer(exchange, wish, head)
        return True

    def _leave_body(self, *, chunked: bool) -> None:
        """Done with the endpoint, whose body is not wanted.

        A length may be the file's: with `USE_X_SENDFILE` Flask announces that and sends nothing, so that the
        connection is not to be waited for.
        """
        endpoint, connection = self._endpoint, self._connection
        self._endpoint = self._connection = None
        if endpoint is None or connection is None:
            return
        if endpoint.failures or endpoint.trial_from:
            endpoint.works()
        if chunked:
            Remainder(self._pool, endpoint, connection)
        else:
            connection.discard()
            self._pool.leave(endpoint)

    def answer_interim(self, head: AnswerHead) -> None:
        exchange = self.exchange
        if head.status != 100:
            lines = marked(head, exchange, self._pool, None).lines if head.names_endpoint else head.lines
            exchange.interim(lines)
        elif exchange.headers.expect and exchange.body_length != 0 and not (self._streaming or self._body):
            self._read_body()  # which tells the client to go on; once, however often the endpoint says so

    def answer_upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        """A 101: only for a protocol that this client offered (RFC 9110 section 7.8)."""
        exchange = self.exchange
        connection = self._connection
        offered = {protocol.strip().lower() for protocol in exchange.upgrade_offer.split(b",")}
        if connection is None or not head.upgrade or head.upgrade not in offered:
            if connection is not None:
                connection.discard()
            self.answer_failed(UpstreamError("head", "a 101 that nobody asked for"), received=True)
            return
        self._relaying = True
        if self._endpoint is not None:
            self._endpoint.answers += 1
            self._endpoint.works()
        lines = marked(head, exchange, self._pool, self._endpoint).lines
        lines += b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % head.upgrade
        exchange.responder = None
        tunnel = Tunnel(exchange, exchange.upgrade(lines), connection.transport, self._pool.timeouts.tunnel,
                        self._pool.wheel, self._leave)
        if surplus:
            tunnel.endpoint.data_received(surplus)
        early = exchange.take_surplus()
        if early:
            tunnel.client.data_received(early)

    # Failures.

    def answer_failed(self, error: UpstreamError, *, received: bool) -> None:
        exchange, pool = self.exchange, self._pool
        endpoint = self._endpoint
        stale = is_stale(self._connection, error, received=received)
        if endpoint is not None and not (stale or error.unsent or error.ours):
            self._blame(endpoint, error)
        if self._hedge is not None and self._hedge.is_running():
            self._wait_for_rival(endpoint, error, stale=stale)
        elif self._relaying:
            pool.complain(exchange.endpoint, f"cut a response short: {error.reason}")
            self._leave()
            exchange.abort()
        elif endpoint is not None and self._goes_on(endpoint, error, stale=stale):
            self.attempt()
        else:
            self._leave()
            self._call_off()
            pool.complain(exchange.endpoint, f"failed: {error.phase}: {error.reason}")
            exchange.refuse(error.status, why=f"{exchange.endpoint}: {error.phase}: {error.reason}")

    # A second attempt beside the first.

    def take_over(self, endpoint: Endpoint, connection: UpstreamConnection | None, sent_at: float) -> None:
        """The rival is the attempt now, and the one so far, if it is still under way, is given up."""
        late, exchange = self._connection, self.exchange
        if self._endpoint is not None:
            self.note(self._endpoint, QUICKER)
        self._leave()
        self._stop_connecting()
        if late is not None:
            late.discard()
        self._endpoint, self._connection, self._sent_at = endpoint, connection, sent_at
        exchange.endpoint = endpoint.name
        if exchange.timings is not None:
            exchange.timings[:] = [sent_at]
        if connection is not None:
            connection.hand_to(self)

    def _wait_for_rival(self, endpoint: Endpoint | None, error: UpstreamError, *, stale: bool) -> None:
        """The other attempt is all there is now."""
        if stale or endpoint is None:
            self._fresh = True  # should it be asked again
            self._leave()
        else:
            self._try_elsewhere(endpoint, f"{error.phase}: {error.reason}", retry=False)

    def _call_off(self) -> None:
        """No rival: one has answered, or the exchange is over or in the queue."""
        if self._hedge is not None:
            self._hedge.cancel()

    def _stop_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None

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
        if self._wait_until and self._pool.queue is not None:
            self._pool.queue.remove(self)
        self._call_off()
        self._stop_connecting()
        if connection is not None:
            connection.discard()
        self._leave()
