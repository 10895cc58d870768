"""A reload inside one worker: what goes on, what changes, and that nothing is left behind."""

import asyncio
import gc
import json
import socket

import pytest

from proxy import tasks
from proxy.config.load import loads
from proxy.process import news
from proxy.runtime.parcel import new_parcel, pack, unpack
from proxy.runtime.plane import DataPlane
from proxy.runtime.slices import at_once, in_slices
from proxy.upstream.endpoint import Order

ROUTES = """
  - match: {path: /static/*}
    static: {root: ROOT}
  - reverse_proxy: web
"""


@pytest.fixture(autouse=True)
def collector():
    """As it was: a plane tunes the collector for the whole process."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Origin:
    """Answers with what it is told to, as soon as it may."""

    def __init__(self):
        self.may = asyncio.Event()
        self.may.set()
        self.connections = 0
        self.waiting = asyncio.Event()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.name = "{}:{}".format(*self.server.sockets[0].getsockname())
        return self

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.waiting.set()
                await self.may.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Stage:
    def __init__(self, folder):
        self.folder = folder
        self.planes, self.origins = [], []

    def config(self, pools, routes=ROUTES, top=""):
        listen = "" if "listen:" in top else "listen: 127.0.0.1:8080\n"
        log = "" if "access_log:" in top else "access_log: false\n"
        return loads(f"{listen}{log}{top}\npools: {json.dumps(pools)}\nroutes:{routes}".replace(
            "ROOT", str(self.folder)))

    async def origin(self):
        self.origins.append(await Origin().start())
        return self.origins[-1]

    async def plane(self, config):
        plane = DataPlane(config, asyncio.get_running_loop())
        self.planes.append(plane)
        sock = socket.create_server(("127.0.0.1", 0))
        self.name = sock.getsockname()
        await plane.start([(config.listen[0], sock)])
        return plane

    async def reload(self, config, sockets=(), known=()):
        plane = self.planes[-1]
        await plane.prepare(config)
        plane.commit(sockets, known)

    async def ask(self, path=b"/", name=None):
        reader, writer = await asyncio.open_connection(*(name or self.name))
        writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
        data = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return data

    async def end(self):
        for plane in self.planes:
            await plane.close()
        for origin in self.origins:
            origin.may.set()
            origin.server.close()
        for _ in range(1000):
            if tasks._running:
                await asyncio.sleep(0)


@pytest.fixture
async def stage(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    stage = Stage(tmp_path)
    yield stage
    await stage.end()


async def until(is_true):
    async with asyncio.timeout(5):
        while not is_true():  # noqa: ASYNC110  # turns of the loop, in which what it looks at happens
            await asyncio.sleep(0)


def pool_of(plane, name="web"):
    return plane._runtime.pools[name]


async def test_what_did_not_change_is_the_same_as_before(stage):
    origin = await stage.origin()
    config = stage.config({"web": {"endpoints": [origin.name]}})
    plane = await stage.plane(config)
    assert (await stage.ask()).endswith(b"OK")
    assert (await stage.ask(b"/static/a.txt")).endswith(b"hello")
    before, pool = plane._runtime, pool_of(plane)
    strategy = pool.strategy
    await stage.reload(stage.config({"web": {"endpoints": [origin.name]}}))
    now = plane._runtime
    assert now is not before
    assert plane._switch.runtime is now
    assert pool_of(plane) is pool
    assert pool.strategy is strategy
    assert (now.headers, now.lines, now.counters) == (before.headers, before.lines, before.counters)
    assert now.statics[0] is before.statics[0]
    assert (await stage.ask()).endswith(b"OK")
    assert origin.connections == 1  # the idle connection went on


async def test_an_exchange_that_runs_keeps_what_it_got(stage):
    origin, other = await stage.origin(), await stage.origin()
    plane = await stage.plane(stage.config({"web": {"endpoints": [origin.name]}}))
    origin.may.clear()
    asked = asyncio.ensure_future(stage.ask())
    await origin.waiting.wait()
    await stage.reload(stage.config({"other": {"endpoints": [other.name]}}, "\n  - reverse_proxy: other\n"))
    assert list(plane._runtime.pools) == ["other"]
    assert (await stage.ask()).endswith(b"OK")
    assert (other.connections, origin.connections) == (1, 1)
    origin.may.set()
    assert (await asked).endswith(b"OK")


async def test_endpoints_come_go_and_stay(stage):
    a, b, c = [await stage.origin() for _ in range(3)]
    plane = await stage.plane(stage.config({"web": {"endpoints": [a.name, b.name]}}))
    pool = pool_of(plane)
    first, second = pool.endpoints
    for _ in range(2):
        await stage.ask()
    first.latency, first.refusals = 0.5, 2
    pool.order(first.name, Order.DRAIN)
    assert second.idle
    await stage.reload(stage.config({"web": {"endpoints": [c.name, {"address": a.name, "weight": 3}]}}))
    assert pool_of(plane) is pool
    assert [endpoint.name for endpoint in pool.endpoints] == [c.name, a.name]
    assert pool.endpoints[1] is first
    assert (first.latency, first.refusals, first.order, first.share) == (0.5, 2, Order.DRAIN, 3)
    assert (second.order, second.idle) == (Order.DISABLED, [])
    for _ in range(3):
        assert (await stage.ask()).endswith(b"OK")
    assert b.connections == 1


async def test_the_operators_weight_holds_until_the_file_says_another(stage):
    a, b = await stage.origin(), await stage.origin()
    plane = await stage.plane(stage.config({"web": {"endpoints": [a.name, b.name]}}))
    plane.told(news.WEIGHT, news.weight("web", a.name, 7))
    await stage.reload(stage.config({"web": {"endpoints": [a.name, b.name], "slow_start": "30s"}}))
    assert pool_of(plane).endpoints[0].share == 7
    again = {"web": {"endpoints": [{"address": a.name, "weight": 2}, b.name], "slow_start": "30s"}}
    await stage.reload(stage.config(again))
    assert pool_of(plane).endpoints[0].share == 2


@pytest.mark.parametrize("name", ["web", "other"])
async def test_who_waits_for_a_place_is_served(stage, name):
    """In a pool whose queue is gone, and in one that is gone itself."""
    origin = await stage.origin()
    endpoint = {"address": origin.name, "max_connections": 1}
    queue = {"queue": {"size": 5, "timeout": "5s"}}
    plane = await stage.plane(stage.config({"web": {"endpoints": [endpoint], **queue}}))
    pool = pool_of(plane)
    origin.may.clear()
    asked = [asyncio.ensure_future(stage.ask()) for _ in range(3)]
    await until(lambda: pool.queue and len(pool.queue) == 2)
    route = f"\n  - reverse_proxy: {name}\n"
    await stage.reload(stage.config({name: {"endpoints": [origin.name]}}, route))
    origin.may.set()
    for one in asked:
        assert (await one).endswith(b"OK")
    assert bool(pool.endpoints[0].idle) == (name == "web")  # of a pool that is gone nothing is kept


async def test_rules_that_change(stage):
    origin = await stage.origin()
    plane = await stage.plane(stage.config({"web": {"endpoints": [origin.name]}}))
    await stage.ask()
    pool = pool_of(plane)
    idle, = pool.endpoints[0].idle
    budget = pool.retry.budget.exchanges
    await stage.reload(stage.config({"web": {
        "endpoints": [{"address": origin.name, "max_connections": 8}], "strategy": "least_connections",
        "retry": {"attempts": 5}, "sticky": {"cookie": "s"}, "idle_connections": {"max": 3, "timeout": "7s"},
        "ejection": False}}, top="workers: 2\ntimeouts: {response_head: 9s}"))
    endpoint, = pool.endpoints
    assert endpoint.idle == [idle]
    assert type(pool.strategy).__name__ == "LeastConnections"
    assert (pool.retry.attempts, pool.retry.budget.exchanges) == (5, budget)
    assert (pool.sticky is None, pool.rules.ejection, endpoint.most) == (False, None, 8)
    assert (pool.timeouts.response_head, endpoint.idle_limit.seconds) == (9.0, 7.0)
    assert b"Set-Cookie: s=" in await stage.ask()
    assert origin.connections == 1


async def test_sticky_clients_stay(stage):
    a, b, c = [await stage.origin() for _ in range(3)]
    plane = await stage.plane(stage.config({"web": {"endpoints": [a.name, b.name], "sticky": {}}}))
    pool = pool_of(plane)
    kept = {endpoint.name: pool.sticky.value(endpoint) for endpoint in pool.endpoints}
    await stage.reload(stage.config({"web": {"endpoints": [c.name, b.name, a.name], "sticky": {}}}))
    values = {endpoint.name: pool.sticky.value(endpoint) for endpoint in pool.endpoints}
    assert kept.items() <= values.items()


async def test_what_is_known_of_new_endpoints_counts_from_the_start(stage):
    a, b = await stage.origin(), await stage.origin()
    plane = await stage.plane(stage.config({"web": {"endpoints": [a.name]}}))
    await stage.reload(stage.config({"web": {"endpoints": [a.name, b.name]}}),
                       known=[(news.HEALTH, news.health("web", b.name, up=False, why="HTTP 500")),
                              (news.HEALTH, news.health("gone", "x:1", up=False, why=""))])
    assert [endpoint.probe_failure for endpoint in pool_of(plane).endpoints] == ["", "HTTP 500"]


async def test_a_name_keeps_the_addresses_it_has(stage):
    followed = {"address": "a.test:80", "resolve": True}
    plane = await stage.plane(stage.config({"web": {"endpoints": [followed]}}))
    plane.told(news.ADDRESSES, news.addresses("web", "a.test:80", ["127.0.0.2:80", "127.0.0.3:80"], {}))
    pool = pool_of(plane)
    before = list(pool.endpoints)
    changed = {"web": {"endpoints": [{"address": "a.test:80", "resolve": True, "weight": 2}, "b.test:80"]}}
    await stage.reload(stage.config(changed))
    assert pool.endpoints[:2] == before
    assert [endpoint.share for endpoint in pool.endpoints] == [2, 2, 1]
    await stage.reload(stage.config({"web": {"endpoints": ["a.test:80", "b.test:80"]}}))
    assert [endpoint.name for endpoint in pool.endpoints] == ["a.test:80", "b.test:80"]  # not followed now


async def test_what_the_operator_has_added_and_removed(stage):
    a, b, c = [await stage.origin() for _ in range(3)]
    plane = await stage.plane(stage.config({"web": {"endpoints": [a.name, b.name]}}))
    pool = pool_of(plane)
    orders = [(news.ENDPOINT, news.endpoint("web", c.name, there=True, weight=4, backup=False,
                                            max_connections=None, unchecked=False)),
              (news.ENDPOINT, news.endpoint("web", b.name, there=False))]
    for word, text in orders:
        plane.told(word, text)
    kept = list(pool.endpoints)
    assert [endpoint.name for endpoint in kept] == [a.name, c.name]
    changed = {"endpoints": [a.name, b.name], "slow_start": "1s"}
    await stage.reload(stage.config({"web": changed}), known=orders)
    assert pool.endpoints == kept
    changed["endpoints"] = [{"address": c.name, "weight": 2}, a.name]  # now the file says so itself
    await stage.reload(stage.config({"web": changed}))
    assert pool.endpoints == kept[::-1]
    assert pool.endpoints[0].share == 2


async def test_without_checks_nobody_is_down(stage):
    a, b = await stage.origin(), await stage.origin()
    checked = {"endpoints": [a.name, b.name], "health_check": {"start": "optimistic"}}
    plane = await stage.plane(stage.config({"web": checked}))
    plane.told(news.HEALTH, news.health("web", a.name, up=False, why="HTTP 500"))
    await stage.reload(stage.config({"web": {**checked, "health_check": {"path": "/up"}}}))
    assert pool_of(plane).endpoints[0].probe_failure == "HTTP 500"
    await stage.reload(stage.config({"web": {"endpoints": [a.name, b.name]}}))
    assert pool_of(plane).endpoints[0].is_available()


async def test_clients_meet_other_limits_and_other_trust(stage):
    origin = await stage.origin()
    plane = await stage.plane(stage.config({"web": {"endpoints": [origin.name]}}))
    reader, writer = await asyncio.open_connection(*stage.name)
    writer.write(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\nOK")
    connection, = next(iter(plane._listeners)).connections
    assert not connection.peer.trusted
    top = "trusted_proxies: [127.0.0.0/8]\nlimits: {connections_per_client: 1, request_head: 512}"
    await stage.reload(stage.config({"web": {"endpoints": [origin.name]}}, top=top))
    assert connection.peer.trusted
    assert (await stage.ask()).startswith(b"HTTP/1.1 429 ")
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 600))
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_listeners_come_and_go(stage):
    origin = await stage.origin()
    pools = {"web": {"endpoints": [origin.name]}}
    plane = await stage.plane(stage.config(pools))
    sock = socket.create_server(("127.0.0.1", 0))
    other = sock.getsockname()
    config = stage.config(pools, top="listen: 127.0.0.1:8081")
    origin.may.clear()
    asked = asyncio.ensure_future(stage.ask())
    await origin.waiting.wait()
    await stage.reload(config, [(config.listen[0], sock)])
    origin.may.set()
    assert (await asked).endswith(b"OK")  # had come by the one that is gone
    assert (await stage.ask(name=other)).endswith(b"OK")
    await until(lambda: not plane._draining)
    with pytest.raises(ConnectionRefusedError):
        await stage.ask()
    assert len(plane._gate.listeners) == 1


async def test_logs_that_change(stage, tmp_path):
    origin = await stage.origin()
    pools = {"web": {"endpoints": [origin.name]}}
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    plane = await stage.plane(stage.config(pools, top=f"access_log: {{path: {first}}}"))
    origin.may.clear()
    asked = asyncio.ensure_future(stage.ask())
    await origin.waiting.wait()
    await stage.reload(stage.config(pools, top=f"access_log: {{path: {second}}}"))
    origin.may.set()
    await asked
    await stage.ask(b"/two")
    plane.reopen_logs()
    await plane.close()
    assert "GET / " in first.read_text()
    assert "GET /two " in second.read_text()


async def test_what_fails_changes_nothing(stage):
    origin = await stage.origin()
    pools = {"web": {"endpoints": [origin.name]}}
    plane = await stage.plane(stage.config(pools))
    before = plane._runtime
    folder = stage.folder / "logs"
    folder.mkdir()
    config = stage.config(pools, top=f"access_log: {{path: {folder}/a.log}}")
    folder.rmdir()
    with pytest.raises(OSError):
        await plane.prepare(config)
    plane.commit((), ())
    await plane.prepare(stage.config(pools, top=f"access_log: {{path: {stage.folder}/b.log}}"))
    plane.forget()
    plane.forget()
    plane.commit((), ())
    assert plane._runtime is before
    assert (await stage.ask()).endswith(b"OK")


async def test_ten_thousand_reloads_leave_nothing_behind(stage):
    """Each with other endpoints, another pool and another static folder."""
    plane = await stage.plane(stage.config({"web": {"endpoints": ["a:1"]}}))
    def variant(number):
        pools = {"web": {"endpoints": ["a:1", f"b:{number + 1}"]}, f"pool{number}": {"endpoints": ["c:1"]}}
        return stage.config(pools, ROUTES.replace("/static/", f"/static{number}/"))

    variants = [variant(number) for number in range(3)]
    async def reload_often(times):
        for number in range(times):
            await stage.reload(variants[number % 3])
        gc.collect()
        return len(gc.get_objects()), len(plane._wheel._while_used), len(plane._wheel._every_tick)

    await reload_often(100)
    gc.unfreeze()
    gc.disable()  # what goes must go by itself: in a worker the collector looks seldom
    try:
        before = await reload_often(100)
        for number in range(10_000):
            await stage.reload(variants[number % 3])
        kept = len(gc.get_objects())
        after = await reload_often(100)
    finally:
        gc.enable()
    assert after[1:] == before[1:] == (2, 2)
    assert after[0] - before[0] < 200
    assert kept - before[0] < 2000


def test_a_parcel_holds_a_whole_configuration():
    text = "listen: a:1\npools: {web: {endpoints: [a:1]}, b: {endpoints: [b:2]}}\nroutes: ROUTES\n"
    routes = json.dumps([{"match": {"path": f"/{n}/*"}, "reverse_proxy": "web"} for n in range(50)])
    config = loads(text.replace("ROUTES", routes))
    parcel = new_parcel()
    pack(config, parcel)
    assert at_once(unpack(parcel)) == config
    assert at_once(unpack(parcel)) == config  # others have it, too
    with pytest.raises(ValueError, match="empty"):
        at_once(unpack(new_parcel()))


async def test_long_work_lets_others_have_their_turn(stage):
    turns, done = 0, False

    def steps():
        until = asyncio.get_running_loop().time() + 0.05
        while asyncio.get_running_loop().time() < until:
            yield None
        yield lambda: None
        return "done"

    async def other():
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    assert await in_slices(steps()) == "done"
    done = True
    await beside
    assert turns > 5
