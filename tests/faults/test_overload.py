"""More than endpoints can do, and endpoints of which one is slow: F18 of the fault plan."""

import asyncio
from dataclasses import replace
from time import perf_counter

from tests.faults.chaos import Origin, three_origins
from tests.faults.figures import MIB, Figures, Watch
from tests.faults.load import OK, STATUS, Ask, Load, calm_p99, quantile
from tests.faults.stage import configuration

SERVICE = 0.02  # seconds that an endpoint takes for an answer


def millis(outcomes):
    return "/".join(f"{quantile(outcomes, part) * 1000:.0f}" for part in (0.5, 0.95, 0.99)) + " ms"


async def one_slow(stage, strategy):
    """Outcomes with three equal endpoints, and after one of them has become ten times slower."""
    async with three_origins() as origins:
        proxy = stage.proxy(configuration(
            *(origin.address for origin in origins), pool=f"strategy: {strategy}"))
        async with Load(proxy.place, lambda: Ask(query=f"delay={SERVICE}"), connections=60) as load:
            await load.more(300)
            healthy = await load.more(900)
            origins[0].twist = lambda wish: replace(wish, delay=10 * SERVICE)
            await load.more(600)  # it takes a while to show
            slow = await load.more(1500)
    share = sum(one.origin == "ada" for one in slow) / len(slow)
    figures = Figures(f"one ten times slower: {strategy}", slow)
    figures.report(f"p50/p95/p99 {millis(healthy)} -> {millis(slow)}", f"{share:.1%} went to the slow one")
    assert set(figures.found) == {OK}, figures.why()
    return healthy, slow, share


def test_one_endpoint_is_slow_and_least_time_avoids_it(stage):
    """p99 stays within twice that of the healthy pool: the slow one gets less than one in a hundred."""
    healthy, slow, share = asyncio.run(one_slow(stage, "least_time"))
    assert 0 < share < 0.01
    assert calm_p99(slow) < 2 * calm_p99(healthy) + 0.03


def test_one_endpoint_is_slow_and_least_connections_gives_it_less(stage):
    """As much in flight as the others means a tenth of their requests: it bounds the harm, and no more.

    So p90 stays; p99 is the slow endpoint's time whatever the proxy does, as long as it asks it at all.
    """
    healthy, slow, share = asyncio.run(one_slow(stage, "least_connections"))
    assert share < 0.15
    assert quantile(slow, 0.8) < 2 * quantile(healthy, 0.8) + 0.03


def test_ten_times_what_the_endpoints_can_do(stage):
    """F18: they work at their limit all the time, a bounded queue is full, the rest is refused at once."""
    places = 2
    ask = lambda: Ask(query="delay=0.1")  # noqa: E731

    async def scenario():
        async with Origin("ada") as ada, Origin("bruno") as bruno:
            proxy = stage.proxy(configuration(
                *(f"{{address: '{one.address}', max_connections: {places}}}" for one in (ada, bruno)),
                pool="queue: {size: 20, timeout: 2s}"))
            async with Load(proxy.place, ask, rate=None, connections=2 * places) as load:
                await load.more(20)
                capacity = await speed(load, 120)
            async with Watch(proxy) as watch:
                async with Load(proxy.place, ask, rate=10 * capacity, connections=150) as load:
                    await load.more(400)
                    watch.before = watch.now()
                    began = perf_counter()
                    during = await load.more(2000)
                    seconds = perf_counter() - began
                over = perf_counter()
                async with Load(proxy.place, ask, rate=capacity / 2) as load:
                    after = await load.more(60)
            figures = Figures("F18 ten times the capacity", during, watch)
            return figures, capacity, seconds, over, after, (ada.busiest, bruno.busiest)

    async def speed(load, count):
        began = perf_counter()
        await load.more(count)
        return count / (perf_counter() - began)

    figures, capacity, seconds, over, after, busiest = asyncio.run(scenario())
    good = [one for one in figures.outcomes if one.kind == OK]
    refused = [one for one in figures.outcomes if one.kind == STATUS]
    waits = sorted(1000 * (one.ended - one.sent) for one in refused)
    goodput = len(good) / seconds / capacity
    recovery = next(one.ended for one in after if one.kind == OK) - over
    figures.report(
        f"goodput {goodput:.0%} of {capacity:.0f}/s", f"{len(refused)} refused after p50/p99 "
        f"{waits[len(waits) // 2]:.1f}/{waits[len(waits) * 99 // 100]:.1f} ms", f"recovery {recovery:.2f} s")
    assert goodput >= 0.9
    assert busiest == (places, places)
    assert {(one.status, one.patience) for one in figures.outcomes} == {(200, ""), (503, "1")}, figures.why()
    assert waits[len(waits) // 2] < 10
    assert max(one.ended - one.sent for one in good) < 2, "the queue is short"
    assert figures.watch.growth < 4 * MIB
    assert recovery < 2
    assert {one.kind for one in after} == {OK}
