import asyncio

import pytest

from proxy.balancing.least_connections import LeastConnections
from proxy.clock import DeadlineWheel
from proxy.config.load import loads
from proxy.errors import RequestError
from proxy.handlers.redirect import Redirect
from proxy.handlers.respond import Respond
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.handlers.static import Static
from proxy.runtime.build import build
from tests.fakes import FakeExchange, FakeLoop

CONFIG = """
listen: 127.0.0.1:8080
timeouts: {request_head: 1s, request_body: 2s, keep_alive: 3s, send: 4s, connect: 5s, response_head: 6s,
           response_body: 7s, tunnel: 8s}
limits: {request_head: 9KiB, headers: 3, request_body: 11KiB}
buffers: {memory: 12KiB, file: 13KiB, directory: FOLDER}
pools:
  web:
    strategy: least_connections
    endpoints: [{address: 127.0.0.1:8001, weight: 3}, "unix:/run/web.sock"]
    idle_connections: {max: 14, timeout: 15s}
routes:
  - match: {path: [/static/*, /assets/*]}
    static: {root: FOLDER}
  - match: {path: /old/*}
    redirect: {to: /new/}
  - match: {path: /ping}
    respond: {status: 200, body: pong}
  - match: {path: /api/*}
    reverse_proxy: web
    strip_prefix: true
    buffer_request: false
    buffer_response: false
    urgent: true
    send_files: {/protected/: FOLDER}
    limits: {request_body: 16}
  - reverse_proxy: web
"""


@pytest.fixture
def runtime(tmp_path):
    loop = FakeLoop()
    return build(loads(CONFIG.replace("FOLDER", str(tmp_path))), None, loop, DeadlineWheel(loop))


def route_of(runtime, target):
    return runtime.table.find(FakeExchange(target))


def test_settings(runtime, tmp_path):
    settings = runtime.settings
    assert {name: getattr(settings, name) for name in settings.__slots__} == {
        "head_timeout": 1, "body_timeout": 2, "keep_alive_timeout": 3, "send_timeout": 4,
        "head_limit": 9 << 10, "body_memory": 12 << 10, "body_file": 13 << 10, "directory": str(tmp_path)}
    with pytest.raises(RequestError):
        runtime.headers.parse(b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n")
    assert runtime.log is None


def test_pools(runtime):
    pool = runtime.pools["web"]
    timeouts = pool.timeouts
    assert [(e.name, e.host, e.port, e.weight) for e in pool.endpoints] == [
        ("127.0.0.1:8001", "127.0.0.1", 8001, 3), ("unix:/run/web.sock", "/run/web.sock", None, 1)]
    assert pool.endpoints[0]._most_idle == 14
    assert isinstance(pool.strategy, LeastConnections)
    assert {name: getattr(timeouts, name) for name in timeouts.__slots__} == {
        "connect": 5, "response_head": 6, "response_body": 7, "tunnel": 8}
    assert pool.endpoints[0].idle_limit.seconds == 15


@pytest.mark.parametrize("target, kind", [
    (b"/static/x", Static), (b"/assets/x", Static), (b"/old/x", Redirect), (b"/ping", Respond),
    (b"/api/x", ReverseProxy), (b"/", ReverseProxy)])
def test_handlers(runtime, target, kind):
    assert isinstance(route_of(runtime, target).handler, kind)


def test_each_path_of_a_route_has_its_prefix(runtime):
    one, other = route_of(runtime, b"/static/x"), route_of(runtime, b"/assets/x")
    assert (one.prefix, other.prefix) == (b"/static/", b"/assets/")
    assert one.name == other.name


def test_options_of_a_reverse_proxy(runtime):
    api, rest = route_of(runtime, b"/api/x"), route_of(runtime, b"/")
    assert (api.body_limit, rest.body_limit) == (16, 11 << 10)
    assert (api.handler.urgent, rest.handler.urgent) == (True, False)
    assert (api.handler.strip_prefix, api.handler.collect, api.handler.keep_up) == (b"/api", False, False)
    assert (rest.handler.strip_prefix, rest.handler.collect, rest.handler.keep_up) == (b"", True, True)
    assert api.handler.send_files is not None
    assert rest.handler.send_files is None
    assert api.handler.pool is rest.handler.pool is runtime.pools["web"]


def test_the_systems_folder_unless_one_is_named():
    loop = FakeLoop()
    config = loads("listen: 127.0.0.1:1\nroutes: [{respond: {status: 204}}]\n")
    assert build(config, None, loop, DeadlineWheel(loop)).settings.directory is None


async def test_nothing_is_opened_by_building(tmp_path):
    """A configuration is checked by building it, perhaps beside the one that runs."""
    loop = asyncio.get_running_loop()
    build(loads(CONFIG.replace("FOLDER", str(tmp_path))), None, loop, DeadlineWheel(loop))
    assert list(tmp_path.iterdir()) == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_files_in_memory_have_the_room_that_the_configuration_gives(monkeypatch, tmp_path):
    rooms = []
    monkeypatch.setattr("proxy.handlers.static_cache.Shelf.resize", lambda shelf, room: rooms.append(room))
    text = f"listen: 127.0.0.1:8080\nbuffers: {{static: 1MiB}}\nroutes: [{{static: {{root: {tmp_path}}}}}]"
    loop = FakeLoop()
    build(loads(text), None, loop, DeadlineWheel(loop))
    assert rooms == [1024 * 1024]
