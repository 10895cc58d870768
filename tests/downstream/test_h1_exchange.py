import socket

import pytest

from proxy.clock import NEVER
from proxy.downstream import h1
from proxy.downstream.h1_exchange import PATIENCE
from proxy.http.prepared import ResponseHead
from tests.downstream.stage import GET, Producer, Reader, head, hello, outcomes

LEAD = b"HTTP/1.1 200 OK\r\n"
GET_10 = b"GET / HTTP/1.0\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
MUCH = h1.WRITE_HIGH + 100


def begun(stage, request=GET, **options):
    """A stage with one exchange, and the producer behind it."""
    s = stage(**options)
    s.send(request)
    s.producer = s.exchange.responder = Producer()
    return s


# Framing (RFC 9112 section 6).

def test_a_known_length_goes_as_it_is(stage):
    s = begun(stage)
    s.exchange.start(head(length=5), b"he")
    s.exchange.write(b"llo")
    s.exchange.finish()
    assert s.got() == LEAD + b"Content-Length: 5\r\nDate: now\r\n\r\nhello"
    assert s.exchange.sent == 5


def test_an_unknown_length_goes_in_chunks(stage):
    s = begun(stage)
    s.exchange.start(head(), b"hello")
    s.exchange.write(b"")  # must not end the body
    s.exchange.write(b"world!")
    s.exchange.finish(b"A-Trailer: t\r\n")
    assert s.got() == (LEAD + b"Date: now\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"5\r\nhello\r\n6\r\nworld!\r\n0\r\nA-Trailer: t\r\n\r\n")
    assert s.exchange.sent == 11
    s.send(GET)
    assert len(s.exchanges) == 2


def test_an_unknown_length_ends_with_the_connection_for_http_1_0(stage):
    s = begun(stage, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    s.exchange.start(head(), b"hello")
    s.exchange.finish(b"A-Trailer: t\r\n")
    s.loop.run()
    assert s.got() == LEAD + b"Date: now\r\nConnection: close\r\n\r\nhello"
    assert s.transport.lost
    assert not s.transport.aborted


@pytest.mark.parametrize("request_, status, length", [
    (HEAD, 200, 5), (HEAD, 200, None), (GET, 204, None), (GET, 304, None), (GET, 304, 5)])
def test_no_body_where_none_may_be(stage, request_, status, length):
    s = begun(stage, request_)
    s.exchange.start(head(status, length), b"hello")
    s.exchange.write(b"more")
    s.exchange.finish()
    answer = s.got()
    assert answer.endswith(b"Date: now\r\n\r\n")
    assert b"Transfer-Encoding" not in answer
    assert (b"Content-Length: 5" in answer) == (length == 5)
    assert s.exchange.sent == 0
    s.send(GET)
    assert len(s.exchanges) == 2


def test_head_is_answered_without_the_body(stage):
    s = stage(answer=hello)
    s.send(HEAD)
    assert s.got() == LEAD + b"Content-Length: 5\r\nDate: now\r\n\r\n"
    assert s.exchange.sent == 0


def test_a_date_of_the_endpoint_is_kept(stage):
    s = begun(stage)
    s.exchange.start(ResponseHead(200, LEAD + b"Date: then\r\nContent-Length: 1\r\n", 1, dated=True), b"x")
    s.exchange.finish()
    assert s.got() == LEAD + b"Date: then\r\nContent-Length: 1\r\n\r\nx"


def test_the_log_is_told_once(stage):
    s = begun(stage)
    hello(s.exchange)
    s.exchange.lost()
    s.transport.fail()
    assert outcomes(s.log.exchanges) == outcomes([s.exchange])
    assert s.exchange.status == 200
    assert s.exchange.over
    assert s.exchange.loop is s.loop


# Order of the calls: what comes after the end does nothing.

def test_calls_after_the_end_do_nothing(stage):
    s = begun(stage)
    hello(s.exchange)
    before = bytes(s.transport.sent)
    exchange = s.exchange
    hello(exchange)
    exchange.start(head())
    exchange.write(b"x")
    exchange.finish()
    exchange.interim(b"HTTP/1.1 103 Early Hints\r\n")
    exchange.abort()
    exchange.refuse(500)
    assert s.transport.sent == before
    assert not s.transport.closing


def test_nothing_may_be_written_before_the_head(stage):
    s = begun(stage)
    s.exchange.write(b"x")
    s.exchange.finish()
    assert s.got() == b""


@pytest.mark.parametrize("close", [True, False])
def test_refuse(stage, close):
    s = begun(stage)
    s.exchange.refuse(404, close=close)
    s.loop.run()
    answer = s.got()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert (b"Connection: close" in answer) == s.transport.lost == close


def test_interims_come_first(stage):
    s = begun(stage)
    s.exchange.interim(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n")
    hello(s.exchange)
    assert s.got().startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_no_interims_for_http_1_0(stage):
    """RFC 9110 section 15.2."""
    s = begun(stage, GET_10)
    s.exchange.interim(b"HTTP/1.1 103 Early Hints\r\n")
    assert s.got() == b""


# Cuts that the client notices.

def test_abort_of_chunks_leaves_out_the_last_one(stage):
    s = begun(stage)
    s.exchange.start(head(), b"hello")
    s.exchange.abort()
    s.loop.run()
    assert s.got().endswith(b"\r\n\r\n5\r\nhello\r\n")
    assert s.transport.lost
    assert len(s.log.exchanges) == 1


def test_refuse_after_the_start_is_abort(stage):
    s = begun(stage)
    s.exchange.start(head(length=10), b"hello")
    s.exchange.refuse(502)
    s.loop.run()
    assert s.got().endswith(b"\r\n\r\nhello")
    assert s.transport.lost


def test_abort_before_anything_was_said(stage):
    s = begun(stage)
    s.exchange.abort()
    s.loop.run()
    assert s.got() == b""
    assert s.transport.lost


@pytest.mark.parametrize("finished", [False, True])
def test_abort_for_http_1_0_is_a_reset(stage, finished):
    """Where the end of the connection is the end of the body, a plain end would say: all of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    far = socket.create_connection(listener.getsockname())
    near, _ = listener.accept()
    with listener, far:
        s = begun(stage, GET_10, window=0)
        s.transport.get_extra_info = lambda name: near if name == "socket" else None
        s.exchange.start(head(), b"x" * MUCH)
        if finished:
            s.exchange.write(b"what waits for the client")
            s.exchange.finish()
        s.exchange.abort()
        assert s.transport.aborted
        near.close()
        with pytest.raises(ConnectionResetError):
            far.recv(1)


def test_a_reset_without_a_socket(stage):
    s = begun(stage, GET_10)
    s.exchange.start(head(), b"x")
    s.exchange.abort()
    assert s.transport.aborted


# Slow clients.

def paused(stage, stream=False, **options):
    """A client that has taken nothing yet of an answer that was begun."""
    s = begun(stage, window=0, **options)
    s.exchange.start(head(), b"x" * MUCH, stream=stream)
    assert s.connection.paused
    s.first = b"%x\r\n" % MUCH + b"x" * MUCH + b"\r\n"
    return s


def body_of(s):
    return bytes(s.transport.got).partition(b"\r\n\r\n")[2]


def chunked(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def test_the_producer_is_not_held_up_by_a_slow_client(stage):
    s = paused(stage)
    s.exchange.write(b"a" * 500)   # memory
    s.exchange.write(b"b" * 1500)  # more than memory may hold: the endpoint waits for a moment
    assert s.producer.told == ["pause"]
    s.wait(PATIENCE)               # then: file
    assert s.exchange._outflow._spool.in_file
    assert s.producer.told == ["pause", "resume"]
    s.exchange.finish()
    assert s.exchange.responder is None
    assert not s.exchange.over
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a" * 500, b"b" * 1500) + b"0\r\n\r\n"
    assert s.exchange.over
    s.send(GET)
    assert len(s.exchanges) == 2


@pytest.mark.parametrize("window", [0, 100_000, 260_000, 10**6])
def test_much_at_once_leaves_little_in_the_transport(stage, window):
    """What a slow client does not take of a large piece belongs into the store, not into memory."""
    s = begun(stage, GET_10, window=window)
    data = bytes(range(256)) * 1000
    s.exchange.start(head(length=len(data)), data)
    assert s.transport.get_write_buffer_size() <= 65536
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == data


def test_a_client_that_was_slow_for_a_moment_costs_no_file(stage):
    s = paused(stage)
    s.exchange.write(b"a" * 1500)
    s.exchange.write(b"b" * 1500)
    s.transport.take_all()
    assert s.producer.told == ["pause", "resume"]
    assert not s.exchange._outflow._spool.in_file
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a" * 1500, b"b" * 1500) + b"0\r\n\r\n"
    s.wait(PATIENCE)
    assert s.connection.patience == NEVER


@pytest.mark.parametrize("finished", [True, False])
def test_the_last_of_an_answer_is_waited_for_as_long_as_all_else(stage, finished):
    """Once all that was left to patience is in the transport `timeouts.send` counts again."""
    s = paused(stage)
    s.exchange.write(b"a" * 1500)
    if finished:
        s.exchange.finish()
    for _ in range(1 + finished):  # the chunk, and the last one
        s.transport.take(s.transport.get_write_buffer_size())
    assert s.connection.paused
    assert s.exchange.over is finished
    s.wait(PATIENCE)
    assert not s.transport.is_closing()
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a" * 1500) + b"0\r\n\r\n"


def test_a_client_that_takes_a_little_now_and_then_is_slow(stage):
    """Patience runs from the first octet left behind; moving does not stretch it."""
    s = paused(stage)
    s.exchange.write(b"a" * 3000)
    for _ in range(3):
        s.transport.take(10)
        s.wait(PATIENCE / 3)
    s.wait(0.01)
    assert s.exchange._outflow._spool.in_file
    assert s.producer.told == ["pause", "resume"]


def test_past_the_cap_the_producer_waits_until_all_is_taken(stage):
    s = paused(stage)
    pieces = [bytes([65 + at]) * 1000 for at in range(5)]
    for piece in pieces:
        s.exchange.write(piece)
    assert s.producer.told == ["pause"]
    s.exchange.write(b"z")  # what was under way already
    assert s.producer.told == ["pause"]
    s.transport.take_all()
    assert s.producer.told == ["pause", "resume"]
    s.exchange.write(b"more")
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(*pieces, b"z", b"more") + b"0\r\n\r\n"


def test_what_comes_when_the_client_has_caught_up_goes_straight_out(stage):
    """Downloads hung: it went behind a store that nothing emptied any more."""
    s = paused(stage)
    s.exchange.write(b"a")
    s.transport.take_all()
    s.transport.take(10_000)
    s.exchange.write(b"b")
    assert body_of(s) == s.first + chunked(b"a", b"b")
    s.exchange.finish()
    assert s.exchange.over
    assert body_of(s).endswith(chunked(b"b") + b"0\r\n\r\n")


def test_what_comes_while_the_client_catches_up_stays_in_order(stage):
    s = paused(stage, body_file=10 * MUCH + 10**6)
    pieces = [b"%06d" % at * 40_000 for at in range(6)]  # pieces of 240 kB: each feed stops half way
    for piece in pieces[:3]:
        s.exchange.write(piece)
    s.transport.take(MUCH)
    for piece in pieces[3:]:
        s.exchange.write(piece)
        s.transport.take(100_000)
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(*pieces) + b"0\r\n\r\n"


def test_no_memory_and_no_file_at_all(stage):
    s = paused(stage, body_memory=0, body_file=0)
    for at in range(3):
        s.exchange.write(b"a")
        assert s.producer.told == ["pause", "resume"] * at + ["pause"]
        s.transport.take_all()
        assert s.producer.told == ["pause", "resume"] * (at + 1)
        s.exchange.write(b"x" * MUCH)
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a", b"x" * MUCH) * 3 + b"0\r\n\r\n"


def test_a_stream_is_paused_at_once(stage):
    s = paused(stage, stream=True)
    assert set(s.producer.told) == {"pause"}
    s.exchange.write(b"a")  # what was under way already
    assert s.exchange._outflow is None
    s.transport.take_all()
    assert s.producer.told[-1] == "resume"
    s.exchange.finish()
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a") + b"0\r\n\r\n"


def test_a_client_that_is_slow_again_while_a_stream_runs(stage):
    s = paused(stage, stream=True)
    s.transport.take_all()
    s.producer.told.clear()
    s.exchange.write(b"y" * MUCH)
    assert s.producer.told == ["pause"]
    s.transport.take_all()
    assert s.producer.told == ["pause", "resume"]


def test_nobody_to_pause(stage):
    s = paused(stage)
    s.exchange.responder = None
    s.exchange.write(b"a" * 6000)
    s.transport.take_all()
    assert body_of(s) == s.first + chunked(b"a" * 6000)


def test_a_slow_client_goes_away(stage):
    s = paused(stage)
    s.exchange.write(b"a" * 6000)
    s.transport.fail(ConnectionResetError())
    assert s.producer.told == ["pause", "gone"]
    assert s.exchange._outflow is None


def test_a_slow_client_goes_away_after_the_answer_was_complete(stage):
    s = paused(stage)
    s.exchange.write(b"a" * 600)
    s.exchange.finish()
    s.transport.fail()
    assert s.producer.told == []
    assert outcomes(s.log.exchanges) == outcomes([s.exchange])


# Upgrades.

def test_a_tunnel_takes_the_transport_and_what_came_early(stage):
    s = begun(stage, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly")
    assert s.exchange.upgrade_offer == b"x"
    transport = s.exchange.upgrade(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    assert transport is s.transport
    assert s.got() == b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    assert s.exchange.take_surplus() == b"early"
    assert s.exchange.take_surplus() == b""
    assert not s.watched
    s.connection.drain()  # a tunnel outlives that
    assert not s.transport.closing
    s.exchange.tunnel_ended(7)
    assert (s.exchange.sent, s.exchange.status) == (7, 101)
    assert outcomes(s.log.exchanges) == outcomes([s.exchange])
    assert s.listener.connections == []


@pytest.mark.parametrize("request_", [
    b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"])
def test_no_upgrade_from_http_1_0_or_with_a_body(stage, request_):
    """RFC 9110 section 7.8."""
    s = begun(stage, request_)
    assert s.exchange.upgrade_offer == b""


def test_a_body_collected_at_once_leaves_the_rest(stage):
    s = begun(stage, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + GET)
    body = s.exchange.collect_body(Reader())
    assert body.data == b"ab"
    hello(s.exchange)
    assert len(s.exchanges) == 2
