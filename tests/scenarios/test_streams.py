"""What must not wait for its end: events, tunnels, and everything that an endpoint calls a stream."""

import asyncio
from http.client import HTTPConnection

import pytest
import requests
import websockets
from websockets.asyncio.client import connect as websocket

from tests.scenarios.support import HOST, OK, PATIENCE, connect, wait_until

UPGRADE = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


@pytest.fixture
def opened(origin, proxy):
    """Both ends of a tunnel."""
    with connect(proxy) as client:
        client.get("/", *UPGRADE)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(SWITCHED)
            assert client.response().status == 101
            yield client, endpoint


# Events.


@pytest.mark.parametrize("field", [
    b"Content-Type: text/event-stream",
    b"Content-Type: text/event-stream; charset=utf-8",
    b"X-Accel-Buffering: no",
])
@pytest.mark.parametrize("framed", [True, False])
def test_each_event_arrives_when_it_is_sent(origin, proxy, field, framed):
    with connect(proxy) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            coding = b"Transfer-Encoding: chunked\r\n" if framed else b""
            endpoint.send(b"HTTP/1.1 200 OK\r\n%b\r\n%b\r\n" % (field, coding))
            head = client.head()
            assert head.get(b"x-accel-buffering") is None
            for number in range(3):
                event = b"data: %d\n\n" % number
                endpoint.send(b"%x\r\n%b\r\n" % (len(event), event) if framed else event)
                assert client.chunk() == event
            if framed:
                endpoint.send(b"0\r\n\r\n")
        assert client.chunk() == b""


def test_an_event_stream_of_an_application(stage, loop):
    application = stage.gunicorn("tests.scenarios.apps:app", threads=2)
    proxy = stage.before(application, loop=loop)
    with requests.get(f"{proxy.url}/events", stream=True, timeout=PATIENCE) as answer:
        lines = answer.iter_lines(chunk_size=1)
        assert next(lines) == b"data: 1"
        # The second one is sent only when the first was seen.
        assert requests.post(f"{proxy.url}/events", timeout=PATIENCE).status_code == 204
        assert list(lines)[-2:] == [b"data: 2", b""]


def test_a_slow_answer_of_any_kind_arrives_as_it_comes(origin, proxy):
    with connect(proxy) as client:
        client.get()
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            assert client.until(b"abc")
            endpoint.send(b"def")
            assert client.exactly(3) == b"def"


def test_a_client_that_leaves_an_event_stream_ends_it(origin, proxy):
    client = connect(proxy)
    client.get()
    with origin.accept() as endpoint:
        endpoint.request()
        endpoint.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        client.until(b"data: 1")
        client.close()
        assert endpoint.at_end()


# Tunnels.


def test_octets_cross_both_ways(opened):
    client, endpoint = opened
    for _ in range(3):
        client.send(b"ping")
        assert endpoint.exactly(4) == b"ping"
        endpoint.send(b"pong" * 100_000)
        assert client.exactly(400_000) == b"pong" * 100_000


def test_what_stands_behind_request_and_answer_is_not_lost(origin, proxy):
    with connect(proxy) as client:
        fields = "".join(f"{field}\r\n" for field in UPGRADE)
        client.send(f"GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\nearly".encode())
        with origin.accept() as endpoint:
            request = endpoint.request()
            assert request.get(b"upgrade") == b"echo"
            assert request.get(b"connection").lower() == b"upgrade"
            endpoint.send(SWITCHED + b"first")
            assert endpoint.exactly(5) == b"early"
            assert client.response().status == 101
            assert client.exactly(5) == b"first"


def test_half_closes_are_passed_on(opened):
    client, endpoint = opened
    client.send(b"last words")
    client.half_close()
    assert endpoint.rest() == b"last words"
    endpoint.send(b"answer")
    assert client.exactly(6) == b"answer"
    endpoint.half_close()
    assert client.at_end()


@pytest.mark.parametrize("side", [0, 1])
def test_when_one_side_is_gone_the_other_is_closed(opened, side):
    opened[side].reset()
    assert opened[1 - side].at_end()


def test_a_slow_reader_slows_the_other_side(opened):
    client, endpoint = opened
    data = b"x" * 50_000_000
    sent = endpoint.send_ahead(data)
    assert sent < len(data)
    assert client.exactly(sent) == data[:sent]
    assert endpoint.send_ahead(data[:1_000_000]) == 1_000_000


def test_an_idle_tunnel_is_ended(origin, before):
    proxy = before(top="timeouts: {tunnel: 500ms}")
    with connect(proxy) as client:
        client.get("/", *UPGRADE)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(SWITCHED)
            assert client.response().status == 101
            assert client.at_end()
            assert endpoint.at_end()


def test_a_tunnel_is_in_the_access_log_when_it_ends(opened, proxy):
    client, endpoint = opened
    line = '"GET / HTTP/1.1" 101 1234567 '
    endpoint.send(b"x" * 1_234_567)
    client.exactly(1_234_567)
    assert line not in proxy.access_log()
    endpoint.close()
    assert client.at_end()
    client.close()
    wait_until(lambda: line in proxy.access_log(), "the line")


def test_a_stop_ends_tunnels_at_the_limit_of_the_drain(stage, origin, loop):
    proxy = stage.before(origin, top="timeouts: {drain: 500ms}", loop=loop)
    with connect(proxy) as client:
        client.get("/", *UPGRADE)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(SWITCHED)
            assert client.response().status == 101
            assert proxy.stop() == 0
            assert client.at_end()
            assert endpoint.at_end()


def test_an_endpoint_need_not_switch(origin, proxy):
    with connect(proxy) as client:
        client.get("/1", *UPGRADE)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(OK)
            assert client.response().body == b"OK"
            client.get("/2")  # both connections are plain HTTP as before
            assert endpoint.request().target == b"/2"
            endpoint.send(OK)
            assert client.response().body == b"OK"


@pytest.mark.parametrize("fields, answer", [
    ((), SWITCHED),
    (("Connection: Upgrade", "Upgrade: other"), SWITCHED),
    (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
])
def test_a_switch_that_nobody_asked_for_is_an_error(origin, proxy, fields, answer):
    with connect(proxy) as client:
        client.get("/", *fields)
        with origin.accept() as endpoint:
            endpoint.request()
            endpoint.send(answer)
            assert client.response().status == 502
            assert endpoint.at_end()


def test_http_1_0_cannot_switch(origin, proxy):
    with connect(proxy) as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        with origin.accept() as endpoint:
            assert endpoint.request().get(b"upgrade") is None
            endpoint.send(OK)
            assert client.response().status == 200


# WebSocket, as people use it.


@pytest.fixture(scope="module")
def sockets(shared, loop):
    """A proxy before an ASGI application that echoes."""
    return shared.before(shared.uvicorn("tests.scenarios.apps:asgi"), loop=loop)


async def test_a_websocket_echoes(sockets):
    async with asyncio.timeout(PATIENCE), websocket(f"ws://{sockets.address}/chat") as chat:
        for message in ("hello", b"\x00\xff", "ü" * 100_000, ""):
            await chat.send(message)
            assert await chat.recv() == message
        await (await chat.ping())


async def test_a_websocket_is_closed_with_its_code(sockets):
    async with asyncio.timeout(PATIENCE), websocket(f"ws://{sockets.address}/chat") as chat:
        await chat.send("bye")
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await chat.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "bye")


async def test_many_websockets_at_once(sockets):
    async def echo(number):
        async with websocket(f"ws://{sockets.address}/{number}") as chat:
            for _ in range(5):
                await chat.send(str(number))
                assert await chat.recv() == str(number)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(echo(number) for number in range(40)))


def test_plain_requests_beside_websockets(sockets):
    plain = HTTPConnection(HOST, sockets.port, timeout=PATIENCE)
    plain.request("GET", "/")
    assert plain.getresponse().read() == b"asgi\n"
    plain.close()
