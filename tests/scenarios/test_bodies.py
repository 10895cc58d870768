"""Bodies both ways: framing, trailers, interim answers, and where a body waits for a slow peer."""

import contextlib
import hashlib
import os

import pytest
import requests

from tests.scenarios.support import LOOPS, OK, PATIENCE, ask, connect, free_port, rss, wait_until

MB = 1_000_000
HEAD = b"POST /x HTTP/1.1\r\nHost: a.example\r\n"
NOISE = os.urandom(1 << 16) * 320  # 20 MiB


@pytest.fixture
def buffering(proxy):
    return proxy


@pytest.fixture
def streaming(origin, before):
    return before(route="buffer_request: false")


# Requests.


def test_a_chunked_request_is_collected_and_given_a_length(origin, buffering):
    with connect(buffering) as client:
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"4;x=y\r\ndefg\r\n0\r\n\r\n")
        request = origin.accept().request()
    assert request.body == b"abcdefg"
    assert request.get(b"content-length") == b"7"
    assert request.get(b"transfer-encoding") is None


def test_trailers_of_a_request_go_on_as_trailers(origin, buffering):
    with connect(buffering) as client:
        client.send(HEAD + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\n")
        client.send(b"X-Sum: 6\r\nContent-Length: 99\r\nHost: evil.example\r\n\r\n")
        request = origin.accept().request()
    assert (request.body, request.trailers) == (b"abc", b"X-Sum: 6\r\n")


def test_nothing_reaches_the_endpoint_before_the_body_is_whole(origin, buffering):
    with connect(buffering) as client:
        client.send(HEAD + b"Content-Length: 6\r\n\r\nabc")
        assert ask_other(buffering, origin) == b"OK"
        assert origin.nobody_waits()
        client.send(b"def")
        endpoint = origin.accept()
        assert endpoint.request().body == b"abcdef"


def ask_other(proxy, origin):
    """Another client's request, after which the connection is closed."""
    with connect(proxy) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(OK)
            return client.response().body


def test_a_streamed_request_arrives_piece_by_piece(origin, streaming):
    with connect(streaming) as client:
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        endpoint = origin.accept()
        assert endpoint.head().get(b"transfer-encoding") == b"chunked"
        assert endpoint.chunk() == b"abc"
        client.send(b"3\r\ndef\r\n")
        assert endpoint.chunk() == b"def"
        client.send(b"0\r\nX-Sum: 6\r\n\r\n")
        assert endpoint.chunk() == b""
        assert endpoint.until(b"\r\n\r\n") == b"X-Sum: 6\r\n\r\n"
        endpoint.send(OK)
        assert client.response().body == b"OK"


def test_a_streamed_request_of_known_length_keeps_it(origin, streaming):
    with connect(streaming) as client:
        client.send(HEAD + b"Content-Length: 6\r\n\r\nabc")
        endpoint = origin.accept()
        assert endpoint.head().get(b"content-length") == b"6"
        assert endpoint.exactly(3) == b"abc"
        client.send(b"def")
        assert endpoint.exactly(3) == b"def"
        endpoint.send(OK)
        assert client.response().body == b"OK"


def test_a_stream_is_as_slow_as_the_endpoint(origin, streaming):
    with connect(streaming) as client:
        client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(NOISE))
        with origin.accept() as endpoint:
            endpoint.head()
            before = rss(streaming.workers()[0])
            sent = client.send_ahead(NOISE)
            assert sent < len(NOISE)
            assert rss(streaming.workers()[0]) - before < 2 * MB
            assert endpoint.exactly(sent) == NOISE[:sent]


def test_both_may_leave_a_stream_that_stands_still(stage, loop):
    """We read no more from the client, so we learn that it is gone when we tell it that the endpoint is."""
    origin = stage.origin()
    proxy = stage.before(origin, route="buffer_request: false", loop=loop)
    client = connect(proxy)
    client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(NOISE))
    with origin.accept() as endpoint:
        endpoint.head()
        assert client.send_ahead(NOISE) < len(NOISE)
        client.close()
    assert ask_other(proxy, origin) == b"OK"
    assert proxy.stop() == 0
    assert "Traceback" not in proxy.log()


# 100 Continue.

EXPECT = HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"


def test_where_bodies_are_collected_we_say_continue(origin, buffering):
    with connect(buffering) as client:
        client.send(EXPECT)
        assert client.response().status == 100
        assert origin.nobody_waits()
        client.send(b"abc")
        endpoint = origin.accept()
        request = endpoint.request()
        assert (request.get(b"expect"), request.body) == (None, b"abc")
        endpoint.send(OK)
        assert client.response().status == 200


def test_where_bodies_are_streamed_the_endpoint_says_continue(origin, streaming):
    with connect(streaming) as client:
        client.send(EXPECT)
        endpoint = origin.accept()
        assert endpoint.head().get(b"expect") == b"100-continue"
        assert not client.has_news(0.2)
        endpoint.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert client.response().status == 100
        client.send(b"abc")
        assert endpoint.exactly(3) == b"abc"
        endpoint.send(OK)
        assert client.response().status == 200


def test_an_endpoint_may_refuse_before_it_has_the_body(origin, streaming):
    with connect(streaming) as client:
        client.send(EXPECT)
        endpoint = origin.accept()
        endpoint.head()
        endpoint.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        answer = client.response()
        assert (answer.status, answer.body) == (401, b"no")
        assert endpoint.at_end()  # what the client sends now would be taken for a request


def test_a_body_over_the_limit_is_refused_without_continue(before):
    proxy = before(route="limits: {request_body: 2}")
    with connect(proxy) as client:
        client.send(EXPECT)
        assert client.response().status == 413


def test_early_hints_are_relayed(origin, buffering):
    with connect(buffering) as client:
        client.get()
        endpoint = origin.accept()
        endpoint.request()
        for number in range(2):
            endpoint.send(b"HTTP/1.1 103 Early Hints\r\nLink: </%d.css>\r\nServer: x\r\n\r\n" % number)
            hint = client.response()
            assert (hint.status, hint.fields) == (103, [(b"Link", b"</%d.css>" % number)])
        endpoint.send(OK)
        assert client.response().status == 200


# Refusals that a client can read which is still sending.

FIRST = {
    "413 by length": (413, HEAD + b"Content-Length: 3000000\r\n\r\n"),
    "413 by chunks": (413, HEAD + b"Transfer-Encoding: chunked\r\n\r\n186a1\r\n" + b"x" * 100_001),
    "417": (417, HEAD + b"Expect: cake\r\nContent-Length: 3000000\r\n\r\n"),
    "414": (414, b"GET /" + b"x" * 40_000),
    "431": (431, HEAD + b"X: " + b"x" * 40_000),
    "501": (501, HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "505": (505, b"POST / HTTP/2.0\r\nContent-Length: 3000000\r\n\r\n"),
    "400": (400, b"nonsense\r\n"),
    "404": (404, HEAD.replace(b"/x", b"/none") + b"Content-Length: 3000000\r\n\r\n"),
}


@pytest.fixture(scope="module", params=LOOPS)
def strict(request, shared):
    return shared.proxy(f"""
limits: {{request_body: 100000}}
timeouts: {{request_body: 500ms, request_head: 500ms}}
pools: {{nobody: {{endpoints: ["127.0.0.1:{free_port()}"]}}}}
routes:
  - {{match: {{path: /x}}, reverse_proxy: nobody}}
""", loop=request.param)


@pytest.mark.parametrize("case", FIRST)
def test_a_client_that_is_still_sending_can_read_the_refusal(strict, case):
    status, first = FIRST[case]
    with connect(strict) as client:
        client.send(first)
        assert client.has_news()
        for _ in range(40):
            client.send(b"x" * 50_000)  # 2 MB more, which a hasty close would answer with a reset
        answer = client.response()
        assert (answer.status, answer.get(b"connection")) == (status, b"close")
        client.half_close()
        assert client.at_end()


@pytest.mark.parametrize("sent", [b"POST /x HTTP/1.1\r\nHost:", HEAD + b"Content-Length: 9\r\n\r\nabc"])
def test_who_sends_too_slowly_is_told(strict, sent):
    with connect(strict) as client:
        client.send(sent)
        answer = client.response()
        assert (answer.status, answer.get(b"connection")) == (408, b"close")


# Responses.


def test_a_chunked_answer_keeps_its_trailers(origin, buffering):
    with connect(buffering) as client:
        client.get("/", "TE: trailers")
        endpoint = origin.accept()
        endpoint.request()
        endpoint.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        endpoint.send(b"3\r\ndef\r\n0\r\nX-Sum: 6\r\nSet-Cookie: evil=1\r\n\r\n")
        answer = client.response()
    assert (answer.body, answer.trailers) == (b"abcdef", b"X-Sum: 6\r\n")


def test_an_answer_that_ends_with_the_connection_gets_chunks(origin, buffering):
    with connect(buffering) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.0 200 OK\r\n\r\nabc")
        answer = client.response()
        assert (answer.body, answer.get(b"transfer-encoding")) == (b"abc", b"chunked")
        assert ask_other(buffering, origin) == b"OK"


@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_an_answer_that_is_cut_short_looks_so(origin, buffering, framing):
    with connect(buffering) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n3\r\nabc\r\n")
        with pytest.raises(EOFError):
            client.response()


def test_an_endpoint_is_free_before_a_slow_client_has_its_answer(origin, buffering):
    """The rest of 20 MiB waits in a temporary file, not in memory."""
    worker = buffering.workers()[0]
    before = rss(worker)
    with connect(buffering) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(NOISE))
            endpoint.send(NOISE)
            assert endpoint.at_end()
        assert rss(worker) - before < 4 * MB
        assert temporary_files(worker) == 1
        assert client.response().body == NOISE
        wait_until(lambda: temporary_files(worker) == 0, "the file to go")


def temporary_files(pid):
    count = 0
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            name = os.readlink(entry.path)
            count += "(deleted)" in name and not name.startswith("/memfd:")  # the board is no body
    return count


@pytest.mark.parametrize("top, route", [
    ("buffers: {memory: 16KiB, file: 1MiB}", ""),
    ("", "buffer_response: false"),
])
def test_an_endpoint_waits_for_a_client_where_it_should(origin, before, top, route):
    proxy = before(top=top, route=route)
    with connect(proxy) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(NOISE))
            sent = endpoint.send_ahead(NOISE)
            assert sent < len(NOISE)
            client.head()
            assert client.exactly(sent) == NOISE[:sent]
            assert endpoint.send_ahead(NOISE[sent:sent + MB]) == MB  # now it may go on


# With a real application.


@pytest.fixture(scope="module", params=LOOPS)
def site(request, shared):
    return shared.before(shared.gunicorn(), top="buffers: {memory: 16KiB}", loop=request.param)


def test_a_big_upload_passes_through_a_file(site):
    worker = site.workers()[0]
    before = rss(worker)
    answer = requests.post(f"{site.url}/length", data=NOISE, timeout=PATIENCE)
    assert answer.text == str(len(NOISE))
    assert rss(worker) - before < 4 * MB
    wait_until(lambda: temporary_files(worker) == 0, "the file to go")


def test_a_big_upload_in_chunks(site):
    pieces = (NOISE[at:at + 100_000] for at in range(0, len(NOISE), 100_000))
    assert requests.post(f"{site.url}/length", data=pieces, timeout=PATIENCE).text == str(len(NOISE))


def test_what_goes_up_comes_down(site):
    answer = requests.post(f"{site.url}/echo", data=NOISE, timeout=PATIENCE)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(NOISE).digest()


def test_slow_clients_do_not_hold_the_only_worker(site):
    slow = [connect(site) for _ in range(20)]
    try:
        for client in slow:
            client.send(b"POST /length HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nabc")
        readers = [connect(site) for _ in range(5)]
        slow += readers
        for client in readers:
            client.get("/body/8000000")
        assert ask(site, "/who").body == b"one"
        for client in slow[:20]:
            client.send(b"de")
            assert client.response().body == b"5"
        for client in readers:
            assert len(client.response().body) == 8 * MB
    finally:
        for client in slow:
            client.close()
