import asyncio
import contextlib
import logging
from fractions import Fraction

import pytest

from proxy.config.load import loads
from proxy.probing import names as room
from proxy.probing.lookup import Answer
from proxy.probing.names import Name, NameWatcher
from proxy.probing.service import Srv
from tests.dns_server import DnsServer

HOST = "app.internal"
DENIED = Answer(problem="no such name, or no address")
FAILED = Answer(unknown=frozenset({"A", "AAAA"}), problem="A: timed out")


def found(*hosts, ttl=60.0, port=0, **more):
    return Answer(frozenset((host, port) for host in hosts), ttl, **more)


# -- what is known and when to ask again


@pytest.fixture
def name():
    return Name(HOST)


def wait_after(name, answer, now=100.0):
    name.take(answer, now)
    return name.due - now


def test_only_what_is_new_is_a_change(name):
    assert name.take(found("10.0.0.1", "10.0.0.2"), 1)
    assert not name.take(found("10.0.0.2", "10.0.0.1"), 2)
    assert name.take(found("10.0.0.2"), 3)
    assert name.addresses(80) == ["10.0.0.2:80"]


def test_addresses_as_a_pool_takes_them(name):
    name.take(Answer(frozenset({("2001:db8::1", 0), ("10.0.0.2", 0), ("10.0.0.1", 8001)}), 1), 1)
    assert name.addresses(80) == ["10.0.0.1:8001", "10.0.0.2:80", "[2001:db8::1]:80"]


@pytest.mark.parametrize("ttl, wait", [(0, 1), (1, 1), (7, 7), (300, 300), (301, 300), (1e9, 300)])
def test_the_ttl_within_bounds(name, ttl, wait):
    assert wait_after(name, found("10.0.0.1", ttl=ttl)) == wait


@pytest.mark.parametrize("answer", [DENIED, FAILED])
def test_the_last_good_answer_stays(name, answer):
    name.take(found("10.0.0.1", "2001:db8::1"), 1)
    assert not name.take(answer, 2)
    assert name.addresses(80) == ["10.0.0.1:80", "[2001:db8::1]:80"]


@pytest.mark.parametrize("answer", [DENIED, FAILED])
def test_pauses_grow_and_end_with_the_failures(name, answer):
    assert [wait_after(name, answer) for _ in range(7)] == [1, 2, 4, 8, 10, 10, 10]
    assert wait_after(name, found("10.0.0.1")) == 60
    assert wait_after(name, answer) == 1


def test_failures_without_end(name):
    assert {wait_after(name, FAILED) for _ in range(3000)} == {1, 2, 4, 8, 10}


def test_half_an_answer_changes_half(name):
    name.take(found("10.0.0.1", "2001:db8::1"), 1)
    half = found("10.0.0.2", unknown=frozenset({"AAAA"}), problem="AAAA: timed out")
    assert name.take(half, 2)
    assert name.addresses(80) == ["10.0.0.2:80", "[2001:db8::1]:80"]
    assert name.take(found("10.0.0.2"), 3)
    assert name.addresses(80) == ["10.0.0.2:80"]


def test_half_an_answer_does_not_slow_the_other_half_down(name):
    half = found("10.0.0.1", ttl=2, unknown=frozenset({"AAAA"}), problem="AAAA: timed out")
    assert [wait_after(name, half) for _ in range(5)] == [1, 2, 2, 2, 2]


def test_from_the_dns_once_is_from_the_dns_alone(name):
    name.take(found("10.0.0.9", from_system=True), 1)
    assert not name.in_dns
    name.take(found("10.0.0.1"), 2)
    assert name.in_dns
    name.take(DENIED, 3)
    assert name.in_dns


def test_hurry_is_once_a_second(name):
    name.take(found("10.0.0.1"), 100)
    name.hurry()
    assert name.due == 101
    name.take(found("10.0.0.1"), 105)
    assert name.due == 165


def test_hurry_never_delays(name):
    name.take(DENIED, 100)
    name.hurry()
    assert name.due == 101


def service_of(**weights):
    """One address per port; what stands behind `p` is the port."""
    records = {("10.0.0.1", int(port[1:])): Srv(0, Fraction(weight)) for port, weight in weights.items()}
    return Answer(frozenset(records), 60, records=records)


def test_a_weight_alone_is_a_change(name):
    assert name.take(service_of(p1=1, p2=1), 1)
    assert not name.take(service_of(p1=7, p2=7), 2)
    assert name.take(service_of(p1=1, p2=3), 3)
    assert name.shares_at(80) == {"10.0.0.1:1": (0, 50), "10.0.0.1:2": (0, 150)}
    assert not name.take(service_of(p1=2, p2=6), 4)
    assert not name.take(DENIED, 5)
    assert name.shares_at(80)["10.0.0.1:2"] == (0, 150)


def test_what_was_said_of_addresses_that_are_gone_is_forgotten(name):
    for port in range(1, 100):
        name.take(service_of(**{f"p{port}": 1, f"p{port + 1}": 2}), port)
    assert {*name.shares_at(80)} == {"10.0.0.1:99", "10.0.0.1:100"}
    assert len(name._records) == 2


def test_what_stays_because_it_is_not_known_keeps_its_share(name):
    records = {("10.0.0.1", 1): Srv(0, Fraction(1)), ("2001:db8::1", 1): Srv(0, Fraction(3))}
    name.take(Answer(frozenset(records), 60, records=records), 1)
    half = Answer(frozenset({("10.0.0.2", 1)}), 60, frozenset({"AAAA"}), "AAAA: timed out",
                  records={("10.0.0.2", 1): Srv(0, Fraction(1))})
    assert name.take(half, 2)
    assert name.shares_at(80) == {"10.0.0.2:1": (0, 50), "[2001:db8::1]:1": (0, 150)}


# -- following


ROUTES = "routes: [{respond: {body: pong}}]"
ONE = "pools: {web: {endpoints: [{address: 'app.internal:8000', resolve: true}]}}"


def config_of(pools):
    return loads(f"listen: 127.0.0.1:8080\n{pools}\n{ROUTES}\n")


class Told:
    """What was told, to be waited for."""

    def __init__(self):
        self.queue = asyncio.Queue()

    def __call__(self, *news):
        self.queue.put_nowait(news)

    async def next(self):
        return await asyncio.wait_for(self.queue.get(), 10)

    async def addresses(self):
        return (await self.next())[2]


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def dns():
    with DnsServer() as server:
        yield server


@contextlib.asynccontextmanager
async def running(watcher):
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def watch(dns, told, pools=ONE):
    return running(NameWatcher(config_of(pools), told, ["127.0.0.1"], dns.port))


async def test_a_change_is_told_when_the_ttl_is_over(dns, told):
    dns.put(HOST, "A", "10.0.0.1", ttl=1)
    async with watch(dns, told):
        assert await told.next() == ("web", "app.internal:8000", ["10.0.0.1:8000"], {})
        changed = asyncio.get_running_loop().time()
        dns.put(HOST, "A", "10.0.0.2", "10.0.0.3", ttl=1)
        dns.put(HOST, "AAAA", "2001:db8::1", ttl=1)
        assert await told.addresses() == ["10.0.0.2:8000", "10.0.0.3:8000", "[2001:db8::1]:8000"]
        assert asyncio.get_running_loop().time() - changed < 2


async def test_a_name_that_appears_later(dns, told, caplog):
    async with watch(dns, told) as watcher:
        await watcher.known()
        assert told.queue.empty()
        assert "cannot be looked up: no such name, or no address; nothing is known of it yet" in caplog.text
        dns.put(HOST, "A", "10.0.0.1")
        assert await told.addresses() == ["10.0.0.1:8000"]


@pytest.mark.parametrize("trouble", ["drop", "fail", "silence"])
async def test_trouble_changes_nothing_and_is_logged_once(dns, told, trouble, caplog, monkeypatch):
    monkeypatch.setattr(room, "SOONEST", 0.05)
    monkeypatch.setattr("proxy.probing.lookup.PATIENCE", 0.2)
    caplog.set_level(logging.INFO, "proxy.names")
    dns.put(HOST, "A", "10.0.0.1", ttl=0)
    async with watch(dns, told):
        assert await told.addresses() == ["10.0.0.1:8000"]
        getattr(dns, trouble)(HOST)
        await asyncio.to_thread(dns.wait, len(dns.asked) + 8)
        assert told.queue.empty()
        dns.mend(HOST)
        dns.put(HOST, "A", "10.0.0.2", ttl=0)
        assert await told.addresses() == ["10.0.0.2:8000"]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert lines[0] == "the name app.internal: unknown -> 10.0.0.1"
    assert lines[1].startswith("the name app.internal cannot be looked up: ")
    assert lines[1].endswith("; it counts as 10.0.0.1")
    assert lines[2:] == [
        "the name app.internal is answered again",
        "the name app.internal: 10.0.0.1 -> 10.0.0.2",
    ]


async def test_hurry_asks_before_the_ttl_is_over(dns, told):
    dns.put(HOST, "A", "10.0.0.1", ttl=600)
    async with watch(dns, told) as watcher:
        await told.next()
        dns.put(HOST, "A", "10.0.0.2", ttl=600)
        for _ in range(100):
            watcher.hurry("web", "app.internal:8000")
        assert await told.addresses() == ["10.0.0.2:8000"]
        assert len(dns.asked) == 4  # A and AAAA, twice


async def test_hurry_for_what_is_not_followed(dns, told):
    async with watch(dns, told, "pools: {web: {endpoints: ['127.0.0.1:8000']}}") as watcher:
        watcher.hurry("web", "127.0.0.1:8000")
        await watcher.known()
    assert not dns.asked


async def test_one_question_for_all_endpoints_of_a_name(dns, told):
    dns.put(HOST, "A", "10.0.0.1")
    pools = """
pools:
  web:
    endpoints:
      - {address: app.internal:8000, resolve: true}
      - {address: APP.internal:8001, resolve: true}
      - 127.0.0.1:8000
      - other.internal:8000
  api: {endpoints: [{address: 'app.internal:8000', resolve: true}]}
"""
    async with watch(dns, told, pools):
        assert sorted([await told.next() for _ in range(3)]) == [
            ("api", "app.internal:8000", ["10.0.0.1:8000"], {}),
            ("web", "app.internal:8000", ["10.0.0.1:8000"], {}),
            ("web", "app.internal:8001", ["10.0.0.1:8001"], {}),
        ]
    assert sorted(dns.asked) == [(HOST, "A", "udp"), (HOST, "AAAA", "udp")]


async def test_a_service(dns, told):
    dns.put("_http._tcp.app.internal", "SRV", "0 0 8001 one.internal.", "0 0 8002 one.internal.", ttl=1)
    dns.put("one.internal", "A", "10.0.0.1")
    async with watch(dns, told, ONE.replace("app.", "_http._tcp.app.")):
        assert await told.addresses() == ["10.0.0.1:8001", "10.0.0.1:8002"]
        dns.put("_http._tcp.app.internal", "SRV", "0 0 8002 one.internal.", ttl=1)
        assert await told.addresses() == ["10.0.0.1:8002"]


async def test_priorities_and_weights_of_a_service_are_told_and_shown(dns, told, caplog):
    caplog.set_level(logging.INFO, "proxy.names")
    service = "_http._tcp.app.internal"
    rest = ("10 3 8002 one.internal.", "20 0 8003 one.internal.")
    dns.put(service, "SRV", "10 1 8001 one.internal.", *rest, ttl=1)
    dns.put("one.internal", "A", "10.0.0.1")
    async with watch(dns, told, ONE.replace("app.internal:8000", service)):
        place, three = ("web", service), ["10.0.0.1:8001", "10.0.0.1:8002", "10.0.0.1:8003"]
        assert await told.next() == (*place, three, {
            "10.0.0.1:8001": (0, 50), "10.0.0.1:8002": (0, 150), "10.0.0.1:8003": (1, 100)})
        dns.put(service, "SRV", "10 3 8001 one.internal.", *rest, ttl=1)
        assert await told.next() == (*place, three, {"10.0.0.1:8003": (1, 100)})
        dns.put(service, "SRV", *(f"0 0 {port} one.internal." for port in (8001, 8002, 8003)), ttl=1)
        assert await told.next() == (*place, three, {})
    assert caplog.messages[1] == (
        f"the name {service}: 10.0.0.1:8001 (priority 10, weight 1), 10.0.0.1:8002 (priority 10, weight 3), "
        "10.0.0.1:8003 (priority 20, weight 0) -> 10.0.0.1:8001 (priority 10, weight 3), "
        "10.0.0.1:8002 (priority 10, weight 3), 10.0.0.1:8003 (priority 20, weight 0)")


async def test_localhost(dns, told):
    async with watch(dns, told, ONE.replace("app.internal", "localhost")):
        assert "127.0.0.1:8000" in await told.addresses()


async def test_a_silent_nameserver_does_not_keep_others_waiting(dns, told):
    dns.put(HOST, "A", "10.0.0.1")
    dns.silence("slow.internal")
    both = ONE.replace("[", "[{address: 'slow.internal:8000', resolve: true}, ")
    async with watch(dns, told, both) as watcher:
        assert (await told.next())[1] == "app.internal:8000"
        await asyncio.wait_for(watcher.known(), 5)


async def test_the_environment_names_nameservers(dns, told, monkeypatch):
    monkeypatch.setenv("PROXY_DNS", dns.address)
    dns.put(HOST, "A", "10.0.0.1")
    async with running(NameWatcher(config_of(ONE), told, ["127.0.0.1:1"])):
        assert await told.addresses() == ["10.0.0.1:8000"]


def test_an_environment_that_names_none(told, monkeypatch):
    monkeypatch.setenv("PROXY_DNS", "dns.internal")
    with pytest.raises(ValueError, match="PROXY_DNS"):
        NameWatcher(config_of(ONE), told)


async def test_nothing_to_follow(told):
    async with running(NameWatcher(config_of(""), told)) as watcher:
        await watcher.known()
    assert told.queue.empty()


async def test_a_defect_ends_the_run(dns, told, monkeypatch):
    """Whoever runs it starts it again; a name that is silently followed no more would be worse."""

    def fail(*news):
        raise RuntimeError("a defect")

    dns.put(HOST, "A", "10.0.0.1")
    watcher = NameWatcher(config_of(ONE), fail, [dns.address])
    with pytest.raises(RuntimeError, match="a defect"):
        await asyncio.wait_for(watcher.run(), 5)
