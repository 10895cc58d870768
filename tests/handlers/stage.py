"""A reverse proxy between exchanges and connections whose far ends are the test's."""

import asyncio
import socket
from time import monotonic

from proxy import tasks
from proxy.clock import DeadlineWheel
from proxy.errors import UpstreamError
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.http.peer import Peer
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.retry import Retry
from proxy.upstream.rules import PoolRules, PoolTimeouts
from tests.fakes import FakeExchange, FakeLoop, FakeTransport

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
REFUSED = UpstreamError("connect", "refused", unsent=True)
TOO_SLOW = UpstreamError("connect", "too slow", status=504, unsent=True)
NO_ROOM = UpstreamError("connect", "no descriptor", status=503, unsent=True, ours=True)
RETRY_ON = ("connect", "reset", "timeout", "502", "503", "504")
SAFE = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"]
UNSAFE = [b"POST", b"PATCH", b"LOCK", b"get"]


class InOrder:
    """The first endpoint that was not tried."""

    def rebuild(self, endpoints):
        self.endpoints = list(endpoints)

    def pick(self, exchange, tried):
        return next((endpoint for endpoint in self.endpoints if endpoint not in tried), None)


class Remote:
    """The far end of one upstream connection."""

    def __init__(self, pool, endpoint, window):
        self.near, self.far = socket.socketpair()
        self.endpoint = endpoint
        self.connection = UpstreamConnection(endpoint, pool.memo, pool.timeouts, pool.wheel, self.near)
        self.transport = FakeTransport(FakeLoop(), window=window)
        self.transport.connect(self.connection)

    def serve(self, *pieces):
        for piece in pieces:
            self.transport.feed(piece)

    def end(self):
        self.transport.feed_eof()

    @property
    def request(self):
        return bytes(self.transport.sent)

    @property
    def lines(self):
        return self.request.partition(b"\r\n\r\n")[0].split(b"\r\n")

    @property
    def lost(self):
        self.transport.loop.run()
        return self.transport.lost


class Setting:
    """A pool, a handler, and every connection that was opened, in `remotes`.

    Args:
        count: of endpoints.
        window: octets that each endpoint takes before the test has it take more.
        rules: of the pool.
        most: exchanges that each endpoint may work on at a time.
        options: of the handler.
    """

    def __init__(self, count=2, window=None, rules=None, most=0, **options):
        self.loop = asyncio.get_running_loop()
        self.wheel = DeadlineWheel(self.loop)
        self.endpoints = [
            Endpoint(f"10.0.0.{at}:80{at}", f"10.0.0.{at}", 800 + at, 1, IdleLimit(60.0), 8, most=most)
            for at in range(1, count + 1)]
        timeouts = PoolTimeouts(connect=5, response_head=60, response_body=60, tunnel=60)
        rules = rules or PoolRules(retry=Retry(2, RETRY_ON, 0.2))
        self.pool = Pool("web", self.endpoints, InOrder(), timeouts, rules, self.loop, self.wheel)
        self.handler = ReverseProxy(self.pool, **options)
        self.window = window
        self.refusals = {}  # endpoint -> UpstreamError
        self.remotes = []
        self.held = None    # an Event that connects wait for

    async def connect(self, pool, endpoint):
        if self.held is not None:
            await self.held.wait()
        if endpoint in self.refusals:
            raise self.refusals[endpoint]
        self.remotes.append(Remote(pool, endpoint, self.window))
        return self.remotes[-1].connection

    def ask(self, target=b"/", fields=(), *, timings=None, collected=None, request_id=b"request-1",
            **options):
        """Have the handler take a request, and do no more."""
        exchange = FakeExchange(target, fields, loop=self.loop, started=monotonic(), **options)
        exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
        exchange.timings, exchange.collected, exchange.request_id = timings, collected, request_id
        self.handler.handle(exchange)
        return exchange

    async def handle(self, target=b"/", fields=(), **options):
        """Have the handler take a request, and connect."""
        exchange = self.ask(target, fields, **options)
        await settle()
        return exchange

    async def keep_one(self):
        """Have the first endpoint keep a connection."""
        exchange = await self.handle()
        self.remotes[-1].serve(HELLO)
        assert exchange.finished
        assert len(self.endpoints[0].idle) == 1
        return self.remotes[-1]

    @property
    def remote(self):
        return self.remotes[-1]

    @property
    def in_flight(self):
        return [endpoint.in_flight for endpoint in self.endpoints]

    @property
    def asked(self):
        """The endpoint of each connection, in their order, by its number."""
        return [self.endpoints.index(remote.endpoint) + 1 for remote in self.remotes]

    def close(self):
        for remote in self.remotes:
            remote.near.close()
            remote.far.close()
        assert not any(self.in_flight), self.in_flight
        assert not self.pool.full
        assert not self.pool.queue


async def settle():
    while tasks._running:
        await asyncio.wait(list(tasks._running))
        await asyncio.sleep(0)  # and what waits for their end


async def streaming(setting, fields=((b"Content-Length", b"4"),), length=4, **options):
    s = setting(collect=False, **options)
    exchange = await s.handle(method=b"PUT", fields=list(fields), body_length=length)
    return s, exchange
