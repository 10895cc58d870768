"""A worker that is killed, and an end in good order: F16 and F17 of the fault plan."""

import asyncio
import os
import signal
from collections import Counter
from time import perf_counter

import pytest

from tests.faults.chaos import Origin
from tests.faults.crowd import Crowd
from tests.faults.figures import Figures, Watch
from tests.faults.load import CUT, OK, RACED, REFUSED, UNANSWERED, Ask, Load, quantile, reached
from tests.faults.stage import configuration
from tests.scenarios.support import LOOPS


def test_a_worker_killed_under_load(stage):
    """F16: what was in flight there is lost and nothing else; the others never find a closed door."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address, more="workers: 2"))
            async with Watch(proxy) as watch, Load(proxy.place, lambda: Ask(query="delay=0.02")) as load:
                await load.more(300)
                workers = set(proxy.workers())
                killed = perf_counter()
                os.kill(min(workers), signal.SIGKILL)
                await reached(lambda: len(set(proxy.workers()) - workers) == 1)
                back = perf_counter() - killed
                await load.more(450)
            return Figures("F16 SIGKILL of 1 of 2 workers", load.outcomes, watch), killed, back

    figures, killed, back = asyncio.run(scenario())
    lost = [one for one in figures.outcomes if one.kind in (CUT, RACED, UNANSWERED)]
    # A process is not yet dead when it is killed, but surely once it was reaped.
    in_flight = [one for one in figures.outcomes if one.sent <= killed + back and killed <= one.ended]
    later = [one for one in figures.outcomes if one.due > killed + 1]
    figures.report(f"lost {len(lost)} of {len(in_flight)} in flight, a new worker after {back * 1000:.0f} ms")
    assert back < 1
    assert figures.found[REFUSED] == 0, figures.why()
    assert all(one in in_flight for one in lost), "lost without being in flight"
    assert set(figures.found) <= {OK, CUT, RACED, UNANSWERED, REFUSED}, figures.why()
    assert {one.kind for one in later} == {OK}
    assert quantile(later, 0.5) < 0.2


@pytest.mark.parametrize("loop", LOOPS)
def test_an_end_under_load(stage, loop):
    """F17: every answer that was begun is finished, and then the proxy ends, well before the limit."""
    drain = 5

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(
                configuration(origin.address, more=f"workers: 2\ntimeouts: {{drain: {drain}s}}"), loop=loop)
            make = lambda: Ask(size=3000, query="drip=1&delay=0.1")  # noqa: E731
            async with (
                Watch(proxy) as watch,
                Load(proxy.place, make, rate=None, connections=40) as slow,
                Load(proxy.place) as quick,
                Crowd(proxy.place, 50) as idle,
            ):
                await slow.more(50)
                asked = perf_counter()
                proxy.signal(signal.SIGTERM)
                closed = await idle.receive_all()
                await reached(lambda: proxy.process.poll() is not None)
                ended = perf_counter() - asked
            figures = Figures("F17 SIGTERM under load", slow.outcomes + quick.outcomes, watch)
            return figures, asked, ended, proxy.process.returncode, closed

    figures, asked, ended, status, closed = asyncio.run(scenario())
    before = [one for one in figures.outcomes if one.sent < asked]
    late = [one for one in figures.outcomes if one.sent >= asked]
    begun = [one for one in before if one.ended > asked]
    # Nobody listens any more; who connected in that very moment is closed without an answer.
    refused = Counter(one.kind for one in late if one.kind in (REFUSED, UNANSWERED))
    figures.found.subtract(refused)
    figures.report(loop, f"{len(begun)} in flight were finished", f"idle closed after {closed[0][0]:.2f} s",
                   f"ended after {ended:.2f} s (limit {drain})",
                   f"{refused.total()} refused after it, 0 before")
    assert status == 0
    assert ended < drain
    assert {one.kind for one in before} == {OK}, figures.why()
    assert len(begun) >= 30
    assert all(seconds < 0.5 and not data for seconds, data in closed)
    assert {one.kind for one in late} <= {OK, REFUSED, RACED, UNANSWERED}, figures.why()
