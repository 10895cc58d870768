"""Endpoints that die, hang, refuse or close what was kept open: F2, F3, F5 of the fault plan."""

import asyncio
import random
import socket
from dataclasses import replace
from time import perf_counter

import pytest

from tests.faults.chaos import Origin
from tests.faults.figures import MIB, Figures, Watch
from tests.faults.load import CUT, OK, STATUS, Ask, Beside, Client, Load, half_posts, quantile
from tests.faults.stage import configuration
from tests.scenarios.support import free_port


def test_an_endpoint_killed_while_it_answers(stage):
    """F2: only the answers in flight there are lost, and each of them is visibly cut."""
    origins = {name: stage.chaos(name) for name in ("ada", "bruno", "clara")}
    proxy = stage.proxy(configuration(*(origin.address for origin in origins.values())))
    chance = random.Random(2)

    async def scenario():
        watch = Watch(proxy)
        async with watch, Load(
            proxy.place, lambda: Ask(size=2000, query=f"drip={chance.uniform(0.5, 1.0):.3f}"), rate=None
        ) as load:
            await load.more(30)
            killed = perf_counter()
            origins["ada"].process.kill()
            await load.more(80)
        return Figures("F2 endpoint killed mid-response", load.outcomes, watch), killed

    figures, killed = asyncio.run(scenario())
    cut = [one for one in figures.outcomes if one.kind == CUT]
    figures.report()
    assert 1 <= figures.cut <= 15, figures.why()
    assert all(one.origin == "ada" and one.sent < killed for one in cut), figures.why()
    assert all(one.ended - killed < 0.5 for one in cut), "a cut must be seen when it happens"
    assert (figures.failed, figures.wrong) == (0, 0), figures.why()


def test_an_endpoint_that_accepts_and_never_answers(stage):
    """F3: a POST gets a 504 in time, a GET an answer from another endpoint, and nobody else notices."""

    async def scenario():
        async with Origin("ada") as ada, Origin("bruno") as bruno, Origin("clara") as clara:
            proxy = stage.proxy(configuration(
                ada.address, bruno.address, clara.address, more="timeouts: {response_head: 1s}"))
            async with Watch(proxy) as watch, Load(proxy.place, half_posts(3), connections=120) as load:
                await load.more(450)
                before = await load.more(300)
                watch.before = watch.now()
                ada.silent = True
                async with Load(bruno.place, rate=100) as control:
                    during = await load.more(900)
                return during, Beside(answered(before), answered(during), control.outcomes), watch

    def answered(outcomes):
        """Without delay, from the sending on: these clients also wait for hung answers."""
        return [replace(one, due=one.sent) for one in outcomes if one.kind == OK and one.ended - one.sent < 1]

    during, others, watch = asyncio.run(scenario())
    figures = Figures("F3 endpoint accepts, never answers", during, watch)
    hung = [one for one in during if one.kind == STATUS]
    waits = [one.ended - one.sent for one in hung]
    late = sum(one.kind == OK and one.ended - one.sent > 0.95 for one in during)
    figures.report(f"504 after {min(waits):.2f}-{max(waits):.2f} s, {late} GETs answered elsewhere after it",
                   str(others))
    assert {(one.ask.method, one.status) for one in hung} == {("POST", 504)}, figures.why()
    assert late > 10
    assert min(waits) > 0.95
    assert max(waits) < 1.5
    assert len(hung) == figures.failed, figures.why()
    assert (figures.cut, figures.wrong) == (0, 0), figures.why()
    assert others.unharmed
    assert watch.growth < 8 * MIB


def test_kept_connections_that_are_closed_at_any_moment(stage):
    """F5: no GET fails, no POST fails, and no POST arrives twice."""
    chance = random.Random(5)

    def make():
        if chance.random() < 0.5:
            return Ask()
        return Ask("POST", body=bytes(chance.randrange(100, 2000)))

    async def scenario():
        async with Origin("ada", idle=(0.001, 0.05), seed=1) as ada, Origin(
            "bruno", idle=(0.001, 0.05), seed=2
        ) as bruno:
            proxy = stage.proxy(configuration(ada.address, bruno.address))
            async with Watch(proxy) as watch, Load(proxy.place, make, rate=500, connections=25) as load:
                await load.more(3000)
            begun = ada.begun + bruno.begun
            accepted = ada.accepted + bruno.accepted
            return Figures("F5 kept connections closed at 1-50 ms", load.outcomes, watch), begun, accepted

    figures, begun, accepted = asyncio.run(scenario())
    posts = [one for one in figures.outcomes if one.ask.method == "POST"]
    lost = [one for one in posts if one.kind != OK]
    twice = sum(begun[one.ask.mark] > 1 for one in posts)
    figures.report(f"POSTs {len(posts)}, failed {len(lost)}, arrived twice {twice}",
                   f"{accepted} connections opened for {len(figures.outcomes)} requests")
    assert accepted > 200, "the fault was not there"
    assert not [one for one in figures.outcomes if one.ask.method == "GET" and one.kind != OK], figures.why()
    assert twice == 0
    assert not lost, figures.why()
    assert figures.wrong == 0


def full_listener():
    """A listener whose queue is full: a connect to it hangs. Keep what is returned."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(3):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        waiting.append(sock)
    return listener, waiting


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_a_connect_that_fails_goes_to_the_next_endpoint(stage, how):
    listener, waiting = full_listener()
    dead = free_port() if how == "refuses" else listener.getsockname()[1]

    async def scenario():
        async with Origin("ada") as ada:
            proxy = stage.proxy(configuration(
                f"127.0.0.1:{dead}", ada.address, more="timeouts: {connect: 500ms}"))
            async with Watch(proxy) as watch, Load(
                proxy.place, lambda: Ask("POST", body=b"x" * 500), connections=60
            ) as load:
                await load.more(600)
            return Figures(f"connect {how}: next endpoint", load.outcomes, watch), ada.begun

    figures, begun = asyncio.run(scenario())
    for sock in (listener, *waiting):
        sock.close()
    figures.report()
    assert set(figures.found) == {OK}, figures.why()
    assert max(begun.values()) == 1
    if how == "hangs":
        assert quantile(figures.outcomes, 0.5) < 0.5, "most never wait for the connect's 500 ms"


def test_all_endpoints_down_and_one_back(stage):
    """502 at once each time, and an answer as soon as anybody listens again."""
    ports = [free_port(), free_port()]
    proxy = stage.proxy(configuration(*(f"127.0.0.1:{port}" for port in ports)))

    async def scenario():
        client = Client(proxy.place)
        down = [await client.ask(Ask()) for _ in range(100)]
        async with Origin("ada", ports[1]):
            back = perf_counter()
            await reached_ok(client)
            recovery = perf_counter() - back
            after = [await client.ask(Ask()) for _ in range(50)]
            client.close()
        return down, recovery, after

    async def reached_ok(client):
        while (await client.ask(Ask())).kind != OK:
            pass

    down, recovery, after = asyncio.run(scenario())
    figures = Figures("all endpoints down: 502", down)
    times = sorted(one.seconds * 1000 for one in down)
    figures.report(f"502 after p50/p99/max {times[50]:.1f}/{times[98]:.1f}/{times[-1]:.1f} ms",
                   f"first answer {recovery * 1000:.0f} ms after one is back")
    assert {one.status for one in down} == {502}
    assert times[90] < 50
    assert recovery < 1
    assert {one.kind for one in after} == {OK}
