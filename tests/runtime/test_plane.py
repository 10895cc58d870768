import asyncio
import gc
import json
import socket
import tempfile

import pytest

from proxy import tasks
from proxy.config.load import loads
from proxy.process import news
from proxy.runtime.plane import TIDY_EVERY, DataPlane
from proxy.upstream.endpoint import Order

CONFIG = """
listen: 127.0.0.1:8080
access_log: LOG
timeouts: {drain: 1s}
limits: {connections: 5, connections_per_client: 3}
trusted_proxies: [192.0.2.0/24]
pools: {web: {endpoints: ["127.0.0.1:1"]}}
routes:
  - match: {path: /ping}
    respond: {status: 200, body: pong}
  - reverse_proxy: web
"""


@pytest.fixture(autouse=True)
def collector():
    """As it was: a plane tunes the collector for the whole process."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
async def plane(tmp_path):
    made = []

    async def make(log="false"):
        made.append(DataPlane(loads(CONFIG.replace("LOG", log)), asyncio.get_running_loop()))
        sock = socket.create_server(("127.0.0.1", 0))
        await made[-1].start([(None, sock)])
        return made[-1], sock.getsockname()

    yield make
    for one in made:
        await one.close()
        for _ in range(1000):  # turns of the loop, until the transports have closed
            if one._gate.count or tasks._running:
                await asyncio.sleep(0)
        assert one._gate.count == 0


async def get(name, path=b"/ping"):
    reader, writer = await asyncio.open_connection(*name)
    writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
    data = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return data


async def test_it_serves(plane):
    _, name = await plane()
    answer = await get(name)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"pong")
    assert (await get(name, b"/else")).startswith(b"HTTP/1.1 502 ")


async def test_the_folder_for_files_is_found_while_there_are_descriptors(plane, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    await plane()
    assert tempfile.tempdir == tempfile.gettempdir()


async def test_what_the_configuration_says_of_clients(plane):
    one, _ = await plane()
    assert (one._gate.most, one._gate.per_client) == (5, 3)
    assert "192.0.2.9" in one._trust
    assert "198.51.100.1" not in one._trust
    assert one._log is None
    one.reopen_logs()
    assert one._log is None


async def test_the_collector_looks_at_no_more_than_it_must(plane):
    await plane()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] > 10_000


async def test_logs_are_written_and_reopened(plane, tmp_path):
    path = tmp_path / "access.log"
    one, name = await plane(f"{{path: {path}}}")
    await get(name)
    path.rename(tmp_path / "old.log")
    one.reopen_logs()
    assert b'"GET /ping HTTP/1.1" 200 4' in (tmp_path / "old.log").read_bytes()
    await get(name, b"/ping?last")
    await one.close()
    assert b"/ping?last" in path.read_bytes()
    one._log._out.close()


async def test_after_draining_nobody_is_served(plane):
    one, name = await plane()
    await one.drain(1.0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*name)
    assert one._wheel._timer is None


async def test_pools_are_closed(plane):
    one, _ = await plane()
    closed = []
    one._runtime.pools["web"].close = lambda: closed.append(1)
    await one.close()
    assert closed == [1]


async def test_idle_connections_are_tidied_now_and_then(plane):
    one, _ = await plane()
    times = []
    next(iter(one._listeners)).tidy = times.append
    one._next_tidy = 0.0
    for now in (100.0, 101.0, 100.0 + TIDY_EVERY):
        one._tidy(now)
    assert times == [100.0, 100.0 + TIDY_EVERY]


async def test_what_the_lookout_finds_out_reaches_the_pool(plane):
    made, _ = await plane()
    pool = made._runtime.pools["web"]
    made.told("health", '{"pool": "web", "endpoint": "127.0.0.1:1", "up": false, "why": "HTTP 500 in 1 ms"}')
    assert pool.endpoints[0].probe_failure == "HTTP 500 in 1 ms"
    made.told("health", '{"pool": "web", "endpoint": "127.0.0.1:1", "up": true, "why": "HTTP 200 in 1 ms"}')
    assert not pool.endpoints[0].probe_failure
    found = '["127.0.0.2:1", "[::1]:2"]'
    shares = '{"127.0.0.2:1": [1, 50]}'
    made.told("addresses", (
        f'{{"pool": "web", "endpoint": "127.0.0.1:1", "addresses": {found}, "shares": {shares}}}'))
    assert [(endpoint.name, endpoint.weight, endpoint.group) for endpoint in pool.endpoints] == [
        ("127.0.0.2:1", 50, (0, 1)), ("[::1]:2", 100, (0, 0))]


async def test_what_the_operator_wants_reaches_the_pool(plane):
    made, _ = await plane()
    endpoint = made._runtime.pools["web"].endpoints[0]
    made.told(news.ORDER, news.order("web", endpoint.name, "drain"))
    assert endpoint.order is Order.DRAIN
    made.told(news.WEIGHT, news.weight("web", endpoint.name, 7))
    assert (endpoint.share, endpoint.weight) == (7, 7)
    made.told(news.ORDER, news.order("web", endpoint.name, "ready"))
    assert endpoint.is_available()


async def test_an_address_that_cannot_be_reached_is_reported_by_its_name(plane):
    made, _ = await plane()
    pool, heard = made._runtime.pools["web"], []
    made.report_to(lambda word, text, about: heard.append((word, text)))
    pool.connect_failed(pool.endpoints[0], "refused")
    ((word, record),) = heard
    assert (word, json.loads(record)["kind"]) == ("event", "unreachable")  # it is no name
    name = pool.endpoints[0].origin
    made.told(news.ADDRESSES, news.addresses("web", name, ["127.0.0.2:1"], {}))
    pool.connect_failed(pool.endpoints[0], "refused")
    assert heard[-1] == (news.HURRY, news.hurry("web", name))


async def test_an_endpoint_comes_and_goes(plane):
    made, _ = await plane()
    pool = made._runtime.pools["web"]
    known = pool.endpoints[0].name
    one = {"there": True, "weight": 3, "backup": True, "max_connections": 5, "unchecked": False}
    for _ in range(2):  # a worker that starts later may be told what it has
        made.told(news.ENDPOINT, news.endpoint("web", "127.0.0.1:9", **one))
    assert [endpoint.name for endpoint in pool.endpoints] == [known, "127.0.0.1:9"]
    added = pool.endpoints[1]
    assert (added.share, added.priority, added.most, added.is_available()) == (3, 1, 5, True)
    made.told(news.ENDPOINT, news.endpoint("web", known, there=False))
    assert pool.endpoints == [added]
    made.told(news.ENDPOINT, news.endpoint("web", "127.0.0.1:9", there=False))
    assert pool.endpoints == [added]  # the last one stays
    made.told(news.ENDPOINT, news.endpoint("web", "127.0.0.1:8", **{**one, "unchecked": True}))
    assert not pool.endpoints[1].is_available()


async def test_it_tells_of_its_pools(plane):
    made, _ = await plane()
    made.told(news.PAUSE, news.pause("web", paused=True))
    (pool,) = made.answers["pools"]({})
    assert (pool["name"], pool["strategy"], pool["paused"], pool["queue"]) == ("web", "round_robin", True, 0)
    (endpoint,) = pool["endpoints"]
    assert (endpoint["state"], endpoint["order"], endpoint["in_flight"]) == ("up", "ready", 0)
