import pytest

from proxy.errors import RequestError
from proxy.http.body import Body
from tests.handlers.stage import HELLO, settle


async def test_connect_is_no_request_for_a_gateway(setting):
    s = setting()
    exchange = await s.handle(b"a.example:443", method=b"CONNECT")
    assert exchange.refused == 501
    assert s.remotes == []


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
    exchange = await s.handle(
        method=b"POST", fields=fields, body_length=None, collected=Body(b"body", None, b"A: b\r\n"))
    assert b"Transfer-Encoding: chunked" in s.remote.lines
    assert not any(line.startswith(b"Expect") for line in s.remote.lines)
    assert s.remote.request.endswith(b"4\r\nbody\r\n0\r\nA: b\r\n\r\n")
    s.remote.serve(b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO)
    assert (exchange.finished, exchange.reader, exchange.interims) == (True, None, [])
