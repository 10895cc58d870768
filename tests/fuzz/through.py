"""The proxy from a client's octets to an endpoint's and back, without sockets.

The real connections, runtime and handler, between two transports that record: what comes out is
what an endpoint or a client would be sent, byte for byte, so no test here repeats how the proxy
writes it.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from unittest.mock import patch

from proxy.balancing import STRATEGIES
from proxy.clock import DeadlineWheel
from proxy.downstream.h1 import H1Connection
from proxy.downstream.switch import Settings, Switch
from proxy.handlers import forwarding
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.http.peer import Peer
from proxy.routing.table import Route, RouteTable
from proxy.runtime.runtime import Runtime
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.rules import PoolRules, PoolTimeouts
from proxy.wire.headers import HeaderMemo
from tests.fakes import FakeLoop

CLIENT = "192.0.2.7"
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
TIMEOUTS = PoolTimeouts(connect=1, response_head=1, response_body=1, tunnel=1)
SETTINGS = Settings(head_timeout=1, body_timeout=1, keep_alive_timeout=1, send_timeout=1, head_limit=32768,
                    body_memory=1 << 20, body_file=1 << 20, directory=None)


class Recorder:
    """A transport that keeps what was written."""

    def __init__(self):
        self.written = bytearray()
        self.closed = False
        self.cut = False  # with a reset, which nobody takes for an end

    def write(self, data):
        self.written += data

    def take(self):
        taken = bytes(self.written)
        self.written.clear()
        return taken

    def close(self):
        self.closed = True

    write_eof = close

    def abort(self):
        self.closed = self.cut = True

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return True

    def set_write_buffer_limits(self, high):
        pass

    def get_write_buffer_size(self):
        return 0

    def get_extra_info(self, name):
        return None

    def pause_reading(self):
        pass

    resume_reading = pause_reading


class Done:
    """A task that has ended."""

    def add_done_callback(self, call):
        call(self)

    def cancelled(self):
        return False

    def exception(self):
        return None

    def cancel(self):
        pass


class Loop(FakeLoop):
    """Runs a task at once; the only ones here open connections, which waits for nothing."""

    def create_task(self, work):
        with contextlib.suppress(StopIteration):
            work.send(None)
            raise AssertionError("it waits")
        return Done()


class Noting(Runtime):
    """Keeps every exchange."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.noted = []

    def handle(self, exchange):
        self.noted.append(exchange)
        super().handle(exchange)


class Way:
    """One client connection, through the proxy, to an endpoint that answers everything the same.

    Args:
        trusted: the client is a proxy that is believed.
        collect: the handler's; False streams bodies.
        answer: what the endpoint says, in pieces; 204 without.
        ends: the endpoint closes behind it.

    Attributes:
        accepted: the exchange of each head that was taken.
        forwarded: for each request that the endpoint got whole, its place in `accepted` and its octets.
        answered: what the client got.
    """

    def __init__(self, *, trusted=False, collect=True, answer=(DONE,), ends=False):
        self._said = answer
        self._ends = ends
        self._upstream = None
        loop = Loop()
        wheel = DeadlineWheel(loop)
        # No connection is kept, so each request has its own.
        endpoint = Endpoint("127.0.0.1:8001", "127.0.0.1", 8001, 1, IdleLimit(1.0), 0)
        pool = Pool("web", [endpoint], STRATEGIES["round_robin"](), TIMEOUTS, PoolRules(), loop, wheel)
        route = Route("all", None, ReverseProxy(pool, collect=collect), body_limit=1 << 20)
        runtime = Noting(SETTINGS, RouteTable([route]), {"web": pool}, HeaderMemo(100), None)
        self.accepted = runtime.noted
        listener = SimpleNamespace(
            switch=Switch(runtime, wheel), loop=loop, draining=False, opened=id, closed=id)
        peer = Peer(CLIENT, 8080, "http", b"127.0.0.1:8080", lambda address: trusted)
        self.client = Recorder()
        self.connection = H1Connection(listener, peer)
        self.connection.connection_made(self.client)
        self.forwarded: list[tuple[int, bytes]] = []

    def feed(self, *pieces):
        """The client sends these; returns the way itself."""
        with patch.object(forwarding, "connect", self._connect):
            for piece in pieces:
                if not self.client.closed:
                    self.connection.data_received(piece)
                self._answer()
        return self

    async def _connect(self, pool, endpoint):
        own = SimpleNamespace(fileno=lambda: 0)  # looked at when a kept connection is taken: never
        self._upstream = UpstreamConnection(endpoint, pool.memo, TIMEOUTS, pool.wheel, own)
        self._upstream.connection_made(Recorder())
        return self._upstream

    def _answer(self):
        """Answer each request that arrived whole; the answer lets the next one in."""
        while self._is_whole() and self._upstream.transport.written:
            upstream = self._upstream
            self.forwarded.append((len(self.accepted) - 1, upstream.transport.take()))
            for piece in self._said:
                if not upstream.transport.closed:
                    upstream.data_received(piece)
            if self._ends and not upstream.transport.closed:
                upstream.transport.closed = True
                upstream.eof_received()
                upstream.connection_lost(None)

    def _is_whole(self):
        exchange = self.connection.exchange
        return exchange is not None and exchange.body_done and self._upstream is not None

    @property
    def answered(self):
        return bytes(self.client.written)
