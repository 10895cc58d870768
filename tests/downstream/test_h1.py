import pytest

from proxy.downstream import h1
from proxy.downstream.connection import LINGER_SECONDS
from proxy.http.prepared import error_page
from tests.downstream.stage import (
    BODY_TIMEOUT,
    GET,
    HEAD_TIMEOUT,
    KEEP_ALIVE,
    SEND_TIMEOUT,
    Producer,
    Reader,
    head,
    hello,
    outcomes,
    ways,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello"
OK_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\nConnection: close\r\n\r\nhello"
POST = b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


def status_of(answer):
    return int(answer.split(b" ")[1]) if answer else None


# Heads.

@pytest.mark.parametrize("pieces", ways(b"GET /a?b HTTP/1.1\r\nHost: x.example\r\nA: b\r\n\r\n"))
def test_a_request_becomes_an_exchange(stage, pieces):
    s = stage(answer=hello)
    s.send(*pieces)
    exchange, = s.exchanges
    assert (exchange.method, exchange.target.raw, exchange.host) == (b"GET", b"/a?b", b"x.example")
    assert exchange.headers.get(b"a") == b"b"
    assert (exchange.version, exchange.client, exchange.body_length) == (11, "192.0.2.7", 0)
    assert s.got() == OK


LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("pieces", ways(GET * 3 + LAST))
def test_pipelined_requests_are_answered_in_order(stage, pieces):
    s = stage(answer=hello)
    s.send(*pieces)
    assert s.got() == OK * 3 + OK_CLOSE
    assert s.exchange.target.raw == b"/last"
    assert s.transport.lost


def test_the_next_request_waits_for_the_answer_before(stage):
    s = stage()
    s.send(GET + GET)
    assert len(s.exchanges) == 1
    hello(s.exchange)
    assert len(s.exchanges) == 2
    hello(s.exchange)
    assert s.got() == OK * 2


@pytest.mark.parametrize("pieces", ways(b"\r\n" + GET))
def test_an_empty_line_before_a_request_is_passed_over(stage, pieces):
    """RFC 9112 section 2.2."""
    s = stage(answer=hello)
    s.send(*pieces)
    assert s.got() == OK


@pytest.mark.parametrize("pieces", ways(b"\r\n\r\n" + GET))
def test_a_second_empty_line_is_refused(stage, pieces):
    s = stage(answer=hello)
    s.send(*pieces)
    assert status_of(s.got()) == 400
    assert s.exchanges == []


def test_a_stray_line_end_leaves_the_connection_idle(stage):
    """Old clients send one behind a body; that is no beginning of a request."""
    s = stage(answer=hello)
    s.send(GET, b"\r\n")
    s.got()
    s.wait(HEAD_TIMEOUT + 1)
    assert s.got() == b""
    s.transport.feed_eof()
    assert s.transport.lost
    assert s.log.refusals == []


@pytest.mark.parametrize("raw, status", [
    (b"\x16\x03\x01\x00\xa5", 400),                                   # TLS
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: \0", 400),
    (b"GET /\r\n", 400),
    (b"GET  / HTTP/1.1\r\n", 400),
    (b"GET / HTTP/2.0\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\n\r\n", 400),                                  # no Host
    (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
    (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),    # RFC 9112 section 6.1
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
    (b"GET /" + b"a" * 1100, 414),
    (b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"A" * 1100, 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 1100, 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 1100 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 30 + b"\r\n", 431),
])
def test_what_is_no_request_is_refused(stage, raw, status):
    for pieces in ways(raw):
        s = stage(answer=hello)
        s.send(*pieces)
        answer = s.got()
        assert status_of(answer) == status
        assert b"\r\nConnection: close\r\n" in answer
        assert s.exchanges == []
        assert [refusal[:2] for refusal in s.log.refusals] == [("192.0.2.7", status)]


def test_after_a_refusal_nothing_more_is_parsed(stage):
    s = stage(answer=hello)
    s.send(b"GET /\r\n\r\n" + GET)
    s.send(GET)
    assert s.exchanges == []
    assert s.transport.ended
    assert not s.transport.closing  # so that the client can read why (RFC 9112 section 9.6)
    s.wait(LINGER_SECONDS - 0.1)
    assert not s.transport.closing
    s.wait(0.1)
    assert s.transport.lost


def test_a_refused_client_that_closes_ends_the_lingering(stage):
    s = stage()
    s.send(b"nonsense\r\n")
    s.transport.feed_eof()
    assert s.transport.lost
    assert s.listener.connections == []
    assert not s.watched


def test_without_half_close_there_is_no_lingering(stage):
    s = stage(half=False)
    s.send(b"nonsense\r\n")
    assert status_of(s.got()) == 400
    assert s.transport.lost


def test_a_runtime_without_a_log(stage):
    s = stage()
    s.runtime.log = None
    s.send(GET)
    hello(s.exchange)
    s.send(b"nonsense\r\n")
    assert s.exchange.timings is None
    assert status_of(s.got()[len(OK):]) == 400


def test_the_host_of_an_absolute_target_counts(stage):
    """RFC 9112 section 3.2.2."""
    s = stage()
    s.send(b"GET http://b.example/x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert s.exchange.host == b"b.example"


@pytest.mark.parametrize(("scheme", "target", "trusted", "refused"), [
    ("http", b"https://a/", False, True),
    ("http", b"HTTPS://a/", False, True),
    ("https", b"http://a/", False, True),
    ("https", b"https://a/", False, False),
    ("http", b"https://a/", True, False),
])
def test_a_target_of_another_scheme_is_misdirected(stage, scheme, target, trusted, refused):
    """RFC 9110 section 7.4: who is trusted may have taken TLS off."""
    s = stage()
    s.connection.peer.scheme, s.connection.peer.trusted = scheme, trusted
    s.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    assert (not s.runtime.exchanges) is refused
    if refused:
        assert s.got().startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


def test_http_1_0_needs_no_host_and_ends_after_the_answer(stage):
    s = stage(answer=hello)
    s.send(b"GET / HTTP/1.0\r\n\r\n")
    assert s.exchange.host == b"front:8080"
    assert s.exchange.version == 10
    assert s.got() == OK_CLOSE
    assert s.transport.lost


def test_http_1_0_may_ask_to_be_kept(stage):
    s = stage(answer=hello)
    s.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"\r\nConnection: keep-alive\r\n" in s.got()
    s.send(b"GET / HTTP/1.0\r\n\r\n")
    assert len(s.exchanges) == 2


def test_a_trusted_peer_says_who_the_client_is(stage):
    s = stage(trusted=True)
    s.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n")
    assert s.exchange.client == "198.51.100.1"


# Bodies.

SIZED = b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world"
CHUNKED = (b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nA-Trailer: t\r\n\r\n")


@pytest.mark.parametrize("raw, trailers", [(SIZED, b""), (CHUNKED, b"A-Trailer: t\r\n")])
def test_bodies_are_read_and_what_follows_is_the_next_request(stage, raw, trailers):
    for pieces in ways(raw + GET):
        reader = Reader()
        s = stage(answer=lambda exchange, reader=reader: exchange.body_done or exchange.read_body(reader))
        s.send(*pieces)
        assert (reader.data, reader.trailers) == (b"hello world", trailers)
        assert len(s.exchanges) == 1
        hello(s.exchanges[0])
        hello(s.exchanges[1])
        assert s.got() == OK * 2


@pytest.mark.parametrize("raw, trailers", [(SIZED, b""), (CHUNKED, b"A-Trailer: t\r\n")])
def test_bodies_are_collected(stage, raw, trailers):
    for pieces in ways(raw):
        s, reader = stage(), Reader()
        s.runtime.answer = lambda exchange, reader=reader: setattr(
            reader, "body", exchange.collect_body(reader) or getattr(reader, "body", None))
        s.send(*pieces)
        assert (reader.body.data, reader.body.trailers) == (b"hello world", trailers)
        hello(s.exchange)
        assert s.got() == OK


def test_a_long_body_is_collected_in_a_file(stage):
    s, reader = stage(), Reader()
    s.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
    assert s.exchange.collect_body(reader) is None
    s.send(b"a" * 1500, b"b" * 1500)
    assert reader.body.data is None
    assert reader.body.read(1499, 2) == b"ab"


@pytest.mark.parametrize("bad, status", [(b"x\r\n", 400), (b"2711\r\n" + b"a" * 10001, 413)])
def test_a_bad_body_ends_the_exchange(stage, bad, status):
    s, producer = stage(), Producer()
    s.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    s.exchange.responder = producer
    s.exchange.read_body(Reader())
    s.send(bad)
    assert producer.told == ["gone"]
    answer = s.got()
    assert status_of(answer) == status
    assert b"\r\nConnection: close\r\n" in answer
    assert s.transport.ended


def test_a_body_that_breaks_after_the_answer_began_cuts_it(stage):
    s, producer = stage(), Producer()
    s.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    s.exchange.responder = producer
    s.exchange.read_body(Reader())
    s.exchange.start(head(), b"a")
    s.send(b"x\r\n")
    assert s.got().endswith(b"1\r\na\r\n")
    assert s.transport.lost
    assert producer.told == ["gone"]


def test_no_room_for_a_body(stage):
    s = stage(directory="/nowhere/at/all")
    s.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
    assert s.exchange.collect_body(Reader()) is None
    s.send(b"a" * 3000)
    assert status_of(s.got()) == 503
    assert s.transport.ended


def test_a_reader_that_ends_the_exchange_gets_no_end(stage):
    """The last octets may be what makes the reader give up."""
    s, reader = stage(), Reader()
    reader.body_data = lambda data: data and s.exchange.abort()
    s.send(POST)
    s.exchange.read_body(reader)
    s.send(b"hello")
    assert reader.trailers is None
    assert s.transport.lost


def test_100_continue_is_sent_when_the_body_is_wanted(stage):
    s = stage()
    s.send(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert s.got() == b""
    s.exchange.read_body(Reader())
    assert s.got() == b"HTTP/1.1 100 Continue\r\n\r\n"
    s.send(b"hello")
    hello(s.exchange)
    assert s.got() == OK


@pytest.mark.parametrize("pieces", [[b"hello"], [b"h", b"ello"]])
def test_a_client_that_does_not_wait_for_100(stage, pieces):
    """RFC 9110 section 10.1.1: it need not, so its body is taken when it comes, and once."""
    s, reader = stage(), Reader()
    s.send(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    s.exchange.await_body(reader)
    assert s.got() == b""
    for piece in pieces:
        s.send(piece)
        if reader.trailers is None:
            s.exchange.read_body(reader)
    assert (reader.data, reader.trailers) == (b"hello", b"")
    hello(s.exchange)
    assert s.got().endswith(OK)


def test_a_body_that_is_awaited_may_be_here(stage):
    s, reader = stage(), Reader()
    s.send(POST[:-2] + b"Expect: 100-continue\r\n\r\nhello")
    s.exchange.await_body(reader)
    assert (s.got(), reader.data) == (b"", b"hello")


def test_no_100_continue_when_the_body_is_there(stage):
    s, reader = stage(), Reader()
    s.send(POST[:-2] + b"Expect: 100-continue\r\n\r\nhe")
    s.exchange.read_body(reader)
    assert s.got() == b""
    s.send(b"llo")
    assert reader.data == b"hello"


def test_no_100_continue_for_http_1_0(stage):
    """RFC 9110 section 10.1.1."""
    s = stage()
    s.send(b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    s.exchange.read_body(Reader())
    assert s.got() == b""


def test_a_refused_expectation_closes_for_the_body_may_come(stage):
    s = stage(answer=hello)
    s.send(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert s.got() == OK_CLOSE
    assert s.transport.ended
    s.send(b"hello")
    assert not s.transport.closing


@pytest.mark.parametrize("pieces", [[POST + b"hello" + GET]])
def test_a_short_unread_body_is_passed_over(stage, pieces):
    """RFC 9112 section 9.3: read it or close."""
    s = stage(answer=hello)
    s.send(*pieces)
    assert s.got() == OK * 2


@pytest.mark.parametrize("raw", [POST, POST + b"hell", CHUNKED])
def test_an_unread_body_that_is_not_here_closes(stage, raw):
    s = stage(answer=hello)
    s.send(raw)
    assert s.got() == OK_CLOSE
    assert s.transport.ended
    assert not s.transport.closing


def test_a_body_that_comes_after_the_answer_began_does_not_save_the_connection(stage):
    s = stage()
    s.send(POST)
    s.exchange.start(head(length=5))
    s.send(b"hello")
    s.exchange.write(b"hello")
    s.exchange.finish()
    assert s.got() == OK_CLOSE
    assert s.transport.ended


def test_an_answer_while_the_body_comes_closes(stage):
    s, reader = stage(), Reader()
    s.send(POST)
    s.exchange.read_body(reader)
    s.send(b"he")
    hello(s.exchange)
    s.send(b"llo")
    assert s.got() == OK_CLOSE
    assert reader.data == b"he"


# Ends.

def test_connection_close_and_surplus_lingers(stage):
    s = stage(answer=hello)
    s.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    assert s.got() == OK_CLOSE
    assert len(s.exchanges) == 1
    assert s.transport.ended
    s.wait(LINGER_SECONDS)
    assert s.transport.aborted


def test_a_client_that_leaves_while_we_work(stage):
    s, producer = stage(), Producer()
    s.send(GET)
    s.exchange.responder = producer
    s.transport.feed_eof()
    assert producer.told == ["gone"]
    assert s.exchange.status == 499
    assert outcomes(s.log.exchanges) == outcomes([s.exchange])
    hello(s.exchange)
    assert s.got() == b""
    assert s.listener.connections == []
    assert not s.watched


def test_a_client_that_leaves_between_requests(stage):
    s = stage(answer=hello)
    s.send(GET)
    s.transport.feed_eof()
    assert s.transport.lost
    assert s.log.refusals == []


def test_a_head_that_ends_early(stage):
    s = stage()
    s.send(b"GET / HT")
    s.transport.feed_eof()
    assert status_of(s.got()) == 400
    assert s.transport.lost


def test_a_body_that_ends_early(stage):
    s, producer = stage(), Producer()
    s.send(POST + b"he")
    s.exchange.responder = producer
    s.exchange.read_body(Reader())
    s.transport.feed_eof()
    assert status_of(s.got()) == 400
    assert producer.told == ["gone"]
    assert s.transport.lost
    assert len(s.log.exchanges) == 1


def test_a_connection_reset(stage):
    s, producer = stage(), Producer()
    s.send(GET)
    s.exchange.responder = producer
    s.transport.fail(ConnectionResetError())
    assert producer.told == ["gone"]


def test_fail_without_an_exchange_refuses(stage):
    s = stage()
    s.connection.fail(h1.RequestError(400, "why"))
    assert status_of(s.got()) == 400


def test_turned_away(stage):
    s = stage()
    s.connection.turn_away(error_page(429))
    s.send(GET)
    assert status_of(s.got()) == 429
    assert s.exchanges == []


# Deadlines: never early, and each with its own end.

def test_nobody_asks(stage):
    s = stage()
    s.wait(HEAD_TIMEOUT - 0.1)
    assert not s.transport.closing
    s.wait(0.1)
    assert s.got() == b""
    assert s.transport.lost


def test_a_slow_head_is_408(stage):
    s = stage()
    s.send(GET)
    hello(s.exchange)
    s.got()
    s.wait(KEEP_ALIVE - 1)
    s.send(b"GET ")
    s.wait(HEAD_TIMEOUT - 0.1)
    s.send(b"/ ")  # octet after octet does not buy time
    assert s.got() == b""
    s.wait(0.1)
    assert status_of(s.got()) == 408
    assert s.transport.ended


def test_the_first_head_has_its_time_from_the_accept(stage):
    s = stage()
    s.wait(HEAD_TIMEOUT - 1)
    s.send(b"GET ")
    s.wait(1)
    assert status_of(s.got()) == 408


def test_an_idle_connection_is_closed_silently(stage):
    s = stage(answer=hello)
    s.send(GET)
    s.got()
    s.wait(KEEP_ALIVE - 0.1)
    assert not s.transport.closing
    s.wait(0.1)
    assert s.got() == b""
    assert s.transport.lost


def test_a_slow_body_is_408(stage):
    s, producer = stage(), Producer()
    s.send(POST)
    s.exchange.responder = producer
    s.exchange.read_body(Reader())
    s.wait(BODY_TIMEOUT - 0.1)
    s.send(b"h")
    s.wait(BODY_TIMEOUT - 0.1)
    assert s.got() == b""
    s.wait(0.1)
    assert status_of(s.got()) == 408
    assert producer.told == ["gone"]


def test_nothing_hurries_an_exchange_whose_request_is_whole(stage):
    s = stage()
    s.send(GET)
    s.wait(10_000)
    hello(s.exchange)
    assert s.got() == OK


def test_a_deadline_that_means_nothing_any_more(stage):
    s = stage()
    s.send(GET)
    s.connection.expired()
    assert s.connection.deadline == h1.NEVER


def test_a_body_that_nobody_takes_is_not_the_clients_fault(stage):
    s, reader = stage(), Reader()
    s.send(POST)
    s.exchange.read_body(reader)
    s.exchange.pause_body()
    s.exchange.pause_body()
    assert not s.transport.reading
    s.wait(BODY_TIMEOUT * 2)
    s.exchange.resume_body()
    s.exchange.resume_body()
    s.send(b"hell")
    s.wait(BODY_TIMEOUT - 0.1)
    assert s.got() == b""
    s.wait(0.1)
    assert status_of(s.got()) == 408


def test_a_paused_reader_and_a_client_that_takes_octets_again(stage):
    s = stage(window=0)
    s.send(POST)
    s.exchange.read_body(Reader())
    s.exchange.start(head(), b"a" * (h1.WRITE_HIGH + 1), stream=True)
    s.exchange.pause_body()
    s.transport.take_all()
    assert s.connection.deadline == h1.NEVER
    s.exchange.resume_body()
    assert s.connection.deadline == s.clock.now + BODY_TIMEOUT


# Clients that do not take their answers.

def big(exchange):
    exchange.respond(head(length=h1.WRITE_HIGH * 2 + 10), b"x" * (h1.WRITE_HIGH * 2 + 10))


def test_a_client_that_pipelines_without_reading_is_held_back(stage):
    s = stage(window=0, answer=big)
    s.send(GET * 50)
    assert len(s.exchanges) == 1
    s.send(GET * (h1.HELD_MOST // len(GET) + 2))
    assert not s.transport.reading
    before = len(s.transport.sent)
    s.send(GET * 1000)
    assert (len(s.exchanges), len(s.transport.sent)) == (1, before)
    s.transport.take(before)
    assert len(s.exchanges) == 2  # one answer taken, one request more


def test_held_requests_are_all_answered_once_the_client_reads(stage):
    s = stage(window=0, answer=big)
    count = h1.HELD_MOST // len(GET) + 10
    s.send(GET * count)
    assert len(s.exchanges) == 1
    s.transport.take_all()
    assert len(s.exchanges) == count
    assert s.transport.reading


def test_requests_that_come_early_are_bounded_too(stage):
    s = stage()
    s.send(GET)
    s.send(b"x" * (h1.HELD_MOST + 1))
    assert not s.transport.reading
    s.send(b"y" * 1000)
    assert len(s.connection.held) == h1.HELD_MOST + 1
    hello(s.exchange)
    assert s.transport.reading
    assert status_of(s.got()[len(OK):]) == 414 or s.transport.ended


def test_a_pause_that_ends_with_nothing_held(stage):
    s = stage(window=0, answer=big)
    s.send(GET)
    s.transport.take_all()
    s.send(GET)
    assert len(s.exchanges) == 2


def test_a_client_that_takes_nothing_is_cut_off(stage):
    s = stage(window=0)
    s.send(GET)
    producer = s.exchange.responder = Producer()
    s.exchange.start(head(), b"x" * (h1.WRITE_HIGH + 10))
    s.wait(SEND_TIMEOUT - 0.1)
    s.transport.take(10)
    s.wait(0.1)  # it took some
    assert not s.transport.closing
    s.wait(SEND_TIMEOUT)
    assert s.transport.lost
    assert producer.told == ["gone"]


def test_a_slow_client_may_take_the_end_of_its_last_answer(stage):
    """Neither the lingering time nor one send timeout for all of it: each look finds progress."""
    for close, rest in ((b"close", b""), (b"close", GET)):
        s = stage(window=0, answer=big)
        s.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: %b\r\n\r\n" % close + rest)
        unsent = s.transport.get_write_buffer_size()
        for _ in range(4):
            s.wait(SEND_TIMEOUT - 1)
            s.transport.take(unsent // 10)
        assert not s.transport.aborted
        s.transport.take_all()
        assert len(s.transport.got) == len(s.transport.sent)
        s.wait(LINGER_SECONDS)
        assert s.transport.lost


@pytest.mark.parametrize("rest", [b"", GET])
def test_a_client_that_takes_nothing_of_its_last_answer(stage, rest):
    s = stage(window=0, answer=big)
    s.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + rest)
    s.wait(SEND_TIMEOUT)
    assert s.transport.aborted


def test_a_lingering_client_that_has_everything_gets_the_short_time(stage):
    s = stage(window=0, answer=big)
    s.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    s.wait(1)
    s.transport.take(len(s.transport.sent))
    assert s.connection.deadline == s.clock.now + LINGER_SECONDS


# Retirement.

def test_an_idle_connection_drains_at_once(stage):
    s = stage(answer=hello)
    s.send(GET)
    s.listener.draining = True
    s.connection.drain()
    s.loop.run()
    assert s.transport.lost


def test_who_has_just_come_may_ask_before_we_leave(stage):
    """Else a new connection would be closed without a word, and a POST not be sent again."""
    s, other, older = stage(answer=hello), stage(), stage()
    for one in (s, other):
        one.listener.draining = True
        one.connection.drain()
        one.connection.drain()
        one.loop.run()
        assert not one.transport.lost
        assert one.connection.deadline == one.clock.now + h1.FIRST_WORD
    older.clock.now += h1.FIRST_WORD
    older.connection.drain()
    older.loop.run()
    assert older.transport.lost  # it had its time
    older.clock.now -= h1.FIRST_WORD
    s.send(GET)
    assert s.got() == OK_CLOSE
    other.clock.now += h1.FIRST_WORD
    other.connection.expired()
    other.loop.run()
    assert other.transport.lost


def test_a_running_exchange_is_finished_and_the_client_told(stage):
    s = stage()
    s.send(GET)
    s.listener.draining = True
    s.connection.drain()
    hello(s.exchange)
    s.loop.run()
    assert s.got() == OK_CLOSE
    assert s.transport.lost


def test_a_request_that_is_on_its_way_is_the_last_one(stage):
    s = stage(answer=hello)
    s.send(GET[:10])
    s.listener.draining = True
    s.connection.drain()
    s.send(GET[10:])
    assert s.got() == OK_CLOSE
