"""Forwardings, a pool and endpoints without a loop: the test says what happens next, and when.

Everything of ours is real; the clock, the loop, what connects and the wire are not. `check` holds what
must be true between any two events.
"""

import socket
from unittest import mock

from proxy.clock import DeadlineWheel
from proxy.handlers import forwarding, hedge
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.http.body import Body
from proxy.http.peer import Peer
from proxy.upstream import h1
from proxy.upstream.endpoint import Endpoint, Order
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.retry import ALWAYS
from proxy.upstream.rules import PoolTimeouts
from tests.fakes import FakeClock, FakeExchange, FakeLoop, FakeTransport

TIMEOUTS = PoolTimeouts(connect=5, response_head=20, response_body=20, tunnel=60)
PEER = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)


class Timer:
    def __init__(self, when, call):
        self.when, self.call, self.over = when, call, False

    def cancel(self):
        self.over = True


class Loop(FakeLoop):
    def __init__(self, clock):
        super().__init__()
        self.time = clock
        self.timers = []

    def call_later(self, delay, call, *args):
        self.timers.append(Timer(self.time() + delay, call))
        return self.timers[-1]

    def run_timers(self):
        for timer in [timer for timer in self.timers if timer.when <= self.time()]:
            self.timers.remove(timer)
            if not timer.over:
                timer.call()


class Wheel(DeadlineWheel):
    """Deadlines that pass together do so in one order: what is found must happen again to be made smaller."""

    def __init__(self, loop):
        super().__init__(loop)
        self._watched = {}
        self.watch = lambda timed: self._watched.setdefault(timed, None)
        self.forget = lambda timed: self._watched.pop(timed, None)


class Connecting:
    """The task of one connect; what it waits for is its endpoint."""

    def __init__(self, work, all_of_them):
        self._work, self._all = work, all_of_them
        self.endpoint = work.send(None)
        self._all.append(self)

    def end(self, result):
        self._all.remove(self)
        try:
            if isinstance(result, Exception):
                self._work.throw(result)
            else:
                self._work.send(result)
        except StopIteration:
            return
        raise AssertionError("it waits for something else")

    def cancel(self):
        if self in self._all:
            self._all.remove(self)
            self._work.close()


class Wait:
    def __init__(self, what):
        self._what = what

    def __await__(self):
        return (yield self._what)


async def connect(pool, endpoint):
    return await Wait(endpoint)


class InOrder:
    """The first that was not tried; heavier ones first, so that weights are looked at."""

    def rebuild(self, endpoints):
        self.endpoints = sorted(endpoints, key=lambda endpoint: -endpoint.weight)

    def pick(self, exchange, tried):
        return next((endpoint for endpoint in self.endpoints if endpoint not in tried), None)


class Quiet(FakeExchange):
    """The real one's ends: nobody is called back after them."""

    def respond(self, head, body=b""):
        super().respond(head, body)
        self.responder = None

    def finish(self, trailers=b""):
        super().finish(trailers)
        self.responder = None

    def abort(self):
        super().abort()
        self.responder = None


class World:
    """See the module.

    Args:
        limits, priorities: of the endpoints, as many as there shall be.
        rules: see `PoolRules`.
    """

    def __init__(self, limits, priorities, rules):
        self.clock = FakeClock()
        self.loop = Loop(self.clock)
        self.wheel = Wheel(self.loop)
        self.connecting, self.remotes, self.lost, self.asked = [], [], [], []
        self._near, self._far = socket.socketpair()  # looked at, and always silent
        self._patches = [
            *(mock.patch.object(room, "spawn", self._spawn) for room in (forwarding, hedge)),
            *(mock.patch.object(room, "connect", connect) for room in (forwarding, hedge)),
            *(mock.patch.object(room, "monotonic", self.clock) for room in (forwarding, hedge, h1))]
        for patch in self._patches:
            patch.start()
        endpoints = [
            Endpoint(f"10.0.0.{at}:80", f"10.0.0.{at}", 80, 1, IdleLimit(8.0), 2, most=most, priority=later)
            for at, (most, later) in enumerate(zip(limits, priorities, strict=True), 1)]
        self.known = list(endpoints)
        self.pool = Pool("web", endpoints, InOrder(), TIMEOUTS, rules, self.loop, self.wheel)
        self.collecting = ReverseProxy(self.pool)
        self.streaming = ReverseProxy(self.pool, collect=False)

    def _spawn(self, loop, work):
        return Connecting(work, self.connecting)

    # What happens.

    def ask(self, method, fields=(), *, body=None, stream=False):
        fields = [*fields, *([(b"Content-Length", b"4")] if body else [])]
        exchange = Quiet(b"/", fields, method=method, loop=self.loop, started=self.clock.now,
                         body_length=4 if body else 0)
        exchange.peer, exchange.timings = PEER, None
        exchange.request_id = b"%06d" % len(self.asked)
        exchange.collected = None if stream or not body else Body(body)
        (self.streaming if stream else self.collecting).handle(exchange)
        self.asked.append(exchange)

    def open(self, connecting):
        connection = UpstreamConnection(
            connecting.endpoint, self.pool.memo, TIMEOUTS, self.wheel, self._near)
        transport = FakeTransport(FakeLoop())
        transport.connect(connection)
        self.remotes.append(transport)
        connecting.end(connection)
        self.settle()

    def serve(self, transport, *pieces):
        for piece in pieces:
            if not transport.closing:
                transport.feed(piece)
        self.settle()

    def wait(self, seconds):
        self.clock.now += seconds
        self.wheel.expire(self.clock.now)
        self.loop.run_timers()
        self.wheel.call_all(self.clock.now)
        assert not any(self.beside_a_place()), "not even at the next tick"
        self.settle()

    def settle(self):
        """What a loop does with connections that are closed."""
        while any(transport.loop.run() for transport in self.remotes):
            pass
        self.lost += [transport for transport in self.remotes if transport.lost]
        self.remotes = [transport for transport in self.remotes if not transport.lost]
        endpoints = (endpoint for endpoint in self.pool.endpoints if endpoint not in self.known)
        self.known.extend(endpoints)

    # What can be chosen.

    def live(self):
        return [exchange for exchange in self.asked if exchange.responder is not None]

    def busy(self):
        return [transport for transport in self.remotes if transport.protocol.is_busy()]

    def resting(self):
        return [transport for transport in self.remotes if not transport.protocol.is_busy()]

    def waiting(self):
        """(forwarding, the endpoint that it waits for or None) of those in the queue."""
        lines = {} if self.pool.queue is None else self.pool.queue._lines
        return [(waiter, home) for (_, home), line in lines.items() for waiter in line]

    def beside_a_place(self):
        """Exchanges in the queue that could be served, as far as the pool knows."""
        pool = self.pool
        for waiter, home in self.waiting():
            if home is not None and home.keeps_clients():
                has_place = home not in pool.full
            else:
                has_place = not pool.panic and pool.has_other(())
            if has_place:
                yield waiter.exchange

    @staticmethod
    def request_of(transport):
        """The id of the last request that was sent over a connection."""
        return bytes(transport.sent).rpartition(b"X-Request-ID: ")[2][:6]

    # What must be true.

    def check(self):
        self._check_places()
        self._check_standing()
        self._check_exchanges()
        self._check_connections()

    def _check_places(self):
        pool = self.pool
        holders = [exchange.responder._endpoint for exchange in self.live()]
        holders += [rival.endpoint for rival in self._rivals()]
        for endpoint in self.known:
            assert endpoint.in_flight == holders.count(endpoint), (endpoint, holders)
            assert not endpoint.most or endpoint.in_flight <= endpoint.most
        assert pool.full == {e for e in pool.endpoints if e.most and e.in_flight >= e.most}
        if pool.queue is not None:
            assert len(pool.queue) <= pool.queue._size
            assert all(exchange.attempts for exchange in self.beside_a_place()), "waiting beside a free place"

    def _rivals(self):
        hedges = [exchange.responder._hedge for exchange in self.live()]
        return [one for one in hedges if one is not None and one.is_running()]

    def _check_standing(self):
        pool = self.pool
        ready = [endpoint for endpoint in pool.endpoints if endpoint.order is Order.READY]
        available = [endpoint for endpoint in ready if endpoint.is_available()]
        assert pool.panic == (not available)
        usable = available or [e for e in ready if not e.probe_failure] or ready
        first = min((endpoint.priority for endpoint in usable), default=0)
        assert set(pool.strategy.endpoints) == {e for e in usable if e.priority == first}
        warming = any(endpoint.warm_from for endpoint in pool.endpoints)
        for endpoint in pool.endpoints:
            assert 1 <= endpoint.weight <= endpoint.share * (10 if warming else 1)
        assert pool.retry.budget._retries <= ALWAYS + pool.retry.budget._share * len(self.asked)

    def _check_exchanges(self):
        waiting = [waiter for waiter, _ in self.waiting()]
        live = self.live()
        assert {id(one) for one in waiting} <= {id(exchange.responder) for exchange in live}
        for exchange in live:
            own = exchange.responder
            states = [own in waiting, own._connecting in self.connecting,
                      own._connection is not None and own._connection._attempt is own]
            rival = own._hedge is not None and own._hedge.is_running()
            assert sum(states) == 1 or (rival and not any(states)), (exchange.request_id, states, rival)
            assert (own._endpoint is not None) == any(states[1:])
        for exchange in self.asked:
            assert exchange.late == []
            if exchange.finished and exchange.field(b"x-own"):
                assert exchange.field(b"x-own") == exchange.request_id, "somebody else's answer"

    def _check_connections(self):
        for transport in self.busy():
            own = transport.protocol._attempt
            assert transport.protocol in (getattr(own, "connection", None), getattr(own, "_connection", None))
        idle = [connection for endpoint in self.known for connection in endpoint.idle]
        assert len(set(map(id, idle))) == len(idle)
        for connection in idle:
            assert not connection.is_busy()
            assert not connection.transport.closing
        for endpoint in self.known:
            assert len(endpoint.idle) <= 2
            assert endpoint.order is not Order.DISABLED or not endpoint.idle

    def _check_sent(self):
        """How often each request went out."""
        sent = b"".join(bytes(transport.sent) for transport in (*self.remotes, *self.lost))
        for exchange in self.asked:
            count = sent.count(b"X-Request-ID: " + exchange.request_id)
            if exchange.method == b"POST" and not exchange.headers.get(b"idempotency-key"):
                assert count <= 1, exchange.request_id
            # Each attempt, one over a connection that was closed already, and a rival.
            assert count <= 1 + self.pool.retry.attempts + 1 + (self.pool.hedge is not None)

    def close(self):
        """All clients leave: nothing is left over."""
        try:
            for exchange in self.live():
                exchange.leave()
                exchange.responder = None
                self.settle()
            self.check()
            self._check_sent()
            assert not self.connecting
            assert not any(endpoint.in_flight for endpoint in self.known)
            assert not self.pool.full
            assert not self.pool.queue
        finally:
            for patch in self._patches:
                patch.stop()
            self._near.close()
            self._far.close()
