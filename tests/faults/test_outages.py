"""Whole pools that are away, endpoints that hang or move, and who finds it out: F6 and F22."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from time import perf_counter

import pytest

from tests.dns_server import DnsServer
from tests.faults.chaos import Origin, three_origins
from tests.faults.figures import Figures, Watch
from tests.faults.load import OK, Ask, Load, half_posts, quantile, reached
from tests.faults.stage import AWAY, Outage, configuration


def test_requests_wait_while_all_endpoints_are_away(stage):
    """0 failed of all that come while nobody is there, POSTs as well, and of the GETs under way at its begin:
    an endpoint dies with some, and so does the one that they are sent to next. POSTs may be lost with it.
    """
    outage = Outage(stage)
    # No kept connections: what is cut off on one of those has merely met a close, and needs no retry. Three
    # attempts more, for each of the endpoints may die with the same request.
    proxy = stage.proxy(configuration(*outage.addresses, pool="""
        queue: {size: 200, timeout: 10s}, retry: {attempts: 3}, idle_connections: {max: 0}"""))

    async def scenario():
        make = half_posts(5, "delay=0.03")  # so that some are always under way
        async with Watch(proxy) as watch, Load(proxy.place, make, connections=100) as load:
            await load.more(900)
            await outage.pass_over()
            await load.more(600)
        return Figures(f"all away for {AWAY} s, queue on", load.outcomes, watch)

    figures = asyncio.run(scenario())
    waited = [one for one in figures.outcomes if one.sent < outage.over and one.ended > outage.over]
    lost = [one for one in figures.outcomes if one.kind != OK]
    met = [one for one in waited if one.sent < outage.complete]
    figures.report(f"{len(waited)} waited, {len(met)} of them cut off, {len(lost)} POSTs under way lost")
    assert len(waited) >= 100 - len(lost), "each client has one request that waits"
    assert {one.ask.method for one in lost} <= {"POST"}, figures.why()
    assert all(one.sent <= outage.complete and one.ended >= outage.began for one in lost), figures.why()
    assert max(one.ended for one in waited) - outage.back < 3
    assert figures.wrong == 0


def test_without_a_queue_an_outage_is_told_at_once(stage):
    """F6: 502 or 503 within 50 ms, and an answer within a second after the first endpoint is back."""
    outage = Outage(stage)
    proxy = stage.proxy(configuration(*outage.addresses))

    async def scenario():
        async with Watch(proxy) as watch, Load(proxy.place, rate=150, connections=50) as load:
            await load.more(150)
            await outage.pass_over()
            await load.more(300)
        return Figures(f"F6 all away for {AWAY} s", load.outcomes, watch)

    figures = asyncio.run(scenario())
    failed = [one for one in figures.outcomes if one.kind != OK]
    p50, p99, most = (1000 * quantile(failed, part) for part in (0.5, 0.99, 1))
    well = [one.ended for one in figures.outcomes if one.kind == OK and one.sent > outage.complete]
    recovery = max(0.0, min(well) - outage.back)
    figures.report(f"refused after p50/p99/max {p50:.1f}/{p99:.1f}/{most:.1f} ms",
                   f"first answer {recovery * 1000:.0f} ms after one is back")
    assert len(failed) > AWAY * 100
    assert {one.status for one in failed} <= {502, 503}, figures.why()
    assert p50 < 50
    assert recovery < 1
    assert {one.kind for one in figures.outcomes if one.sent > outage.back + 1} == {OK}, figures.why()


def test_a_hung_endpoint_is_noticed_by_its_health_check(stage):
    """What is sent once it was called down goes elsewhere; what hangs there already is asked elsewhere."""
    check = "health_check: {path: /load, interval: 250ms, timeout: 1s}, ejection: false"

    async def scenario():
        async with three_origins() as (ada, *others):
            proxy = stage.proxy(configuration(
                ada.address, *(origin.address for origin in others), pool=check,
                more="timeouts: {response_head: 4s}"))
            async with Watch(proxy) as watch, Load(proxy.place, rate=100, connections=400) as load:
                await load.more(300)
                ada.silent = True
                began = perf_counter()
                await reached(lambda: proxy.said(f"{ada.address} down: 3 of 3 probes failed"))
                told = perf_counter()
                await load.more(100)  # the workers heard of it in the meantime
                before = set(ada.begun)
                await load.more(200)
                astray = set(ada.begun) - before - {""}  # probes have no mark
                ada.silent = False
                await reached(lambda: proxy.said(f"{ada.address} up: 2 of 2 probes succeeded"))
                await reached(lambda: load.outcomes[-1].origin == "ada")
            return Figures("hung endpoint, health check", load.outcomes, watch), told - began, astray

    figures, seconds, astray = asyncio.run(scenario())
    slow = sum(one.ended - one.sent > 3.9 for one in figures.outcomes)
    figures.report(f"down after {seconds:.1f} s, {slow} requests waited there")
    assert set(figures.found) == {OK}, figures.why()
    assert seconds < 6
    assert not astray


class Names:
    """A nameserver, and origins on one port of 127.0.0.1 and 127.0.0.2."""

    async def __aenter__(self):
        self.held = AsyncExitStack()
        self.dns = self.held.enter_context(DnsServer())
        self.old = await self.held.enter_async_context(Origin("old"))
        self.new = await self.held.enter_async_context(Origin("new", self.old.port, host="127.0.0.2"))
        self.tell("127.0.0.1")
        return self

    async def __aexit__(self, *error):
        await self.held.aclose()

    def tell(self, *addresses, ttl=1):
        self.dns.put("app.internal", "A", *addresses, ttl=ttl)

    def proxy(self, stage, pool=""):
        endpoint = f"{{address: 'app.internal:{self.old.port}', resolve: true}}"
        return stage.proxy(configuration(endpoint, pool=pool), env={"PROXY_DNS": self.dns.address})


def test_a_name_gets_another_address(stage):
    """F22: seen within the TTL and a second more, and no request is lost, of whatever method."""

    async def scenario():
        async with Names() as names:
            proxy = names.proxy(stage)
            async with Watch(proxy) as watch, Load(proxy.place, half_posts(3)) as load:
                await load.more(300)
                names.tell("127.0.0.2")
                told = perf_counter()
                await reached(lambda: load.outcomes[-1].origin == "new")
                seen = perf_counter() - told
                await load.more(50)
                later = await load.more(300)
            return Figures("F22 another address", load.outcomes, watch), seen, {one.origin for one in later}

    figures, seen, origins = asyncio.run(scenario())
    figures.report(f"seen after {seen:.1f} s, TTL 1 s")
    assert set(figures.found) == {OK}, figures.why()
    assert seen < 4
    assert origins == {"new"}


def test_a_container_that_comes_back_elsewhere(stage):
    """It ends and is there again at another address in that moment. Nobody waits for the TTL of a minute: a
    connect that fails has the name looked up at once, and who asks meanwhile waits in the queue.
    """

    async def scenario():
        async with Names() as names:
            names.tell("127.0.0.1", ttl=60)
            proxy = names.proxy(stage, "queue: {size: 500, timeout: 10s}")
            async with Watch(proxy) as watch, Load(proxy.place, Ask, connections=60) as load:
                await load.more(300)
                names.tell("127.0.0.2", ttl=60)
                await names.old.__aexit__()
                gone = perf_counter()
                await reached(lambda: load.outcomes[-1].origin == "new")
                seen = perf_counter() - gone
                await load.more(300)
            return Figures("F22 a container moves", load.outcomes, watch), seen

    figures, seen = asyncio.run(scenario())
    figures.report(f"found after {seen:.1f} s, TTL 60 s")
    assert set(figures.found) == {OK}, figures.why()
    assert seen < 5


@pytest.mark.parametrize("how", ["fails", "is silent", "denies"])
def test_a_nameserver_that_does_not_answer_well(stage, how):
    """F22: the last good answer holds, and no request waits."""

    async def scenario():
        async with Names() as names:
            proxy = names.proxy(stage)
            async with Watch(proxy) as watch, Load(proxy.place, half_posts(4)) as load:
                await load.more(150)
                if how == "denies":
                    names.dns.drop("app.internal")
                else:
                    (names.dns.fail if how == "fails" else names.dns.silence)("app.internal")
                asked = len(names.dns.asked)
                await reached(lambda: len(names.dns.asked) > asked + 2)
                await load.more(300)
            return Figures(f"F22 nameserver {how}", load.outcomes, watch)

    figures = asyncio.run(scenario())
    figures.report()
    assert set(figures.found) == {OK}, figures.why()
    assert {one.origin for one in figures.outcomes} == {"old"}
    assert max(one.ended - one.sent for one in figures.outcomes) < 2


def test_a_service_shares_out_its_load_as_its_srv_records_say(stage):
    """RFC 2782: the lowest priority first, weights within it; a change is heard of."""

    async def scenario():
        async with Names() as names, three_origins() as origins:
            ports = [origin.port for origin in origins]

            def tell(*said):
                targets = [f"{one} {port} app.internal." for one, port in zip(said, ports, strict=True)]
                names.dns.put("_http._tcp.app.internal", "SRV", *targets, ttl=1)

            tell("10 1", "10 3", "20 0")
            proxy = stage.proxy(
                configuration("{address: _http._tcp.app.internal, resolve: true}"),
                env={"PROXY_DNS": names.dns.address})
            async with Watch(proxy) as watch, Load(proxy.place, half_posts(5), connections=8) as load:
                first = origins_of(await load.more(400))
                told = proxy.log().count(" -> ")
                tell("10 3", "10 1", "20 0")
                await reached(lambda: proxy.log().count(" -> ") > told)
                await load.more(100)  # the worker heard of it in the meantime
                second = origins_of(await load.more(400))
                for origin in origins[:2]:
                    await origin.__aexit__()
                await reached(lambda: load.outcomes[-1].origin == "clara")
            return Figures("F22 SRV records", load.outcomes, watch), first, second

    figures, first, second = asyncio.run(scenario())
    figures.report(f"shares {dict(first)}, then {dict(second)}")
    assert set(first) == set(second) == {"ada", "bruno"}
    assert 2.5 < first["bruno"] / first["ada"] < 3.5
    assert 2.5 < second["ada"] / second["bruno"] < 3.5
    lost = [one for one in figures.outcomes if one.kind != OK]
    assert all(one.ask.method == "POST" for one in lost), figures.why()


def origins_of(outcomes):
    return Counter(one.origin for one in outcomes)
