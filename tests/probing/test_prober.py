import asyncio
from types import SimpleNamespace

import pytest

from proxy.config.pool_schema import HealthCheck
from proxy.config.schema import EndpointConfig
from proxy.probing import named
from proxy.probing import prober as module
from proxy.probing.health import Health
from proxy.probing.named import Directory
from proxy.probing.probe import Found
from proxy.probing.prober import HealthWatcher, Place, Prober
from tests.faults.load import reached

PLACE = Place("web", "127.0.0.1:8002")


class Played:
    """Attempts with given results, then none until the test ends; tells of its own end."""

    def __init__(self, results):
        self.results = list(results)
        self.times = []
        self.over = asyncio.Event()

    async def __call__(self):
        self.times.append(asyncio.get_running_loop().time())
        if not self.results:
            self.over.set()
            await asyncio.Event().wait()
        result = self.results.pop(0)
        if result == "!":
            raise OSError(24, "Too many open files")
        return Found(result == "+", "HTTP 200" if result == "+" else "HTTP 500")


async def play(results, *, up=None, **options):
    """What is told while a prober meets with these results, and the prober."""
    check = HealthCheck(**{"interval": "1ms", "timeout": "5s", "rise": 2, "fall": 3, **options})
    told = []
    played = Played(results)
    health = Health(check.rise, check.fall, up=up)
    prober = Prober(PLACE, check, played, health, lambda *news: told.append(news))
    async with asyncio.timeout(5):
        life = asyncio.create_task(prober.run(0.0))
        await played.over.wait()
        life.cancel()
    return told, prober, played


async def test_only_changes_are_told_and_logged_each_with_its_reason(caplog):
    told, _, _ = await play("+-+---+++")
    assert [news[:2] for news in told] == [(PLACE, True), (PLACE, False), (PLACE, True)]
    assert told[1][2].startswith("HTTP 500 in ")
    down, up = caplog.messages
    assert down.startswith("web 127.0.0.1:8002 down: 3 of 3 probes failed, last: HTTP 500 in ")
    assert up.startswith("web 127.0.0.1:8002 up: 2 of 2 probes succeeded, last: HTTP 200 in ")


async def test_an_endpoint_that_is_down_at_the_start_is_logged(caplog):
    told, _, _ = await play("-")
    assert [news[:2] for news in told] == [(PLACE, False)]
    assert caplog.messages[0].startswith("web 127.0.0.1:8002 down: the first probe failed: HTTP 500 in ")


async def test_what_we_lack_is_no_result(caplog):
    told, prober, _ = await play("+!!!!!!")
    assert [news[:2] for news in told] == [(PLACE, True)]
    assert prober.known.is_set()
    assert caplog.messages == ["web 127.0.0.1:8002 could not be probed: Too many open files"]


async def test_what_we_lack_at_the_start_holds_nothing_up(caplog):
    told, prober, _ = await play("!")
    assert told == []
    assert prober.known.is_set()


async def test_it_is_known_what_was_known_before():
    told, prober, _ = await play("", up=False)
    assert prober.known.is_set()
    assert told == []


@pytest.mark.parametrize("up, seconds", [(True, 5.0), (False, 60.0), (None, 5.0)])
async def test_another_interval_while_it_is_down(up, seconds):
    check = HealthCheck(interval="5s", down_interval="1m")
    assert Prober(PLACE, check, None, Health(1, 1, up=up), None)._interval() == seconds
    assert Prober(PLACE, HealthCheck(interval="5s"), None, Health(1, 1, up=up), None)._interval() == 5.0


async def test_the_interval_counts_from_start_to_start(monkeypatch):
    """A probe that times out is followed by the next one at its time, with the jitter that was drawn."""
    drawn = []
    monkeypatch.setattr(module.random, "uniform", lambda low, high: drawn.append((low, high)) or 1.0)
    _, _, played = await play("++++", interval="20ms")
    assert drawn == [(0.9, 1.1)] * 4
    pauses = [later - earlier for earlier, later in zip(played.times, played.times[1:], strict=False)]
    assert all(pause >= 0.019 for pause in pauses)


class Pool:
    def __init__(self, check, *addresses):
        self.health_check = check
        self.endpoints = [EndpointConfig(address=text, resolve=text.startswith("name")) for text in addresses]


class Watched:
    """A watcher of these pools whose attempts are played."""

    def __init__(self, monkeypatch, pools, last=()):
        self.began = []
        self.told = []
        self.directory = Directory({})
        monkeypatch.setattr(module, "make_attempt", self.make)
        monkeypatch.setattr(named, "make_attempt", self.make)
        config = type("Config", (), {"pools": pools})
        self.watcher = HealthWatcher(config, lambda *news: self.told.append(news), dict(last), self.directory)

    def make(self, address, check):
        async def attempt():
            self.began.append((str(address), asyncio.get_running_loop().time()))
            return Found(True, "HTTP 200")

        return attempt

    async def until_known(self):
        life = asyncio.create_task(self.watcher.run())
        await asyncio.wait_for(self.watcher.known(), 5)
        life.cancel()


async def test_every_address_of_pools_with_a_check_is_probed_once(monkeypatch):
    pools = {"web": Pool(HealthCheck(), "a:1", "b:1", "a:1"), "api": Pool(HealthCheck(), "a:1"),
             "none": Pool(None, "c:1")}
    watched = Watched(monkeypatch, pools)
    await watched.until_known()
    assert [name for name, _ in watched.began] == ["a:1", "b:1", "a:1"]
    assert {place for place, _, _ in watched.told} == {("web", "a:1"), ("web", "b:1"), ("api", "a:1")}


async def test_first_probes_are_at_once_and_a_little_apart(monkeypatch):
    pools = {"web": Pool(HealthCheck(), *(f"a:{port}" for port in range(1, 21)))}
    watched = Watched(monkeypatch, pools)
    began = asyncio.get_running_loop().time()
    await watched.until_known()
    times = [time - began for _, time in watched.began]
    assert len(times) == 20
    assert times == sorted(times)
    assert times[-1] >= 19 * module.STEP - 0.002


async def test_nobody_waits_for_what_is_assumed_or_known(monkeypatch):
    pools = {"web": Pool(HealthCheck(), "a:1"), "api": Pool(HealthCheck(start="optimistic"), "a:1")}
    watched = Watched(monkeypatch, pools, [(Place("web", "a:1"), False)])
    await asyncio.wait_for(watched.watcher.known(), 5)
    assert watched.began == []
    web, api = watched.watcher._probers.values()
    assert (web._health.up, api._health.up) == (False, True)


async def test_a_name_is_probed_once_it_was_looked_up_and_others_do_not_wait_for_it(monkeypatch):
    pools = {"web": Pool(HealthCheck(), "name.internal:80", "a:1")}
    watched = Watched(monkeypatch, pools)
    looked_up = asyncio.Event()
    watched.directory.known = looked_up.wait
    life = asyncio.create_task(watched.watcher.run())
    name, other = watched.watcher._probers.values()
    await asyncio.wait_for(other.known.wait(), 5)
    assert not name.known.is_set()
    watched.directory.found["web", "name.internal:80"] = ["10.0.0.1:80", "10.0.0.2:80"]
    looked_up.set()
    await asyncio.wait_for(watched.watcher.known(), 5)
    life.cancel()
    assert [name for name, _ in watched.began] == ["a:1", "10.0.0.1:80", "10.0.0.2:80"]
    assert [place.endpoint for place, _, _ in watched.told] == ["a:1", "name.internal:80"]


async def test_endpoints_come_and_go(monkeypatch):
    pools = {"web": Pool(HealthCheck(interval="5ms"), "a:1"), "none": Pool(None, "c:1")}
    watched = Watched(monkeypatch, pools)
    watched.watcher.endpoint("web", "early:1", there=True)  # what a successor knows before it runs
    life = asyncio.create_task(watched.watcher.run())
    await asyncio.wait_for(watched.watcher.known(), 5)
    watched.watcher.endpoint("web", "late:1", there=True)
    watched.watcher.endpoint("none", "d:1", there=True)
    await asyncio.wait_for(watched.watcher.known(), 5)
    assert [place.endpoint for place, _, _ in watched.told] == ["a:1", "early:1", "late:1"]
    for name in ("a:1", "late:1", "none:1"):
        watched.watcher.endpoint("web", name, there=False)
    await reached(lambda: len(watched.watcher._runs) == 1)
    began = len(watched.began)
    await reached(lambda: len(watched.began) >= began + 3)
    assert {name for name, _ in watched.began[began:]} == {"early:1"}
    life.cancel()


async def test_a_prober_that_fails_ends_the_watcher(monkeypatch):
    watched = Watched(monkeypatch, {"web": Pool(HealthCheck(interval="5ms"), "a:1", "b:1")})
    monkeypatch.setattr(Prober, "_look", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        await asyncio.wait_for(watched.watcher.run(), 5)
    assert all(task.done() for task in watched.watcher._runs.values())


async def broken(prober):
    raise RuntimeError("a defect")


async def test_changes_are_events_too():
    records = []
    played = Played("+---")
    health = Health(2, 3, up=None)
    prober = Prober(PLACE, HealthCheck(interval="1ms", timeout="5s"), played, health, lambda *news: None,
                    records.append)
    life = asyncio.create_task(prober.run(0.0))
    await asyncio.wait_for(played.over.wait(), 5)
    life.cancel()
    (record,) = records
    assert (record["kind"], record["pool"], record["endpoint"]) == ("down", *PLACE)
    assert record["text"].startswith("3 of 3 probes failed, last: HTTP 500 in ")


async def test_what_comes_to_a_pool_that_is_not_checked_is_nothing_to_it():
    config = SimpleNamespace(pools={"web": SimpleNamespace(health_check=None, endpoints=())})
    watcher = HealthWatcher(config, None, {}, Directory({}))
    for pool in ("web", "added-by-a-reload"):
        for there in (True, False):
            watcher.endpoint(pool, "127.0.0.1:8001", there=there)
    assert watcher._probers == {}
