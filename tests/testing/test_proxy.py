import asyncio
import gc
import threading
import urllib.request
import warnings

import flask
import pytest

from proxy.config.errors import ConfigErrors
from proxy.explain.words import in_words
from proxy.testing import TestProxy, faults
from tests.testing.apps import named, wsgi

CONFIG = """\
pools:
  web:
    endpoints: [10.0.0.11:8000, 10.0.0.12:8000]
    ejection: false
routes:
  - match: {path: /ping}
    respond: {body: pong}
  - {name: site, reverse_proxy: web}
timeouts: {response_head: 500ms, connect: 500ms}
"""
ONE = {
    "pools": {"web": {"endpoints": ["10.0.0.11:8000"], "retry": False}}, "routes": [{"reverse_proxy": "web"}],
    "timeouts": {"response_head": "500ms"}}

pytest_plugins = ["proxy.testing.fixtures"]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    """Neither threads nor sockets: an unclosed one is a ResourceWarning."""
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        yield
        gc.collect()
    assert set(threading.enumerate()) <= before


@pytest.fixture
def one():
    with TestProxy(ONE, endpoints={"web": wsgi}) as proxy:
        yield proxy


def test_a_wsgi_application():
    with TestProxy(CONFIG, endpoints={"web": wsgi}) as proxy:
        response = proxy.post("/a%20b?c=d", b"hello", headers={"X-Real-IP": "1.2.3.4"})
        assert response.json() == {
            "path": "/a b", "query": "c=d", "method": "POST", "client": "127.0.0.1", "body": "hello"}
        assert (response.status, response.route, response.pool) == (200, "site", "web")
        assert response.endpoint in ("10.0.0.11:8000", "10.0.0.12:8000")
        assert proxy.get("/stream").text == "one,two,three"
        assert proxy.get("/ping").body == b"pong"
        assert proxy.request("HEAD", "/").body == b""
        assert proxy.get("/broken").status == 500


def test_a_flask_application():
    app = flask.Flask("shop")

    @app.get("/")
    def index():
        return f"for {flask.request.host}"

    with TestProxy(ONE, endpoints={"web": app}) as proxy:
        assert proxy.get("https://shop.example/").text == "for shop.example"


def test_asgi_applications_one_for_each_endpoint():
    with TestProxy(CONFIG, endpoints={"web": [named("a"), named("b")]}) as proxy:
        answers = {proxy.post("/x", b"12").text for _ in range(4)}
        assert answers == {"a POST /x 2", "b POST /x 2"}
        assert [len(proxy.endpoint("web", at).asked) for at in (0, 1)] == [2, 2]
        assert proxy.endpoint("web", "10.0.0.12:8000").asked[0].get("x-forwarded-for") == "127.0.0.1"


async def test_in_the_loop_of_the_test():
    async with TestProxy(CONFIG, endpoints={"web": named("a")}) as proxy:
        answers = await asyncio.gather(*(proxy.get(f"/{number}") for number in range(20)))
        assert [answer.text for answer in answers] == [f"a GET /{number} 0" for number in range(20)]
        with proxy.endpoint("web", 0).failing(faults.status(503)):
            assert (await proxy.get("/")).text == "a GET / 0"


def test_any_client_may_ask(one):
    with urllib.request.urlopen(f"{one.url}/x") as response:
        assert b'"path": "/x"' in response.read()


def test_the_fixture(test_proxy):
    proxy = test_proxy(CONFIG, endpoints={"web": wsgi})
    assert proxy.get("/").status == 200


def test_an_endpoint_that_refuses_costs_nobody_anything():
    with TestProxy(CONFIG, endpoints={"web": wsgi}) as proxy:
        proxy.endpoint("web", 0).fault = faults.refuse()
        answers = [proxy.get("/") for _ in range(4)]
        assert [(answer.status, answer.endpoint) for answer in answers] == [(200, "10.0.0.12:8000")] * 4
        failed = next(answer for answer in answers if answer.exchange.trail)
        told = in_words(proxy.explain(failed))
        assert "10.0.0.11:8000  connect: connection refused" in told
        assert "10.0.0.12:8000  HTTP 200" in told


@pytest.mark.parametrize("fault, status, whole", [
    (faults.refuse(), 502, True), (faults.reset(), 502, True), (faults.hang(), 504, True),
    (faults.status(418), 418, True), (faults.slow(0.01), 200, True), (faults.drop(after=10), 200, False),
    (faults.drop(after=0), 200, False),
])
def test_what_each_fault_does(one, fault, status, whole):
    endpoint = one.endpoint("web")
    with endpoint.failing(fault):
        response = one.get("/", timeout=10)
    assert (response.status, response.whole) == (status, whole)
    assert one.get("/").whole or fault.kind == "refuse"  # which it goes on passing over for a second


def test_a_fault_may_come_a_few_times():
    with TestProxy(CONFIG, endpoints={"web": wsgi}) as proxy:
        for at in (0, 1):
            proxy.endpoint("web", at).fault = faults.reset(times=1)
        first = proxy.get("/")
        assert (first.status, first.exchange.attempts) == (502, 2)
        assert [proxy.get("/").status for _ in range(2)] == [200, 200]


def test_a_probe_may_call_an_endpoint_down():
    with TestProxy(CONFIG, endpoints={"web": wsgi}) as proxy:
        proxy.probed("web", 0, up=False, why="HTTP 500")
        assert {proxy.get("/").endpoint for _ in range(4)} == {"10.0.0.12:8000"}
        proxy.probed("web", 0, up=True)
        assert len({proxy.get("/").endpoint for _ in range(4)}) == 2


def test_an_endpoint_may_speak_for_itself():
    async def raw(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok")
        await writer.drain()

    with TestProxy(ONE, endpoints={"web": raw}) as proxy:
        response = proxy.get("/")
        assert (response.body, response.get("server")) == (b"ok", None)


def test_a_pool_without_application_is_refused():
    with TestProxy(ONE) as proxy:
        response = proxy.get("/")
        assert response.status == 502
        assert "the test has no application for web 10.0.0.11:8000" in response.exchange.why


def test_mistakes_are_told_before_anything_starts():
    with pytest.raises(ConfigErrors, match="reverse_proxy"):
        TestProxy({"routes": [{"reverse_proxy": "web"}]})
    with pytest.raises(ValueError, match="the configuration has no pool 'wep'; it has web"):
        TestProxy(ONE, endpoints={"wep": wsgi}).__enter__()
    with pytest.raises(ValueError, match="the pool 'web' has 1 endpoints, not 2"):
        TestProxy(ONE, endpoints={"web": [wsgi, wsgi]}).__enter__()
    with pytest.raises(TypeError, match="is no application"):
        TestProxy(ONE, endpoints={"web": 7}).__enter__()
    with pytest.raises(RuntimeError, match="within `with"):
        TestProxy(ONE).get("/")


def test_an_application_that_does_not_start():
    async def app(scope, receive, send):
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="the application did not start: no database"):
        TestProxy(ONE, endpoints={"web": app}).__enter__()


def test_the_collector_is_left_as_it_was():
    before = gc.get_threshold()
    with TestProxy(ONE, endpoints={"web": wsgi}) as proxy:
        proxy.get("/")
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_file_and_what_stands_beside_it(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "config.yaml").write_text("listen: 0.0.0.0:80\nroutes:\n  - static: {root: .}\n")
    with TestProxy(tmp_path / "config.yaml") as proxy:
        assert proxy.get("/a.txt").text == "hello"
