import asyncio
import contextlib
import threading
from pathlib import Path

import aiodns
import pycares
import pytest

from proxy.probing import lookup as room
from proxy.probing.lookup import SYSTEM_TTL, Answer, Lookup, system_addresses
from tests.dns_server import DnsServer

NAME = "app.internal"
BOTH = {"A", "AAAA"}


@pytest.fixture
def dns():
    with DnsServer() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch):
    """Silence costs a test as little as it can."""
    monkeypatch.setattr(room, "PATIENCE", 0.5)
    monkeypatch.setattr(room, "FIRST_TRY", 0.2)


async def look(dns, name=NAME, **how):
    return await Lookup([dns.address]).look(name, **how)


async def test_both_kinds_of_address(dns):
    dns.put(NAME, "A", "10.0.0.1", "10.0.0.2", ttl=30)
    dns.put(NAME, "AAAA", "2001:db8::1", ttl=20)
    answer = await look(dns)
    assert answer.places == {("10.0.0.1", 0), ("10.0.0.2", 0), ("2001:db8::1", 0)}
    assert (answer.ttl, answer.unknown, answer.problem) == (20, set(), "")


async def test_one_kind_is_enough(dns):
    dns.put(NAME, "AAAA", "2001:db8::1")
    answer = await look(dns)
    assert answer.places == {("2001:db8::1", 0)}
    assert not answer.problem


async def test_an_alias_has_a_ttl_too(dns):
    dns.put(NAME, "CNAME", "one.internal.", ttl=7)
    dns.put("one.internal", "A", "10.0.0.1", ttl=600)
    answer = await look(dns)
    assert (answer.places, answer.ttl) == ({("10.0.0.1", 0)}, 7)


@pytest.mark.parametrize("known", [False, True], ids=["NXDOMAIN", "no records"])
async def test_a_name_that_is_denied(dns, known):
    if known:
        dns.put(NAME, "TXT", "text")
    answer = await look(dns)
    assert (answer.places, answer.unknown) == (set(), set())
    assert answer.problem == "no such name, or no address"


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR"])
async def test_an_error_says_nothing_of_the_name(dns, rcode):
    dns.fail(NAME, rcode)
    answer = await look(dns)
    assert (answer.places, answer.unknown) == (set(), BOTH)
    assert "A: " in answer.problem
    assert "AAAA: " in answer.problem


async def test_silence(dns, impatient):
    dns.silence(NAME)
    answer = await look(dns)
    assert (answer.places, answer.unknown) == (set(), BOTH)
    assert answer.problem == "A: no answer in time, AAAA: no answer in time"


async def test_nobody_there_at_all(dns, impatient):
    with DnsServer() as gone:
        pass
    assert (await look(gone)).unknown == BOTH


async def test_half_an_answer(dns, impatient):
    dns.put(NAME, "A", "10.0.0.1", ttl=9)
    dns.silence(NAME, "AAAA")
    answer = await look(dns)
    assert (answer.places, answer.ttl, answer.unknown) == ({("10.0.0.1", 0)}, 9, {"AAAA"})
    assert answer.problem == "AAAA: no answer in time"


async def test_a_second_nameserver_has_its_turn(dns, impatient):
    with DnsServer() as silent:
        silent.silence(NAME)
        dns.put(NAME, "A", "10.0.0.1")
        answer = await Lookup([silent.address, dns.address]).look(NAME)
    assert answer.places == {("10.0.0.1", 0)}
    assert not answer.problem


async def test_a_long_answer_comes_over_tcp(dns):
    addresses = [f"10.0.{third}.{fourth}" for third in range(5) for fourth in range(100)]
    dns.put(NAME, "A", *addresses)
    answer = await look(dns)
    assert answer.places == {(address, 0) for address in addresses}
    assert (NAME, "A", "tcp") in dns.asked


async def test_nothing_comes_from_a_cache(dns):
    lookup = Lookup([dns.address])
    assert not (await lookup.look(NAME)).places  # its denial holds for an hour
    for address in ("10.0.0.1", "10.0.0.2"):
        dns.put(NAME, "A", address, ttl=600)
        assert (await lookup.look(NAME)).places == {(address, 0)}


async def test_search_domains_of_the_system(dns, monkeypatch):
    monkeypatch.setenv("LOCALDOMAIN", "internal")
    dns.put(NAME, "A", "10.0.0.1", ttl=5)
    answer = await look(dns, "app")
    assert (answer.places, answer.ttl) == ({("10.0.0.1", 0)}, 5)


async def test_a_name_that_cannot_be_one(dns):
    answer = await look(dns, "a" * 64)
    assert answer.unknown == BOTH
    assert not dns.asked


async def test_what_c_ares_needs_is_not_there(dns, monkeypatch):
    def fail(*args, **options):
        raise pycares.AresError("Failed to initialize c-ares channel")

    monkeypatch.setattr(aiodns, "DNSResolver", fail)
    answer = await look(dns)
    assert (answer.unknown, answer.problem) == (BOTH, "Failed to initialize c-ares channel")


# -- services


SERVICE = "_http._tcp.app.internal"


async def test_a_service_is_its_targets_with_their_ports(dns):
    dns.put(SERVICE, "SRV", "0 5 8001 one.internal.", "9 0 8002 two.internal.", ttl=40)
    dns.put("one.internal", "A", "10.0.0.1", ttl=30)
    dns.put("one.internal", "AAAA", "2001:db8::1", ttl=20)
    dns.put("two.internal", "A", "10.0.0.2", ttl=50)
    answer = await look(dns, SERVICE)
    assert answer.places == {("10.0.0.1", 8001), ("2001:db8::1", 8001), ("10.0.0.2", 8002)}
    assert (answer.ttl, answer.problem) == (20, "")


async def test_the_ttl_of_the_service_itself(dns):
    dns.put(SERVICE, "SRV", "0 5 8001 one.internal.", ttl=3)
    dns.put("one.internal", "A", "10.0.0.1", ttl=30)
    assert (await look(dns, SERVICE)).ttl == 3


async def test_a_target_that_is_gone_does_not_count(dns):
    dns.put(SERVICE, "SRV", "0 0 8001 one.internal.", "0 0 8002 gone.internal.")
    dns.put("one.internal", "A", "10.0.0.1")
    answer = await look(dns, SERVICE)
    assert (answer.places, answer.problem) == ({("10.0.0.1", 8001)}, "")


async def test_a_target_that_fails_leaves_its_kind_unknown(dns):
    dns.put(SERVICE, "SRV", "0 0 8001 one.internal.", "0 0 8002 two.internal.")
    dns.put("one.internal", "A", "10.0.0.1")
    dns.fail("two.internal", kind="A")
    answer = await look(dns, SERVICE)
    assert (answer.places, answer.unknown) == ({("10.0.0.1", 8001)}, {"A"})


async def test_what_the_records_say_of_each_address(dns):
    """A weight is one target's, however many addresses that has."""
    dns.put(SERVICE, "SRV", "1 6 8001 one.internal.", "1 5 8002 two.internal.", "7 0 8003 two.internal.")
    dns.put("one.internal", "A", "10.0.0.1", "10.0.0.11")
    dns.put("one.internal", "AAAA", "2001:db8::1")
    dns.put("two.internal", "A", "10.0.0.2")
    assert (await look(dns, SERVICE)).records == {
        ("10.0.0.1", 8001): (1, 2), ("10.0.0.11", 8001): (1, 2), ("2001:db8::1", 8001): (1, 2),
        ("10.0.0.2", 8002): (1, 5), ("10.0.0.2", 8003): (7, 0)}


@pytest.mark.parametrize("record", ["0 0 0 .", "0 0 8001 .", "0 0 0 one.internal."])
async def test_a_service_that_is_decidedly_not_here(dns, record):
    dns.put(SERVICE, "SRV", record)
    dns.put("one.internal", "A", "10.0.0.1")
    answer = await look(dns, SERVICE)
    assert (answer.places, answer.unknown, answer.problem) == (set(), set(), "no such records")


async def test_a_service_that_is_denied_or_fails(dns):
    assert (await look(dns, SERVICE)).unknown == set()
    dns.fail(SERVICE)
    assert (await look(dns, SERVICE)).unknown == BOTH


# -- /etc/hosts and the system


@pytest.mark.parametrize("name", ["localhost", "localhost."])
async def test_localhost_is_never_asked_for(dns, name):
    answer = await look(dns, name)
    assert ("127.0.0.1", 0) in answer.places
    assert (answer.ttl, answer.from_system, answer.problem) == (SYSTEM_TTL, True, "")
    assert not dns.asked


async def test_names_of_etc_hosts_count_where_the_dns_denies_them(dns):
    hosts = names_of_this_machine()
    assert hosts
    for name, address in hosts:
        assert (address, 0) in (await look(dns, name)).places


def names_of_this_machine():
    lines = [line.partition("#")[0].split() for line in Path("/etc/hosts").read_text().splitlines()]
    return [(name, words[0]) for words in lines for name in words[1:] if words[0].startswith("127.")]


async def test_the_system_is_asked_for_what_the_dns_does_not_know(dns, monkeypatch):
    """Its nameservers are not asked here, whatever they are: no test leaves the machine."""
    lookup = Lookup()
    monkeypatch.setattr(lookup, "_of_dns", look_of(Answer(problem="no such name")))
    monkeypatch.setattr(room, "system_addresses", lambda host: ["10.9.9.9", "2001:db8::9"])
    answer = await lookup.look(NAME)
    assert answer.places == {("10.9.9.9", 0), ("2001:db8::9", 0)}
    assert (answer.ttl, answer.from_system, answer.problem) == (SYSTEM_TTL, True, "")
    assert (await lookup.look(NAME, dns_alone=True)).problem == "no such name"
    assert (await lookup.look(SERVICE)).problem == "no such name"


async def test_what_the_dns_said_is_told_where_the_system_knows_nothing(monkeypatch):
    lookup = Lookup()
    monkeypatch.setattr(lookup, "_of_dns", look_of(Answer(unknown=frozenset(BOTH), problem="A: timed out")))
    monkeypatch.setattr(room, "system_addresses", lambda host: [])
    assert (await lookup.look(NAME)).problem == "A: timed out"


def look_of(answer):
    async def of_dns(host):
        return answer

    return of_dns


async def test_with_other_nameservers_the_system_is_not_asked(dns, monkeypatch):
    monkeypatch.setattr(room, "system_addresses", lambda host: ["10.9.9.9"])
    assert not (await look(dns)).places
    assert dns.asked


async def test_a_system_that_is_slow_is_asked_once_at_a_time(monkeypatch, impatient):
    asked, may_end = [], threading.Event()

    def slow(host):
        asked.append(host)
        may_end.wait(10)
        return ["127.0.0.2"]

    monkeypatch.setattr(room, "system_addresses", slow)
    lookup = Lookup()
    try:
        assert not (await lookup.look("localhost")).places
        assert not (await lookup.look("localhost")).places
    finally:
        may_end.set()
    assert (await lookup.look("localhost")).places == {("127.0.0.2", 0)}
    assert asked == ["localhost"]


async def test_a_slow_system_is_asked_again_once_it_has_answered(monkeypatch):
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    monkeypatch.setattr(room, "system_addresses", lambda host: next(answers))
    lookup = Lookup()
    assert (await lookup.look("localhost")).places == {("127.0.0.1", 0)}
    assert (await lookup.look("localhost")).places == {("127.0.0.2", 0)}


async def test_names_below_localhost_are_looked_for_together():
    lookup = Lookup()
    one, two = await asyncio.gather(lookup.look("localhost"), lookup.look("app.localhost"))
    assert ("127.0.0.1", 0) in one.places & two.places


def test_the_systems_addresses():
    assert "127.0.0.1" in system_addresses("localhost")
    assert system_addresses("a" * 64) == []


# -- endings


async def test_a_look_that_is_cancelled_leaves_nothing(dns, caplog):
    dns.silence(NAME)
    looking = asyncio.create_task(look(dns))
    await asyncio.to_thread(dns.wait, 1)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    assert looking.cancelled()
    assert not caplog.records


async def test_many_looks_at_once(dns):
    lookup = Lookup([dns.address])
    dns.put(NAME, "A", "10.0.0.1")
    answers = await asyncio.gather(*(lookup.look(NAME) for _ in range(100)))
    assert {answer.places for answer in answers} == {frozenset({("10.0.0.1", 0)})}
