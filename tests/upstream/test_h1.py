import pytest

from proxy.clock import NEVER
from proxy.http.body import PIECE, Body, Spool
from proxy.upstream import h1
from tests.upstream.stage import BODY_TIMEOUT, HEAD_TIMEOUT, IDLE_TIMEOUT, REQUEST, FakeAttempt

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"2\r\nhe\r\n3\r\nllo\r\n0\r\nA-Trailer: t\r\n\r\n")
UNTIL_END = b"HTTP/1.1 200 OK\r\n\r\nhello"


# Answers, however they are cut up.

@pytest.mark.parametrize("raw, trailers", [(HELLO, b""), (CHUNKED, b"A-Trailer: t\r\n")])
def test_an_answer_cut_anywhere(upstream, raw, trailers):
    cuts = [[raw], [raw[at:at + 1] for at in range(len(raw))],
            *([raw[:at], raw[at:]] for at in range(1, len(raw)))]
    for pieces in cuts:
        u = upstream()
        attempt = u.ask()
        u.serve(*pieces)
        assert attempt.complete, pieces
        assert (attempt.head.status, attempt.body) == (200, b"hello")
        assert attempt.trailers in (None, trailers)
        assert u.kept
        u.close()


def test_an_answer_in_one_piece_takes_one_call(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(HELLO)
    assert attempt.told == ["whole"]
    assert u.transport.sent == REQUEST


@pytest.mark.parametrize("pieces", [[UNTIL_END], [UNTIL_END[:-3], UNTIL_END[-3:]]])
def test_a_body_until_the_end(upstream, pieces):
    u = upstream()
    attempt = u.ask()
    u.serve(*pieces)
    assert not attempt.complete
    u.transport.feed_eof()
    assert (attempt.told, attempt.body) == (["head", "end"], b"hello")
    assert not u.kept
    assert u.transport.lost


def test_a_body_until_the_end_that_is_cut(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(UNTIL_END)
    u.transport.fail(ConnectionResetError())
    assert attempt.told == ["head", "failed"]
    assert (attempt.error.phase, attempt.received) == ("body", True)


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_no_body_follows_a_request_for_the_head(upstream, raw):
    u = upstream()
    attempt = u.ask(head_only=True)
    u.serve(raw)
    assert (attempt.told, attempt.body) == (["whole"], b"")
    assert u.kept


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"])
def test_no_body_with_such_a_status(upstream, raw):
    u = upstream()
    attempt = u.ask()
    u.serve(raw)
    assert attempt.told == ["whole"]
    assert u.kept


# Reuse.

def test_a_kept_connection_is_asked_again(upstream):
    u = upstream()
    u.ask()
    assert not u.connection.reused
    u.serve(HELLO)
    assert u.endpoint.take_idle(u.clock.now) is u.connection
    assert u.connection.reused
    second = u.ask()
    u.serve(HELLO)
    assert second.told == ["whole"]


@pytest.mark.parametrize("raw", [
    HELLO + b"HTTP/1.1 200 OK\r\n",  # surplus: whose answer would that be?
    CHUNKED + b"x",
    HELLO.replace(b"200 OK", b"200 OK\r\nConnection: close"),
    CHUNKED.replace(b"200 OK", b"200 OK\r\nConnection: close"),
    HELLO.replace(b"1.1", b"1.0"),
    b"HTTP/1.1 204 No Content\r\n\r\nx"])
def test_not_kept(upstream, raw):
    for size in (len(raw), len(raw) - 1):  # the last octet may come alone
        u = upstream()
        attempt = u.ask()
        u.serve(raw[:size], raw[size:])
        assert attempt.complete
        assert attempt.body in (b"hello", b"")
        assert u.endpoint.idle == []
        assert u.transport.lost


def test_surplus_behind_a_body_that_came_in_pieces(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(HELLO[:-2], b"lox")
    assert (attempt.told, attempt.body) == (["head", "end"], b"hello")
    assert u.transport.lost


def test_octets_that_nobody_asked_for(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO)
    u.serve(HELLO)
    assert u.endpoint.idle == []
    assert u.transport.lost


def test_octets_before_anything_was_asked(upstream):
    u = upstream()
    u.serve(b"220 smtp.example\r\n")
    assert u.transport.lost


def test_an_idle_connection_that_the_endpoint_closes(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO)
    u.transport.feed_eof()
    assert u.endpoint.idle == []
    assert u.transport.lost


def test_the_kernel_knows_first(upstream):
    """What has arrived or ended, although the loop has not told yet, is seen before a request is sent."""
    u = upstream()
    assert u.connection.is_usable(u.clock.now)
    u.far.send(b"x")
    assert not u.connection.is_usable(u.clock.now)
    u.near.recv(1)
    assert u.connection.is_usable(u.clock.now)
    u.far.close()
    assert not u.connection.is_usable(u.clock.now)


def test_a_closing_connection_is_not_usable(upstream):
    u = upstream()
    u.transport.close()
    assert not u.connection.is_usable(u.clock.now)


def test_more_idle_ones_than_wanted_are_closed(upstream):
    u = upstream(most_idle=0)
    attempt = u.ask()
    u.serve(HELLO)
    assert attempt.complete
    assert u.transport.lost


def test_a_closing_transport_is_not_kept(upstream):
    u = upstream()
    u.ask()
    u.transport.closing = True
    u.connection.data_received(HELLO)
    assert u.endpoint.idle == []


def test_an_idle_connection_has_its_time(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO)
    u.wait(IDLE_TIMEOUT - 0.1)
    assert u.kept
    u.wait(0.1)
    assert u.endpoint.idle == []
    assert u.transport.lost


# Interim responses.

def test_interims_go_on_and_the_final_answer_follows(upstream):
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HELLO
    for pieces in ([raw], [raw[at:at + 1] for at in range(len(raw))]):
        u = upstream()
        attempt = u.ask()
        u.serve(*pieces)
        assert attempt.interims == [100, 103]
        assert attempt.complete
        assert u.kept


def test_a_flood_of_interims(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(b"HTTP/1.1 102 Processing\r\n\r\n" * (h1.MOST_INTERIM + 1) + HELLO)
    assert attempt.told == ["failed"]
    assert len(attempt.interims) == h1.MOST_INTERIM
    assert u.transport.lost


def test_the_next_request_may_have_as_many_interims_again(upstream):
    u = upstream()
    for _ in range(3):
        attempt = u.ask()
        u.serve(b"HTTP/1.1 102 Processing\r\n\r\n" * h1.MOST_INTERIM + HELLO)
        assert attempt.complete
        u.endpoint.take_idle(u.clock.now)


def test_an_attempt_that_gives_up_at_an_interim(upstream):
    u = upstream()
    attempt = u.ask()
    attempt.answer_interim = lambda head: u.connection.discard()
    u.serve(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)
    assert attempt.told == []
    assert u.transport.lost


# What cannot be passed on.

@pytest.mark.parametrize("raw", [
    b"SSH-2.0-x\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
    b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_a_head_that_is_none(upstream, raw):
    u = upstream()
    attempt = u.ask()
    u.serve(raw)
    assert attempt.told == ["failed"]
    assert (attempt.error.phase, attempt.error.status, attempt.received) == ("head", 502, True)
    assert u.transport.lost


@pytest.mark.parametrize("pieces", [[b"x\r\n"], [b"2\r\nhe\r\n", b"x\r\n"], [b"2\r\nheXX"]])
def test_bad_chunks(upstream, pieces):
    u = upstream()
    attempt = u.ask()
    u.serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *pieces)
    assert attempt.told == ["head", "failed"]
    assert (attempt.error.phase, attempt.received) == ("body", True)


def test_bad_chunks_that_come_with_the_head_can_still_be_a_502(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n")
    assert attempt.told == ["failed"]


@pytest.mark.parametrize("before, phase, received", [
    (b"", "head", False), (b"HTTP/1", "head", True), (HELLO[:-1], "body", True), (CHUNKED[:-1], "body", True),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "head", False)])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_connection_that_ends_too_soon(upstream, before, phase, received, how):
    u = upstream()
    attempt = u.ask()
    if before:
        u.serve(before)
    if how == "end":
        u.transport.feed_eof()
    else:
        u.transport.fail(ConnectionResetError())
    assert attempt.told[-1] == "failed"
    assert (attempt.error.phase, attempt.error.status, attempt.received) == (phase, 502, received)
    assert u.endpoint.idle == []
    assert u.connection not in u.wheel._watched


# Deadlines.

@pytest.mark.parametrize("before, received", [(b"", False), (b"HTTP/1.1 2", True)])
def test_no_head_in_time(upstream, before, received):
    u = upstream()
    attempt = u.ask()
    u.wait(HEAD_TIMEOUT - 0.1)
    u.serve(before or b"")
    assert attempt.told == []
    u.wait(0.1)
    assert attempt.told == ["failed"]
    assert (attempt.error.phase, attempt.error.status, attempt.received) == ("head", 504, received)
    assert u.transport.lost


@pytest.mark.parametrize("raw, more", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"h"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    (b"HTTP/1.1 200 OK\r\n\r\n", b"x")])
def test_a_body_that_stalls(upstream, raw, more):
    u = upstream()
    attempt = u.ask()
    u.serve(raw)
    u.wait(BODY_TIMEOUT - 0.1)
    u.serve(more)
    u.wait(BODY_TIMEOUT - 0.1)
    assert attempt.told == ["head"]
    u.wait(0.1)
    assert attempt.told == ["head", "failed"]
    assert (attempt.error.phase, attempt.error.status) == ("body", 504)


def test_a_slow_client_is_not_the_endpoints_fault(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(HELLO[:-2])
    u.connection.pause()
    u.connection.pause()
    assert not u.transport.reading
    u.wait(BODY_TIMEOUT * 10)
    u.connection.resume()
    u.connection.resume()
    u.wait(BODY_TIMEOUT - 0.1)
    u.serve(b"lo")
    assert attempt.complete


def test_a_pause_ends_with_the_response(upstream):
    """Its last octets may be what fills the client's store."""
    u = upstream()
    attempt = u.ask()
    attempt.answer_data = lambda data: u.connection.pause()
    u.serve(HELLO[:-2])
    u.serve(HELLO[-2:])
    assert attempt.told == ["head", "end"]
    assert u.transport.reading
    assert u.connection.deadline == u.clock.now + IDLE_TIMEOUT


def test_pause_and_resume_when_it_is_over(upstream):
    u = upstream()
    u.transport.close()
    u.connection.pause()
    u.connection.resume()
    assert u.transport.reading
    u.connection.reading = False
    u.connection.resume()
    assert not u.connection.reading


# Requests with a body.

def spooled(data, trailers=b""):
    spool = Spool(10, None)
    spool.append(data)
    return Body(None, spool, trailers)


DATA = bytes(range(256)) * (5 * PIECE // 256) + b"end"


def test_a_small_body_goes_with_the_head(upstream):
    u = upstream()
    u.ask(b"HEAD\r\n\r\n", Body(b"body"))
    assert u.transport.sent == b"HEAD\r\n\r\nbody"
    u.serve(HELLO)
    assert u.kept


@pytest.mark.parametrize("body", [Body(DATA), spooled(DATA)])
def test_a_large_body(upstream, body):
    u = upstream()
    u.ask(b"HEAD\r\n\r\n", body)
    assert u.transport.sent == b"HEAD\r\n\r\n" + DATA
    u.serve(HELLO)
    assert u.kept


def test_trailers_need_chunks(upstream):
    u = upstream()
    u.ask(b"HEAD\r\n\r\n", Body(b"body", None, b"A: b\r\n"))
    assert u.transport.sent == b"HEAD\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n"


def test_an_empty_body_with_trailers(upstream):
    u = upstream()
    u.ask(b"HEAD\r\n\r\n", Body(b"", None, b"A: b\r\n"))
    assert u.transport.sent == b"HEAD\r\n\r\n0\r\nA: b\r\n\r\n"


def test_an_endpoint_that_takes_the_body_slowly(upstream):
    u = upstream(window=0)
    attempt = u.ask(b"HEAD\r\n\r\n", spooled(DATA))
    assert attempt.told == ["slow"]
    assert len(u.transport.sent) < len(DATA) / 2
    u.wait(HEAD_TIMEOUT - 1)
    u.transport.take(2 * PIECE)
    u.wait(HEAD_TIMEOUT - 1)  # it took some: its time begins again
    assert "failed" not in attempt.told
    u.transport.take_all()
    assert u.transport.got == b"HEAD\r\n\r\n" + DATA
    assert attempt.told[-1] == "fast"
    u.serve(HELLO)
    assert attempt.complete
    assert u.kept


def test_an_endpoint_that_takes_nothing(upstream):
    u = upstream(window=0)
    attempt = u.ask(b"HEAD\r\n\r\n", spooled(DATA))
    u.wait(HEAD_TIMEOUT)
    assert attempt.error.status == 504


@pytest.mark.parametrize("size", [10 * PIECE, 2 * PIECE])
def test_an_answer_before_the_request_was_taken_whole(upstream, size):
    """RFC 9112 section 9.3: also when we have written all, but the transport still holds some."""
    u = upstream(window=0)
    attempt = u.ask(b"HEAD\r\n\r\n", spooled(b"x" * size))
    u.serve(HELLO)
    assert attempt.told == ["slow", "whole"]
    assert u.endpoint.idle == []
    assert u.transport.lost


def test_an_answer_that_goes_on_while_the_request_is_taken(upstream):
    u = upstream(window=0)
    attempt = u.ask(b"HEAD\r\n\r\n", spooled(DATA))
    u.serve(HELLO[:-2])
    u.transport.take_all()
    u.serve(HELLO[-2:])
    assert attempt.body == b"hello"
    assert u.transport.got == b"HEAD\r\n\r\n" + DATA
    assert u.kept


def test_the_connection_is_gone_while_the_body_is_sent(upstream):
    u = upstream(window=0)
    attempt = u.ask(b"HEAD\r\n\r\n", spooled(DATA))
    u.transport.fail(ConnectionResetError())
    u.connection.resume_writing()
    assert attempt.told == ["slow", "failed"]


# Requests whose body follows.

def opened(upstream, **options):
    u = upstream(**options)
    attempt = FakeAttempt()
    u.connection.send_open(attempt, b"HEAD\r\n\r\n", u.clock.now, head_only=False)
    return u, attempt


def test_a_body_that_follows(upstream):
    u, attempt = opened(upstream)
    u.connection.send_data(b"one")
    u.connection.send_data(b"two")
    u.connection.send_end(b"")
    assert u.transport.sent == b"HEAD\r\n\r\nonetwo"
    u.connection.send_data(b"late")
    u.connection.send_end(b"late")
    assert u.transport.sent == b"HEAD\r\n\r\nonetwo"
    u.serve(HELLO)
    assert attempt.complete
    assert u.kept


def test_a_last_chunk_follows(upstream):
    u, _ = opened(upstream)
    u.connection.send_end(b"0\r\n\r\n")
    assert u.transport.sent == b"HEAD\r\n\r\n0\r\n\r\n"


def test_an_answer_before_the_body_was_sent(upstream):
    u, attempt = opened(upstream)
    u.connection.send_data(b"one")
    u.serve(HELLO)
    assert attempt.complete
    assert u.transport.lost
    u.connection.send_data(b"two")
    assert u.transport.sent == b"HEAD\r\n\r\none"


def test_a_long_upload_is_not_the_endpoints_fault(upstream):
    u, attempt = opened(upstream)
    for _ in range(5):
        u.connection.send_data(b"one")
        u.wait(HEAD_TIMEOUT - 1)
    assert u.connection.deadline == NEVER
    u.connection.send_end(b"")
    u.wait(HEAD_TIMEOUT - 1)
    assert attempt.told == []
    u.wait(1)
    assert attempt.error.status == 504


def test_an_endpoint_that_takes_no_more_of_an_upload(upstream):
    u, attempt = opened(upstream, window=0)
    u.connection.send_data(DATA)
    assert attempt.told == ["slow"]
    u.wait(HEAD_TIMEOUT)
    assert attempt.error.status == 504


def test_an_upload_that_goes_on_after_the_answer_began(upstream):
    u, attempt = opened(upstream)
    u.serve(HELLO[:-2])
    deadline = u.connection.deadline
    u.connection.send_data(b"one")
    u.connection.send_end(b"")
    assert u.connection.deadline == deadline
    u.serve(HELLO[-2:])
    assert attempt.complete
    assert u.kept


def test_an_endpoint_that_never_says_go_on(upstream):
    u, attempt = opened(upstream)
    u.wait(HEAD_TIMEOUT)
    assert attempt.error.status == 504


# Upgrades.

def test_a_101_hands_the_connection_over(upstream):
    u = upstream()
    attempt = u.ask()
    u.serve(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly")
    assert attempt.told == ["upgrade"]
    assert (attempt.head.upgrade, attempt.surplus) == (b"websocket", b"early")
    assert u.connection not in u.wheel._watched
    assert not u.transport.closing


# Throwing away.

def test_discard_tells_nobody(upstream):
    u = upstream()
    attempt = u.ask()
    u.connection.discard()
    u.loop.run()
    assert attempt.told == []
    assert u.transport.lost
    u.connection.expired()
    assert attempt.told == []


def test_pausing_when_nobody_sends(upstream):
    u = upstream()
    u.connection.pause_writing()
    u.connection.resume_writing()
    assert not u.connection.stuffed
