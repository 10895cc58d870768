"""Any order of events: no place, connection or exchange is ever lost, shared or counted twice."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.upstream import h1
from proxy.upstream.ejection import Ejection
from proxy.upstream.endpoint import Order
from proxy.upstream.pace import Pace
from proxy.upstream.queue import Queue
from proxy.upstream.retry import Retry
from proxy.upstream.rules import PoolRules
from proxy.upstream.sticky import Sticky
from tests.handlers.stage import NO_ROOM, REFUSED, RETRY_ON, SWITCH, TOO_SLOW
from tests.handlers.world import World

ANSWER = b"HTTP/1.1 %d Said\r\nX-Own: %b\r\n%b\r\n"
BROKEN = [b"", b"HTTP/1.1 2", b"nonsense", SWITCH % b"nothing that was asked for"]
FRAMES = {
    "sized": (b"Content-Length: 4\r\n", (b"bo", b"dy")),
    "chunked": (b"Transfer-Encoding: chunked\r\n", (b"2\r\nbo\r\n", b"2\r\ndy\r\n0\r\n\r\n")),
    "last": (b"Content-Length: 4\r\nConnection: close\r\n", (b"bo", b"dy")),
    "told": (b"Content-Length: 4\r\nKeep-Alive: timeout=9\r\n", (b"bo", b"dy"))}
ADDRESSES = ["10.0.1.1:80", "10.0.1.2:80", "10.0.1.3:80", "10.0.0.1:80"]


class Forwardings(RuleBasedStateMachine):
    world = None

    @initialize(
        endpoints=st.lists(
            st.tuples(st.sampled_from((1, 2, 0)), st.sampled_from((0, 0, 1))), min_size=1, max_size=3),
        retry=st.tuples(
            st.sampled_from((2, 1, 0)), st.sampled_from((0.5, 0.0)), st.sampled_from((None, 2.0))),
        queue=st.sampled_from((3, 1, None)), flags=st.tuples(*[st.booleans()] * 4))
    def begin(self, endpoints, retry, queue, flags):
        attempts, share, timeout = retry
        ejection, sticky, warm, rivals = flags
        limits, priorities = zip(*endpoints, strict=True)
        pace = Pace()
        pace.seconds = 1.0
        self.world = World(limits, priorities, PoolRules(
            ejection=Ejection(2, 10.0, 5.0, 0.5) if ejection else None,
            retry=Retry(attempts, RETRY_ON, share, timeout),
            queue=None if queue is None else Queue(queue, 5.0),
            sticky=Sticky("lb", "secret", "web") if sticky else None,
            hedge=pace if rivals else None, slow_start=4.0 if warm else 0.0, timed=warm))

    def one_of(self, data, some):
        return data.draw(st.sampled_from(some))

    # Clients.

    @rule(method=st.sampled_from((b"GET", b"GET", b"POST", b"PUT")), key=st.booleans(), stream=st.booleans(),
          stuck=st.integers(0, 5), reached=st.sampled_from((True, True, True, False)))
    def ask(self, method, key, stream, stuck, reached):
        world = self.world
        fields = [(b"Idempotency-Key", b"k")] if key else []
        if world.pool.sticky is not None and stuck < len(world.known):
            fields.append((b"Cookie", b"lb=" + world.pool.sticky.value(world.known[stuck])))
        world.ask(method, fields, body=None if method == b"GET" else b"body", stream=stream)
        world.settle()
        if reached:
            self.reach()

    @rule(count=st.integers(2, 4))
    def ask_often(self, count):
        for _ in range(count):
            self.world.ask(b"GET")
        self.reach()

    @precondition(lambda self: self.world.connecting)
    @rule()
    def reach(self):
        for connecting in list(self.world.connecting):
            if connecting in self.world.connecting:
                self.world.open(connecting)

    @precondition(lambda self: self.world.live())
    @rule(data=st.data())
    def leave(self, data):
        exchange = self.one_of(data, self.world.live())
        exchange.leave()
        exchange.responder = None
        self.world.settle()

    @precondition(lambda self: any(exchange.reader for exchange in self.world.live()))
    @rule(data=st.data())
    def upload(self, data):
        exchange = self.one_of(data, [exchange for exchange in self.world.live() if exchange.reader])
        exchange.reader.body_data(b"body")
        exchange.reader.body_end(b"")
        exchange.reader = None

    # Endpoints.

    @precondition(lambda self: self.world.connecting)
    @rule(data=st.data())
    def open(self, data):
        self.world.open(self.one_of(data, self.world.connecting))

    @precondition(lambda self: self.world.connecting)
    @rule(data=st.data(), error=st.sampled_from((REFUSED, TOO_SLOW, NO_ROOM)))
    def refuse(self, data, error):
        self.one_of(data, self.world.connecting).end(error)
        self.world.settle()

    @precondition(lambda self: self.world.busy())
    @rule(data=st.data(), status=st.sampled_from((200, 200, 503, 500)), reached=st.booleans())
    def answer(self, data, status, reached):
        self.begin_answer(self.one_of(data, self.world.busy()), status, "sized", 2)
        if reached:
            self.reach()

    @precondition(lambda self: self.world.busy())
    @rule(data=st.data(), status=st.sampled_from((200, 404, 503)), frame=st.sampled_from(list(FRAMES)),
          pieces=st.integers(0, 2))
    def answer_in_pieces(self, data, status, frame, pieces):
        self.begin_answer(self.one_of(data, self.world.busy()), status, frame, pieces)

    def begin_answer(self, transport, status, frame, pieces):
        field, body = FRAMES[frame]
        head = ANSWER % (status, self.world.request_of(transport), field)
        if transport.protocol._phase == h1.HEAD:
            if pieces == 2:
                self.world.serve(transport, head + b"".join(body))
            else:
                self.world.serve(transport, head, *body[:pieces])

    @precondition(lambda self: self.world.busy())
    @rule(data=st.data())
    def finish(self, data):
        transport = self.one_of(data, self.world.busy())
        if transport.protocol._phase == h1.SIZED:
            self.world.serve(transport, b"body"[-transport.protocol._left:])

    @precondition(lambda self: self.world.busy())
    @rule(data=st.data(), what=st.sampled_from(BROKEN), end=st.booleans())
    def break_off(self, data, what, end):
        transport = self.one_of(data, self.world.busy())
        if what:
            self.world.serve(transport, what)
        if end and not transport.closing:
            transport.feed_eof()
        self.world.settle()

    @precondition(lambda self: self.world.resting())
    @rule(data=st.data(), what=st.sampled_from((b"", b"HTTP/1.1 408 Late\r\n\r\n")))
    def close_idle(self, data, what):
        transport = self.one_of(data, self.world.resting())
        if what:
            transport.feed(what)
        elif not transport.closing:
            transport.feed_eof()
        self.world.settle()

    # Standing.

    @rule(at=st.integers(0, 5), change=st.one_of(
        st.tuples(st.just("probe"), st.sampled_from((True, True, False))),
        st.tuples(st.just("order"), st.sampled_from((Order.READY, Order.READY, Order.DRAIN, Order.DISABLED))),
        st.tuples(st.just("share"), st.integers(1, 3)),
        st.tuples(st.just("addresses"), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3))))
    def stand(self, at, change):
        pool, (what, how) = self.world.pool, change
        endpoint = pool.endpoints[at % len(pool.endpoints)]
        if what == "probe":
            pool.probe_told(endpoint.origin, up=how, why="down")
        elif what == "order":
            pool.order(endpoint.name, how)
        elif what == "share":
            pool.set_share(endpoint.name, how)
        else:
            pool.addresses_told("10.0.0.1:80", how)
        self.world.settle()

    @rule(seconds=st.sampled_from((0.25, 0.25, 1.0, 3.0, 10.0, 30.0)))
    def wait(self, seconds):
        self.world.wait(seconds)

    @invariant()
    def nothing_is_lost(self):
        if self.world is not None:
            self.world.check()

    def teardown(self):
        if self.world is not None:
            self.world.close()


TestForwardings = Forwardings.TestCase
TestForwardings.settings = settings(stateful_step_count=60)
