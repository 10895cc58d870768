"""A worker whose loop stands still: the supervisor sees it, says where it stood, and starts another."""

import asyncio
import os
import re
import signal
from time import perf_counter

import pytest

from tests.faults.chaos import Origin
from tests.faults.figures import Figures, Watch
from tests.faults.load import CUT, OK, RACED, UNANSWERED, Ask, Client, Load, reached
from tests.faults.stage import configuration
from tests.scenarios.support import LOOPS

STRATEGY = '''
class Trap:
    """As first, but for one query."""

    def rebuild(self, endpoints):
        self.endpoints = endpoints

    def pick(self, exchange, tried):
        while exchange.target.query == b"trap":
            pass
        return self.endpoints[0]
'''


@pytest.mark.parametrize("loop", LOOPS)
def test_a_worker_in_an_endless_loop(stage, loop):
    """What it had is lost, and nothing else; whoever waits in its queue is served by its successor."""
    (stage.folder / "trapped.py").write_text(STRATEGY)

    async def scenario():
        async with Origin() as origin:
            yaml = configuration(
                origin.address, pool="strategy: 'trapped:Trap'", more="workers: 2\ntimeouts: {stuck: 2s}")
            proxy = stage.proxy(yaml, loop=loop)
            async with Watch(proxy) as watch, Load(proxy.place, rate=100, connections=10) as load:
                await load.more(50)
                workers = set(proxy.workers())
                began = perf_counter()
                victim = Client(proxy.place)
                trapped = await victim.ask(Ask(query="trap"))
                victim.close()
                await reached(lambda: len(set(proxy.workers()) - workers) == 1)
                back = perf_counter() - began
                await load.more(200)
            return Figures("a worker in an endless loop", load.outcomes, watch), proxy, trapped, back

    figures, proxy, trapped, back = asyncio.run(scenario())
    figures.report(loop, f"another worker after {back:.1f} s")
    assert trapped.kind in (CUT, UNANSWERED)
    assert set(figures.found) <= {OK, CUT, RACED, UNANSWERED}, figures.why()
    lost = figures.found[CUT] + figures.found[UNANSWERED] + figures.found[RACED]
    assert lost <= 10, "more than there are connections"
    assert {one.kind for one in figures.outcomes[-100:]} == {OK}
    assert proxy.said(r"worker \d+: its loop stands still for 2 s; where it stands is told below")
    assert proxy.said(r'File ".*trapped\.py", line 9 in pick')
    assert proxy.said(r"worker \d+: its loop stood still for 2 s, so it was killed; another takes its place")


def test_a_worker_that_does_not_run_at_all(stage):
    """SIGSTOP: no traceback can be had, and SIGABRT does not end it."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address, more="timeouts: {stuck: 2s}"))
            (worker,) = proxy.workers()
            os.kill(worker, signal.SIGSTOP)
            client = Client(proxy.place)
            asked = asyncio.create_task(client.ask(Ask()))
            await reached(lambda: proxy.workers() and worker not in proxy.workers())
            outcome = await asked
            client.close()
            return proxy, outcome

    proxy, outcome = asyncio.run(scenario())
    assert outcome.kind == OK, "who was in its queue is served by its successor"
    assert proxy.said(r"worker \d+ does not end: killed")


@pytest.mark.parametrize("kind", ["lookout", "desk"])
def test_others_that_stand_still(stage, kind):
    more = {"lookout": "", "desk": "admin: 127.0.0.1:0\n"}[kind]
    pool = {"lookout": "health_check: {type: tcp}", "desk": ""}[kind]

    async def scenario():
        async with Origin() as origin:
            more_keys = f"{more}timeouts: {{stuck: 2s}}"
            proxy = stage.proxy(configuration(origin.address, pool=pool, more=more_keys))
            async with Load(proxy.place, rate=100) as load:
                await reached(lambda: len(proxy.workers()) == 2)
                victim = {"lookout": min, "desk": max}[kind](proxy.workers())
                await load.more(150)  # it beats by now
                os.kill(victim, signal.SIGSTOP)
                await reached(lambda: victim not in proxy.workers() and len(proxy.workers()) == 2)
            return proxy, Figures(f"a {kind} that stands still", load.outcomes)

    proxy, figures = asyncio.run(scenario())
    figures.report()
    assert set(figures.found) <= {OK, RACED}, figures.why()
    assert re.search(rf"{kind} \d+: its loop stood still", proxy.log())
