"""The operator changes things while real gunicorn serves visitors: none of them may notice."""

import asyncio
import http.client
import os
import signal
import socket
import stat
from collections import Counter

import psutil
import pytest

from tests.faults.load import OK, RACED, Load, half_posts, reached
from tests.process.harness import Proxy
from tests.scenarios.support import HOST, wait_until

pytestmark = pytest.mark.scenario

RATE = 150
WORKERS = "workers: 2\ntimeouts: {drain: 5s}\n"


class Site:
    """Gunicorn masters behind a proxy of two workers, under load."""

    def __init__(self, stage, count=2, **options):
        self.stage = stage
        self.marks = stage.folder / "marks"
        self.masters = [self.start() for _ in range(count)]
        self.addresses = [master.address for master in self.masters]
        self.proxy, self.api = stage.governed(*self.addresses, more=WORKERS, **options)

    def start(self):
        return self.stage.gunicorn("tests.faults.wsgi:app", bind=f"{HOST}:0", threads=4,
                                   env={"MARKS": str(self.marks)})

    def play(self, act):
        """Act under load; what was done by which gunicorn in each part, by the number of its master."""

        async def scenario():
            async with Load(self.proxy.place, half_posts(1), rate=RATE, connections=10) as load:
                self.load = load
                await load.more(RATE)
                await act(self)
            return load.outcomes

        outcomes = asyncio.run(scenario())
        bad = [one for one in outcomes if one.kind not in (OK, RACED)]
        assert not bad, f"{bad[:3]}\n{self.proxy.log()}"
        posts = {one.ask.mark for one in outcomes if one.ask.method == "POST"}
        executed = Counter(self.marks.read_text().split())
        assert not [mark for mark in posts if executed[mark] != 1]

    async def tell(self, *order):
        return await asyncio.to_thread(self.api.order, *order)

    async def served(self):
        """How many of the next requests each master's workers serve."""
        owners = {pid: number for number, master in enumerate(self.masters) for pid in master.workers()}
        some = await self.load.more(RATE)
        return Counter(owners[int(one.origin.split()[1])] for one in some[10:] if one.kind == OK)


@pytest.mark.parametrize("order, state", [("drain", "draining"), ("disable", "disabled")])
def test_an_endpoint_is_taken_out_and_put_back(stage, order, state):
    async def act(site):
        told = await site.tell(site.addresses[0], order)
        assert (told["state"], told["workers"]) == (state, [])
        assert (await site.served())[0] == 0
        await reached(lambda: site.api.endpoint(site.addresses[0])["in_flight"] == 0)
        assert (await site.tell(site.addresses[0], "enable"))["state"] == "up"
        assert (await site.served())[0] > RATE // 5

    Site(stage).play(act)


def test_a_weight_is_a_share(stage):
    async def act(site):
        assert (await site.tell(site.addresses[0], "weight", {"weight": 9}))["weight"] == 9
        served = await site.served()
        assert served[0] > 5 * served[1] > 0

    Site(stage).play(act)


def test_endpoints_come_and_go(stage):
    async def act(site):
        new = await asyncio.to_thread(site.start)
        site.masters.append(new)
        answer = await asyncio.to_thread(site.api.post, "/api/pools/web/endpoints", {"address": new.address})
        assert (answer.status_code, answer.json()["state"]) == (200, "up")
        assert (await site.served())[2] > RATE // 10
        left = await asyncio.to_thread(site.api.delete, f"/api/pools/web/endpoints/{site.addresses[0]}")
        assert [one["address"] for one in left.json()["endpoints"]] == [site.addresses[1], new.address]
        assert (await site.served())[0] == 0
        # Nobody needs it now: its end is nobody's concern.
        site.masters[0].signal(signal.SIGTERM)
        assert set(await site.served()) == {1, 2}

    Site(stage).play(act)


def test_what_is_added_is_checked_before_it_has_anything_to_do(stage):
    site = Site(stage, 1, pool="health_check: {type: tcp, interval: 200ms, rise: 1}")
    answer = site.api.post("/api/pools/web/endpoints", {"address": f"{HOST}:1"})
    assert answer.json()["state"] == "down"
    wait_until(lambda: site.api.endpoint(f"{HOST}:1")["reason"] == "connection refused")
    new = site.start()
    assert site.api.post("/api/pools/web/endpoints", {"address": new.address}).status_code == 200
    wait_until(lambda: site.api.endpoint(new.address)["state"] == "up")
    assert site.api.delete(f"/api/pools/web/endpoints/{HOST}:1").status_code == 200
    wait_until(lambda: [one["kind"] for one in site.api.events(endpoint=f"{HOST}:1")]
               == ["added", "down", "removed"])


def test_a_paused_pool_holds_requests_which_then_go_to_whatever_is_there(stage):
    async def act(site):
        paused = await asyncio.to_thread(site.api.post, "/api/pools/web/pause")
        assert paused.json()["paused"] is True
        # Ten clients, each of which waits for its answer.
        await reached(lambda: site.api.pool()["queue"] == 10)
        assert site.api.pool()["in_flight"] == 0
        await site.tell(site.addresses[0], "disable")
        before = len(site.load.outcomes)
        resumed = await asyncio.to_thread(site.api.post, "/api/pools/web/resume")
        assert resumed.json()["paused"] is False
        assert (await site.served())[0] == 0
        assert len(site.load.outcomes) > before

    Site(stage).play(act)


def test_more_than_the_queue_holds_is_refused_at_once(stage):
    origin = stage.chaos("one")
    proxy, api = stage.governed(origin.address, pool="queue: {size: 2, timeout: 30s}")
    assert api.post("/api/pools/web/pause").status_code == 200
    clients = [stage.client(proxy.place) for _ in range(3)]
    for number, client in enumerate(clients):
        client.get("/load?", f"X-Mark: m{number}")
        wait_until(lambda: api.pool()["queue"] == min(number + 1, 2))  # noqa: B023  # asked at once
    assert clients[2].until(b"\r\n").startswith(b"HTTP/1.1 503 ")
    assert api.post("/api/pools/web/resume").status_code == 200
    for client in clients[:2]:
        assert client.until(b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_desk_that_is_killed_is_replaced_and_no_visitor_notices(stage):
    async def act(site):
        await site.tell(site.addresses[0], "drain")
        desk = process_of(site.api, "desk")
        os.kill(desk, signal.SIGKILL)
        await site.load.more(RATE)
        await asyncio.to_thread(wait_until, lambda: new_desk(site.api, desk))
        # It knows what was before its time.
        kinds = [event["kind"] for event in site.api.events()]
        assert [kind for kind in kinds if kind != "ready"] == ["order", "lost"]
        assert site.api.endpoint(site.addresses[0])["history"][0]["text"] == "drained by the operator"
        assert (await site.served())[0] == 0

    Site(stage).play(act)


def process_of(api, name):
    return next(one["pid"] for one in api.get("/api/status").json()["processes"] if one["name"] == name)


def new_desk(api, old):
    try:
        return process_of(api, "desk") != old
    except OSError:
        return False


def test_what_was_ordered_holds_for_workers_that_come_later(stage):
    site = Site(stage)
    away, stays = site.addresses
    new = site.start()
    site.api.order(away, "drain")
    site.api.order(stays, "weight", {"weight": 7})
    assert site.api.post("/api/pools/web/endpoints", {"address": new.address, "weight": 2}).status_code == 200
    for number in range(2):
        old = process_of(site.api, f"worker {number}")
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: process_of(site.api, f"worker {number}") not in (old, None))  # noqa: B023
    wait_until(lambda: site.api.get("/api/status").json()["well"])
    states = {one["address"]: (one["state"], one["weight"], one["workers"])
              for one in site.api.pool()["endpoints"]}
    assert states == {away: ("draining", 1, []), stays: ("up", 7, []), new.address: ("up", 2, [])}


def test_a_stuck_worker_hides_nobody(stage):
    site = Site(stage)
    stuck = process_of(site.api, "worker 0")
    os.kill(stuck, signal.SIGSTOP)
    try:
        assert [one["state"] for one in site.api.pool()["endpoints"]] == ["up", "up"]
    finally:
        os.kill(stuck, signal.SIGCONT)


def test_everything_ends_with_its_end(stage):
    site = Site(stage, 1)
    desk = process_of(site.api, "desk")
    with site.api.get("/api/stream", stream=True) as stream:
        assert next(stream.iter_lines()) == b"retry: 1000"
        assert site.proxy.stop() == 0
    assert not psutil.pid_exists(desk)
    assert "Traceback" not in site.proxy.log()


def test_a_taken_port_is_a_failed_start_and_nothing_else_is_bound(stage):
    file = stage.folder / "taken.yaml"
    with socket.create_server((HOST, 0)) as taken:
        place = f"{HOST}:{taken.getsockname()[1]}"
        file.write_text(f"listen: 127.0.0.1:0\nadmin: {place}\nroutes: [respond: {{}}]\n")
        with Proxy("-m", "proxy", "-c", file) as proxy:
            assert proxy.status() == 1
            (line,) = proxy.lines
    assert line.startswith(f"cannot listen on {place}: the address is in use; ")
    assert line.endswith(f"or change admin in {file}")


def test_a_unix_socket_is_for_this_user_alone(stage):
    path = stage.folder / "admin.sock"
    proxy = stage.proxy(f"admin: unix:{path}\nroutes: [{{respond: {{}}}}]\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(15)
        sock.connect(str(path))
        sock.sendall(b"GET /api/status HTTP/1.1\r\nHost: whatever\r\n\r\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.status == 200
        assert answer.headers["Server"] is None
    assert proxy.stop() == 0
    assert not path.exists()
