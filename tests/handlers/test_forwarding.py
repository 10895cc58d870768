import asyncio

import pytest

from proxy.http.body import Body
from tests.fakes import FakeTransport
from tests.handlers.stage import HELLO, REFUSED, SWITCH, settle, streaming

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
    exchange = s.ask()
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
    s.refusals[s.endpoints[0]] = REFUSED
    exchange = await s.handle(timings=[])
    s.remote.serve(HELLO)
    sent, head = exchange.timings
    assert sent <= head


async def test_times_of_a_body_in_pieces_and_of_a_second_attempt(setting):
    s = setting()
    await s.keep_one()
    exchange = await s.handle(timings=[])
    s.remote.end()
    await settle()
    assert len(exchange.timings) == 1  # of the attempt that counts
    s.remote.serve(HELLO[:-1], HELLO[-1:])
    assert len(exchange.timings) == 2


# Bodies.

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
    exchange = s.ask()
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
