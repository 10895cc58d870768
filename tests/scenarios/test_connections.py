"""Connections on both sides: which are kept, which are closed, and who waits for whom."""

import select

import pytest

from tests.scenarios.support import OK, ask, connect, rss, wait_until

CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi"


# Towards endpoints.


def test_one_connection_serves_many_clients(stage, loop):
    origin = stage.origin(OK)
    proxy = stage.before(origin, loop=loop)
    for _ in range(10):
        with connect(proxy) as client:
            for _ in range(2):
                client.get()
                assert client.response().body == b"OK"
    assert len(origin.requests) == 20
    assert origin.connections == 1
    with connect(proxy) as client:
        client.send(POST)  # which is not put at risk on a connection that may be closing
        assert client.response().body == b"OK"
    assert origin.connections == 2


def test_requests_at_the_same_time_have_a_connection_each(origin, proxy):
    with connect(proxy) as one, connect(proxy) as two:
        one.get("/1")
        first = origin.accept()
        assert first.request().target == b"/1"
        two.get("/2")
        second = origin.accept()
        assert second.request().target == b"/2"
        second.send(OK)
        assert two.response().body == b"OK"
        first.send(OK)
        assert one.response().body == b"OK"
        two.get("/3")
        ready, _, _ = select.select([first.sock, second.sock], [], [], 5)
        assert len(ready) == 1  # one of the two, and no third
        assert origin.nobody_waits()


def test_an_endpoint_that_closes_is_not_asked_again_on_that_connection(stage, loop):
    origin = stage.origin(CLOSING)
    proxy = stage.before(origin, loop=loop)
    assert [ask(proxy).status for _ in range(3)] == [200] * 3
    assert origin.connections == 3


@pytest.mark.parametrize("request_", [POST, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"])
def test_an_idle_connection_that_was_closed_costs_nobody_anything(origin, proxy, request_):
    with connect(proxy) as client:
        client.send(request_)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(OK)
            client.response()
        client.send(request_)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(OK)
            assert client.response().status == 200
    assert origin.nobody_waits()


def test_idle_connections_are_few_and_end(origin, before):
    proxy = before(pool="idle_connections: {max: 1, timeout: 500ms}")
    with connect(proxy) as one, connect(proxy) as two:
        one.get()
        first = origin.accept()
        first.request()
        two.get()
        second = origin.accept()
        second.request()
        first.send(OK)
        one.response()
        second.send(OK)
        two.response()
        assert second.at_end()  # there was one already
        assert first.at_end()   # and its time is over


def test_octets_that_nobody_asked_for_end_the_connection(origin, proxy):
    with connect(proxy) as client:
        client.get("/1")
        endpoint = origin.accept()
        endpoint.request()
        endpoint.send(OK)
        client.response()
        endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        assert endpoint.at_end()
        client.get("/2")
        with origin.accept() as other:
            other.request()
            other.send(OK)
            assert client.response().body == b"OK"


@pytest.mark.parametrize("threads", [1, 4])
def test_gunicorn_closing_connections_costs_no_request(stage, threads):
    application = stage.gunicorn(threads=threads, options=["--keep-alive=1", "--max-requests=40"], workers=2)
    proxy = stage.before(application)
    with connect(proxy) as client:
        for number in range(100):
            client.send(b"POST /length HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi")
            answer = client.response()
            assert (answer.status, answer.body) == (200, b"2"), number


def test_an_endpoint_on_a_unix_socket(stage, tmp_path, loop):
    path = str(tmp_path / "o.sock")
    origin = stage.origin(OK, place=path)
    proxy = stage.before(origin, loop=loop)
    assert [ask(proxy).body for _ in range(3)] == [b"OK"] * 3
    assert origin.connections == 1


# When the client leaves.


def test_a_client_that_leaves_while_the_endpoint_works(origin, proxy):
    client = connect(proxy)
    client.get()
    endpoint = origin.accept()
    endpoint.request()
    client.close()
    assert endpoint.at_end()


def test_a_client_that_leaves_in_the_middle_of_the_answer(origin, proxy):
    client = connect(proxy)
    client.get()
    endpoint = origin.accept()
    endpoint.request()
    endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
    assert client.until(b"begin")
    client.reset()
    assert endpoint.at_end()


def test_a_client_that_leaves_in_the_middle_of_its_upload(origin, proxy):
    client = connect(proxy)
    client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nbegin")
    client.close()
    assert ask_played(proxy, origin).body == b"OK"
    assert origin.nobody_waits()  # the half request went nowhere


def ask_played(proxy, origin):
    with connect(proxy) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(OK)
            return client.response()


# Towards clients.


def test_http_1_0_is_closed_unless_it_asks_otherwise(answered):
    with connect(answered) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        answer = client.response()
        assert (answer.first, answer.get(b"connection")) == (b"HTTP/1.1 200 OK", b"close")
        assert client.at_end()
    with connect(answered) as client:
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n")
            assert client.response().get(b"connection") == b"keep-alive"


def test_http_1_0_gets_no_chunks_and_no_interim(origin, proxy):
    with connect(proxy) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n")
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            endpoint.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            answer = client.response()
        assert answer.status == 200
        assert answer.get(b"transfer-encoding") is None
        assert (answer.body, answer.get(b"connection")) == (b"abc", b"close")


def test_head_has_the_length_and_no_body(origin, proxy):
    with connect(proxy) as client:
        client.get("/1", method="HEAD")
        endpoint = origin.accept()
        assert endpoint.request().method == b"HEAD"
        endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n")
        assert client.response("HEAD").get(b"content-length") == b"77"
        client.get("/2", method="HEAD")
        assert endpoint.request().target == b"/2"  # on the same connection: its end was known
        endpoint.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.response("HEAD")
        client.get("/3")
        assert endpoint.request().target == b"/3"
        endpoint.send(OK)
        assert client.response().body == b"OK"


def test_pipelined_answers_come_in_order(origin, proxy):
    with connect(proxy) as client:
        requests = (b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % number for number in range(5))
        client.send(b"".join(requests) + POST)
        endpoint = origin.accept()
        for number in range(5):
            assert endpoint.request().target == b"/%d" % number
            endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        endpoint = origin.accept()
        assert endpoint.request().body == b"hi"
        endpoint.send(OK)
        assert [client.response().body for _ in range(6)] == [b"0", b"1", b"2", b"3", b"4", b"OK"]
        assert origin.nobody_waits()  # one at a time, all on one connection


def test_pipelining_is_bounded(origin, proxy):
    """What a client sends ahead stays in its socket, not in our memory."""
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"x" * 16000 + b"\r\n\r\n"
    with connect(proxy) as client:
        client.send(request)
        endpoint = origin.accept()
        endpoint.request()
        before = rss(proxy.workers()[0])
        sent = 1 + client.send_ahead(request * 10_000) // len(request)
        assert sent < 5000
        assert rss(proxy.workers()[0]) - before < 2_000_000
        endpoint.send(OK)
        for _ in range(sent - 1):
            endpoint.request()
            endpoint.send(OK)
        assert [client.response().status for _ in range(sent)] == [200] * sent


def test_connection_close_is_obeyed(answered):
    with connect(answered) as client:
        client.get("/1", "Connection: close")
        client.get("/2")
        assert client.response().get(b"connection") == b"close"
        assert client.at_end()


def test_an_idle_client_is_let_go(stage, loop):
    proxy = stage.before(stage.origin(OK), top="timeouts: {keep_alive: 500ms}", loop=loop)
    with connect(proxy) as client:
        client.get()
        assert client.response().status == 200
        assert client.at_end()


def test_one_client_has_so_many_connections(stage, loop):
    proxy = stage.before(stage.origin(OK), top="limits: {connections_per_client: 2}", loop=loop)
    with connect(proxy) as one:
        one.get()
        assert one.response().status == 200
        with connect(proxy) as two:
            two.get()
            assert two.response().status == 200
            with connect(proxy) as three:
                three.get()
                assert three.response().status == 429
                assert three.at_end()
        wait_until(lambda: ask(proxy).status == 200, "room for another")


# Methods of their own kind.


@pytest.fixture(scope="module")
def special(shared):
    """A proxy where one route allows TRACE and CONNECT, and its origin, which answers all."""
    origin = shared.origin(OK)
    proxy = shared.proxy(f"""
pools: {{web: {{endpoints: ["{origin.address}"]}}}}
routes:
  - match: {{path: /traced, method: TRACE}}
    reverse_proxy: web
  - match: {{host: inside.example, method: CONNECT}}
    reverse_proxy: web
  - match: {{host: wall.example, method: CONNECT}}
    respond: {{status: 403}}
  - reverse_proxy: web
""")
    return proxy, origin


@pytest.mark.parametrize("line, fields, status, reaches", [
    ("OPTIONS * HTTP/1.1", "", 200, b"*"),
    ("OPTIONS http://b.example HTTP/1.1", "", 200, b"*"),
    ("OPTIONS /x HTTP/1.1", "Max-Forwards: 1\r\n", 200, b"/x"),
    ("OPTIONS /x HTTP/1.1", "Max-Forwards: 0\r\n", 200, None),
    ("TRACE /x HTTP/1.1", "", 501, None),
    ("TRACE /traced HTTP/1.1", "", 200, b"/traced"),
    ("TRACE /traced HTTP/1.1", "Max-Forwards: 0\r\n", 501, None),
    ("CONNECT a.example:443 HTTP/1.1", "", 501, None),
    ("CONNECT inside.example:443 HTTP/1.1", "", 501, None),
    ("CONNECT wall.example:443 HTTP/1.1", "", 403, None),
    ("CONNECT /x HTTP/1.1", "", 400, None),
    ("GET * HTTP/1.1", "", 400, None),
    ("PROPFIND /x HTTP/1.1", "", 200, b"/x"),
    ("get /x HTTP/1.1", "", 200, b"/x"),
])
def test_methods(special, line, fields, status, reaches):
    proxy, origin = special
    origin.requests.clear()
    with connect(proxy) as client:
        client.send(f"{line}\r\nHost: a.example\r\n{fields}\r\n".encode())
        assert client.response().status == status
    assert [request.target for request in origin.requests] == ([] if reaches is None else [reaches])
    assert not origin.requests or origin.requests[0].method == line.split()[0].encode()


def test_max_forwards_counts_down(special):
    proxy, origin = special
    ask(proxy, "/x", "Max-Forwards: 5", method="OPTIONS")
    assert origin.requests[-1].get(b"max-forwards") == b"4"
