import asyncio
import re
import socket

import pytest

from proxy import tasks
from proxy.clock import DeadlineWheel
from proxy.errors import RequestError, UpstreamError
from proxy.handlers import forwarding, request_head
from proxy.handlers.request_head import seed_request_ids
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.http.body import Body
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
    """A pool, a handler, and every connection that was opened, in `remotes`."""

    def __init__(self, count=2, window=None, rules=None, **options):
        self.loop = asyncio.get_running_loop()
        self.wheel = DeadlineWheel(self.loop)
        self.endpoints = [Endpoint(f"10.0.0.{at}:80{at}", f"10.0.0.{at}", 800 + at, 1, IdleLimit(60.0), 8)
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

    async def handle(self, target=b"/", fields=(), **options):
        exchange = FakeExchange(target, fields, loop=self.loop, **options)
        exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
        self.handler.handle(exchange)
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


async def settle():
    while tasks._running:
        await asyncio.wait(list(tasks._running))
        await asyncio.sleep(0)  # and what waits for their end


@pytest.fixture
async def setting(monkeypatch):
    """Makes the setting of a test; in the end no endpoint works on anything any more."""
    made = []

    def make(**options):
        made.append(Setting(**options))
        monkeypatch.setattr(forwarding, "connect", made[-1].connect)
        return made[-1]

    yield make
    for one in made:
        for remote in one.remotes:
            remote.near.close()
            remote.far.close()
        assert not any(one.in_flight), one.in_flight


# The usual way.

async def test_a_request_goes_out_and_its_answer_comes_back(setting):
    s = setting()
    exchange = await s.handle(b"/a?b=c", [(b"Accept", b"*/*"), (b"Connection", b"keep-alive")])
    assert s.in_flight == [1, 0]
    assert s.remote.lines == [
        b"GET /a?b=c HTTP/1.1", b"Host: a.example", b"Accept: */*", b"X-Forwarded-For: 192.0.2.7",
        b"X-Forwarded-Proto: http", b"X-Forwarded-Host: a.example", b"X-Forwarded-Port: 80",
        b"X-Real-IP: 192.0.2.7", b"Via: 1.1 proxy", b"X-Request-ID: request-1"]
    s.remote.serve(HELLO)
    assert (exchange.status, exchange.body, exchange.finished) == (200, b"hello", True)
    assert (exchange.pool, exchange.endpoint, exchange.attempts) == ("web", "10.0.0.1:801", 1)
    assert s.in_flight == [0, 0]


async def test_a_kept_connection_is_used_at_once(setting):
    s = setting()
    kept = await s.keep_one()
    exchange = FakeExchange(loop=s.loop)
    exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
    s.handler.handle(exchange)
    kept.serve(HELLO)  # no task, no turn of the loop
    assert exchange.finished
    assert len(s.remotes) == 1


async def test_an_answer_in_pieces(setting):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nhe\r\n", b"3\r\nllo\r\n",
                   b"0\r\nA: b\r\n\r\n")
    assert (exchange.body, exchange.trailers, exchange.finished) == (b"hello", b"A: b\r\n", True)
    assert not exchange.streamed


@pytest.mark.parametrize("keep_up, field, streamed", [
    (True, b"A: b", False), (False, b"A: b", True), (True, b"X-Accel-Buffering: no", True),
    (True, b"Content-Type: text/event-stream", True)])
async def test_what_is_streamed(setting, keep_up, field, streamed):
    s = setting(keep_up=keep_up)
    exchange = await s.handle()
    s.remote.serve(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % field)
    assert exchange.streamed == streamed
    s.remote.end()


async def test_connect_is_no_request_for_a_gateway(setting):
    s = setting()
    exchange = await s.handle(b"a.example:443", method=b"CONNECT")
    assert exchange.refused == 501
    assert s.remotes == []


@pytest.mark.parametrize("pieces", [
    [b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1:801/x\r\nContent-Length: 0\r\n\r\n"],
    [b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1:801/x\r\nContent-Length: 2\r\n\r\n", b"ab"]])
async def test_an_endpoints_address_is_replaced(setting, pieces):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(*pieces)
    assert exchange.field(b"location") == b"http://a.example/x"
    assert exchange.finished


async def test_an_endpoints_address_in_trailers_and_early_hints(setting):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(b"HTTP/1.1 103 Early Hints\r\nLink: <http://10.0.0.1:801/a>\r\n\r\n",
                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 10.0.0.1:801\r\n\r\n")
    assert b"<http://a.example/a>" in exchange.interims[0]
    assert exchange.trailers == b""


async def test_times_for_the_log(setting):
    s = setting()
    exchange = FakeExchange(loop=s.loop)
    exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
    exchange.timings = []
    s.refusals[s.endpoints[0]] = REFUSED
    s.handler.handle(exchange)
    await settle()
    s.remote.serve(HELLO)
    sent, head = exchange.timings
    assert sent <= head


async def test_times_of_a_body_in_pieces_and_of_a_second_attempt(setting):
    s = setting()
    await s.keep_one()
    exchange = FakeExchange(loop=s.loop)
    exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
    exchange.timings = []
    s.handler.handle(exchange)
    s.remote.end()
    await settle()
    assert len(exchange.timings) == 1  # of the attempt that counts
    s.remote.serve(HELLO[:-1], HELLO[-1:])
    assert len(exchange.timings) == 2


# What the endpoint is sent.

async def test_a_request_id_is_made_where_there_is_none(setting):
    s = setting()
    ids = []
    for _ in range(2):
        exchange = FakeExchange(loop=s.loop)
        exchange.request_id = b""
        exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
        s.handler.handle(exchange)
        await settle()
        s.remote.serve(HELLO)
        ids.append(exchange.request_id)
        assert s.remote.request.count(b"X-Request-ID: %b\r\n" % ids[-1]) == 1
    assert len(set(ids)) == 2
    assert all(re.fullmatch(rb"[0-9a-f]{24}", one) for one in ids)


def test_processes_have_request_ids_of_their_own():
    before = request_head._id_prefix
    seed_request_ids()
    assert request_head._id_prefix != before


@pytest.mark.parametrize("target, there", [
    (b"/api/x?y", b"/x?y"), (b"/api/", b"/"), (b"/api?y", b"/?y"), (b"/api", b"/")])
async def test_the_prefix_is_taken_off(setting, target, there):
    s = setting(strip_prefix=b"/api")
    await s.handle(target)
    assert s.remote.lines[0] == b"GET %b HTTP/1.1" % there
    assert b"X-Forwarded-Prefix: /api" in s.remote.lines
    s.remote.serve(HELLO)


async def test_a_prefix_that_is_spelled_in_another_way(setting):
    """Refused before an endpoint counts as working on it: the exchange hung, for its task had died."""
    s = setting(strip_prefix=b"/api")
    with pytest.raises(RequestError) as caught:
        await s.handle(b"/%61pi/x")
    assert (caught.value.status, caught.value.close) == (400, False)
    assert s.in_flight == [0, 0]
    assert s.remotes == []


@pytest.mark.parametrize("method, sent, passed", [
    (b"OPTIONS", b"7", b"6"), (b"TRACE", b"1", b"0"), (b"OPTIONS", b"0", b"0"), (b"GET", b"7", b"7")])
async def test_max_forwards_counts_down(setting, method, sent, passed):
    """RFC 9110 section 7.6.2."""
    s = setting()
    await s.handle(b"/", [(b"Max-Forwards", sent)], method=method)
    assert b"Max-Forwards: " + passed in s.remote.lines
    s.remote.serve(HELLO)


async def test_a_body_of_no_octets_is_said_to_be_so(setting):
    s = setting()
    await s.handle(b"/", [(b"Content-Length", b"0")], method=b"POST")
    assert s.remote.request.endswith(b"Content-Length: 0\r\n\r\n")
    s.remote.serve(HELLO)


# Bodies.

async def test_a_body_is_collected_before_an_endpoint_is_picked(setting):
    s = setting()
    exchange = await s.handle(method=b"POST", fields=[(b"Content-Length", b"4")], body_length=4)
    assert s.in_flight == [0, 0]
    exchange.ready.body_ready(Body(b"body"))
    await settle()
    assert s.remote.request.endswith(b"Content-Length: 4\r\n\r\nbody")
    s.remote.serve(HELLO)
    assert exchange.finished


async def test_a_body_that_is_there_already(setting):
    s = setting()
    fields = [(b"Transfer-Encoding", b"chunked"), (b"Expect", b"100-continue")]
    exchange = FakeExchange(method=b"POST", fields=fields, body_length=None, loop=s.loop)
    exchange.peer = Peer("192.0.2.7", 80, "http", b"front", lambda address: False)
    exchange.collected = Body(b"body", None, b"A: b\r\n")
    s.handler.handle(exchange)
    await settle()
    assert b"Transfer-Encoding: chunked" in s.remote.lines
    assert not any(line.startswith(b"Expect") for line in s.remote.lines)
    assert s.remote.request.endswith(b"4\r\nbody\r\n0\r\nA: b\r\n\r\n")
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)
    assert (exchange.finished, exchange.reader, exchange.interims) == (True, None, [])


async def streaming(setting, fields=((b"Content-Length", b"4"),), length=4, **options):
    s = setting(collect=False, **options)
    exchange = await s.handle(method=b"PUT", fields=list(fields), body_length=length)
    return s, exchange


async def test_a_sized_body_is_streamed(setting):
    s, exchange = await streaming(setting)
    exchange.reader.body_data(b"bo")
    exchange.reader.body_data(b"dy")
    exchange.reader.body_end(b"")
    assert s.remote.request.endswith(b"Content-Length: 4\r\n\r\nbody")
    s.remote.serve(HELLO)
    assert exchange.finished
    assert len(s.endpoints[0].idle) == 1


async def test_a_chunked_body_is_streamed(setting):
    s, exchange = await streaming(setting, [(b"Transfer-Encoding", b"chunked")], None)
    exchange.reader.body_data(b"body")
    exchange.reader.body_end(b"A: b\r\n")
    assert s.remote.request.endswith(b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n")
    s.remote.serve(HELLO)


async def test_an_expectation_is_the_endpoints_to_meet(setting):
    s, exchange = await streaming(setting, [(b"Content-Length", b"4"), (b"Expect", b"100-continue")])
    assert b"Expect: 100-continue" in s.remote.lines
    assert exchange.reader is None
    assert exchange.awaiting is not None  # a client that loses patience is heard, too
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\n")
    reader, exchange.reader = exchange.reader, None
    assert reader is not None
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\n")  # again: the body must not be read twice
    assert exchange.reader is None
    reader.body_data(b"body")
    reader.body_end(b"")
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)
    assert exchange.reader is None
    assert exchange.finished


async def test_an_expectation_that_the_endpoint_refuses(setting):
    s, exchange = await streaming(setting, [(b"Content-Length", b"4"), (b"Expect", b"100-continue")])
    s.remote.serve(HELLO.replace(b"200 OK", b"403 Forbidden"))
    assert (exchange.status, exchange.reader) == (403, None)
    assert s.endpoints[0].idle == []  # it may still wait for the body


async def test_other_interims_go_to_the_client(setting):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    assert exchange.interims == [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"]
    s.remote.serve(HELLO)


async def test_a_slow_endpoint_slows_the_client(setting):
    s, exchange = await streaming(setting, window=0)
    exchange.reader.body_data(b"x" * 70_000)
    assert exchange.body_paused
    s.remote.transport.take_all()
    assert not exchange.body_paused
    s.remote.serve(HELLO)


async def test_a_collected_body_pauses_nobody(setting):
    s = setting(window=0)
    exchange = await s.handle(method=b"PUT", body_length=70_000)
    exchange.ready.body_ready(Body(b"x" * 70_000))
    await settle()
    assert not exchange.body_paused
    s.remote.transport.take_all()
    s.remote.serve(HELLO)
    assert exchange.finished


async def test_octets_of_a_body_after_the_answer(setting):
    s, exchange = await streaming(setting)
    s.remote.serve(HELLO)
    sent = s.remote.request
    exchange.reader.body_data(b"bo")
    exchange.reader.body_end(b"")
    assert s.remote.request == sent
    assert s.remote.lost


# Failures: who may be asked again.

@pytest.mark.parametrize("method", SAFE + UNSAFE)
@pytest.mark.parametrize("refusal", [REFUSED, TOO_SLOW])
async def test_an_endpoint_that_cannot_be_reached(setting, method, refusal):
    """Nothing was sent: any method may go elsewhere."""
    s = setting()
    s.refusals[s.endpoints[0]] = refusal
    exchange = await s.handle(method=method)
    assert (s.remote.endpoint, exchange.attempts) == (s.endpoints[1], 2)
    assert s.endpoints[0].refusals == 1
    s.remote.serve(HELLO if method != b"HEAD" else HELLO[:-5])
    assert exchange.status == 200


@pytest.mark.parametrize("refusal", [REFUSED, TOO_SLOW])
async def test_no_endpoint_can_be_reached(setting, refusal):
    s = setting(count=6)
    for endpoint in s.endpoints:
        s.refusals[endpoint] = refusal
    exchange = await s.handle(method=b"POST")
    assert (exchange.refused, exchange.attempts) == (refusal.status, 6)
    assert s.in_flight == [0] * 6
    s.refusals.clear()
    again = await s.handle()
    s.remote.serve(HELLO)
    assert again.finished


async def test_our_own_lack_is_nobodys_fault(setting):
    s = setting()
    s.refusals[s.endpoints[0]] = NO_ROOM
    exchange = await s.handle()
    assert (exchange.refused, exchange.attempts, s.endpoints[0].refusals) == (503, 1, 0)


@pytest.mark.parametrize("method", SAFE + UNSAFE)
async def test_a_kept_connection_that_turns_out_to_be_closed(setting, method):
    """Its endpoint is asked again, over a new one; what must not be sent twice never went over it."""
    s = setting()
    kept = await s.keep_one()
    before = kept.request
    exchange = await s.handle(method=method)
    assert (kept.request == before) == (method in UNSAFE)
    kept.end()
    await settle()
    assert [remote.endpoint for remote in s.remotes][:2] == [s.endpoints[0], s.remotes[-1].endpoint]
    assert len(s.remotes) == 2
    s.remote.serve(HELLO if method != b"HEAD" else HELLO[:-5])
    assert exchange.status == 200


async def test_the_second_attempt_takes_no_kept_connection(setting):
    s = setting()
    exchanges = [await s.handle() for _ in range(2)]
    first, second = s.remotes
    first.serve(HELLO)
    second.serve(HELLO)
    exchange = await s.handle()
    second.end()
    await settle()
    assert len(s.remotes) == 3
    s.remote.serve(HELLO)
    assert all(one.finished for one in (*exchanges, exchange))


@pytest.mark.parametrize("method", SAFE + UNSAFE)
async def test_a_new_connection_that_ends_without_an_answer(setting, method):
    s = setting()
    exchange = await s.handle(method=method)
    s.remote.end()
    await settle()
    if method in SAFE:
        assert [remote.endpoint for remote in s.remotes] == s.endpoints
        s.remote.serve(HELLO if method != b"HEAD" else HELLO[:-5])
        assert exchange.status == 200
    else:
        assert (exchange.refused, len(s.remotes)) == (502, 1)


async def test_all_of_them_end_without_an_answer(setting):
    s = setting(count=5)
    exchange = await s.handle()
    while not exchange.finished:
        s.remote.end()
        await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 3)


async def test_both_of_two_end_without_an_answer(setting):
    s = setting(count=2)
    exchange = await s.handle()
    for _ in range(2):
        s.remote.end()
        await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 2)


@pytest.mark.parametrize(("method", "reused"), [(b"GET", True), (b"GET", False), (b"POST", False)])
@pytest.mark.parametrize("start", [
    b"H", b"HTTP/1.1 200 OK\r\nA", b"nonsense", b"HTTP/1.1 200 OK\r\nA\r\n\r\n"])
async def test_an_answer_that_began_is_never_asked_for_again(setting, method, reused, start):
    s = setting()
    if reused:
        await s.keep_one()
    exchange = await s.handle(method=method)
    s.remote.serve(start)
    s.remote.end()
    await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 1)


@pytest.mark.parametrize(("method", "reused"), [(b"GET", True), (b"GET", False), (b"POST", False)])
async def test_no_answer_in_time(setting, method, reused):
    s = setting()
    if reused:
        await s.keep_one()
    exchange = await s.handle(method=method)
    s.remote.connection.expired()
    await settle()
    assert (exchange.refused, len(s.remotes)) == (504, 1)


@pytest.mark.parametrize("end", [
    lambda remote: remote.end(), lambda remote: remote.connection.expired(),
    lambda remote: remote.transport.fail(ConnectionResetError())])
async def test_an_answer_that_is_cut_short(setting, end):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(HELLO[:-1])
    end(s.remote)
    await settle()
    assert exchange.aborted
    assert len(s.remotes) == 1


async def test_a_collected_body_can_be_sent_again(setting):
    s = setting()
    exchange = await s.handle(method=b"PUT", body_length=4)
    exchange.ready.body_ready(Body(b"body"))
    await settle()
    s.remote.end()
    await settle()
    assert [remote.request[-4:] for remote in s.remotes] == [b"body"] * 2
    s.remote.serve(HELLO)


async def test_a_streamed_body_cannot(setting):
    s, exchange = await streaming(setting)
    exchange.reader.body_data(b"bo")
    s.remote.end()
    await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 1)
    exchange.reader.body_data(b"dy")
    exchange.reader.body_end(b"")


# The client.

async def test_a_slow_client_slows_the_endpoint(setting):
    s = setting()
    exchange = await s.handle()
    exchange.window = 3
    s.remote.serve(HELLO[:-1])
    assert not s.remote.transport.reading
    exchange.drain()
    assert s.remote.transport.reading
    s.remote.serve(HELLO[-1:])
    assert exchange.finished


async def test_pause_and_resume_with_nobody_to_tell(setting):
    s = setting()
    exchange = await s.handle(method=b"POST", body_length=4)
    exchange.responder.pause()
    exchange.responder.resume()
    assert s.remotes == []


async def test_a_client_that_leaves_while_its_body_comes(setting):
    s = setting()
    exchange = await s.handle(method=b"POST", body_length=4)
    exchange.leave()
    await settle()
    assert s.remotes == []


async def test_a_client_that_leaves_while_we_connect(setting):
    s = setting()
    s.held = asyncio.Event()
    exchange = FakeExchange(loop=s.loop)
    s.handler.handle(exchange)
    await asyncio.sleep(0)
    assert s.in_flight == [1, 0]
    exchange.leave()
    assert s.in_flight == [0, 0]
    await settle()
    assert s.remotes == []
    assert s.endpoints[0].refusals == 0


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 ", HELLO[:-1]])
async def test_a_client_that_leaves_while_the_endpoint_works(setting, before):
    s = setting()
    exchange = await s.handle()
    if before:
        s.remote.serve(before)
    exchange.leave()
    assert s.in_flight == [0, 0]
    assert s.remote.lost
    assert s.endpoints[0].idle == []
    assert exchange.late == []


async def test_a_client_that_leaves_during_an_upload(setting):
    s, exchange = await streaming(setting)
    exchange.reader.body_data(b"bo")
    exchange.leave()
    assert s.remote.lost
    assert s.remote.request.endswith(b"\r\n\r\nbo")


# Upgrades.

async def upgrading(setting, offer=b"websocket", answer=SWITCH % b"websocket"):
    s = setting()
    exchange = await s.handle(fields=[], upgrade_offer=offer)
    exchange.transport = FakeTransport()
    exchange.surplus = b"early"
    s.remote.serve(answer)
    return s, exchange


async def test_a_tunnel(setting):
    s, exchange = await upgrading(setting, b"h3, WebSocket", SWITCH % b"WebSocket" + b"first")
    assert s.remote.lines[-2:] == [b"Connection: Upgrade", b"Upgrade: h3, WebSocket"]
    assert exchange.upgraded == (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert exchange.transport.got == b"first"
    assert s.remote.request.endswith(b"\r\n\r\nearly")
    assert s.in_flight == [1, 0]
    s.remote.serve(b"second")
    exchange.transport.feed_eof()
    s.remote.end()
    exchange.transport.loop.run()
    assert exchange.transport.got == b"firstsecond"
    assert exchange.tunnelled == 11
    assert s.in_flight == [0, 0]


async def test_a_tunnel_with_nothing_early(setting):
    s = setting()
    exchange = await s.handle(upgrade_offer=b"websocket")
    exchange.transport = FakeTransport()
    s.remote.serve(SWITCH.replace(b"\r\n\r\n", b"\r\nLocation: http://10.0.0.1:801/\r\n\r\n") % b"websocket")
    assert b"Location: http://a.example/\r\n" in exchange.upgraded
    exchange.transport.fail()
    assert s.remote.lost
    assert exchange.tunnelled == 0


@pytest.mark.parametrize("offer, answer", [
    (b"", SWITCH % b"websocket"), (b"websocket", SWITCH % b"other"),
    (b"websocket", b"HTTP/1.1 101 Switching Protocols\r\n\r\n")])
async def test_a_101_that_nobody_asked_for(setting, offer, answer):
    s, exchange = await upgrading(setting, offer, answer)
    assert exchange.refused == 502
    assert exchange.upgraded is None
    assert s.remote.lost
