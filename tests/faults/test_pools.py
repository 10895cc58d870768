"""Endpoints that fail while others work: no visitor may notice. F1, F3 and F7 of the fault plan."""

import asyncio
import random
from dataclasses import replace
from time import perf_counter

import pytest

from tests.faults.chaos import three_origins
from tests.faults.figures import Figures, Watch
from tests.faults.load import CUT, OK, STATUS, Ask, Load, half_posts, reached
from tests.faults.stage import Kills, configuration


def test_one_of_three_killed_again_and_again(stage):
    """F1: no GET fails, and of the POSTs only those that were under way there."""
    kills = Kills(stage)
    proxy = stage.proxy(configuration(*kills.addresses))

    async def scenario():
        async with Watch(proxy) as watch, Load(proxy.place, half_posts(1, "delay=0.03")) as load:
            for _ in range(6):
                await load.more(200)
                origin = kills.kill()
                await load.more(100)
                await kills.start(origin)
            await load.more(300)
        return Figures("F1 one of three killed, six times", load.outcomes, watch)

    figures = asyncio.run(scenario())
    lost = [one for one in figures.outcomes if one.kind != OK]
    under_way = [one for one in figures.outcomes if kills.met(one)]
    figures.report(f"POSTs lost {len(lost)} of {len(under_way)} requests under way at the kills")
    assert len(under_way) >= 6, "the fault was not there"
    assert {one.ask.method for one in lost} <= {"POST"}, figures.why()
    assert all(kills.met(one) for one in lost), figures.why()
    assert figures.wrong == 0, figures.why()


class Ejected:
    """What three origins do of which one fails in some way and comes back from ejections after 2, 4 ... s.

    Attributes:
        times: when ejections were seen.
    """

    def __init__(self, stage, twist, **options):
        self.stage = stage
        self.twist = twist
        self.options = {"more": "timeouts: {response_head: 1s}", "connections": 150, **options}
        self.times = []

    async def play(self, make, ejections, before=900):
        async with three_origins() as origins:
            connections = self.options.pop("connections")
            pool = self.options.pop("pool", "ejection: {duration: 2s}")
            self.proxy = self.stage.proxy(
                configuration(*(origin.address for origin in origins), pool=pool, **self.options))
            async with Watch(self.proxy) as watch, Load(
                self.proxy.place, make, connections=connections
            ) as load:
                await load.more(before)
                watch.before = watch.now()
                origins[0].twist = self.twist
                self.began = perf_counter()
                for count in range(1, ejections + 1):
                    await reached(lambda: self.proxy.log().count(" ejected for ") >= count)  # noqa: B023
                    self.times.append(perf_counter())
                await load.more(300)
        return load.outcomes, watch

    def after(self, outcomes):
        """What was sent once the first ejection was seen."""
        return [one for one in outcomes if one.sent > self.times[0]]


@pytest.mark.parametrize("fault", ["silence", "crawl"])
def test_an_endpoint_that_never_sends_a_head(stage, fault):
    """It hangs, or sends an octet a second: no GET fails, and once it is ejected one at a time is slow.

    What waits there before the ejection waits for `timeouts.response_head`, and is then asked elsewhere.
    """
    scene = Ejected(stage, lambda wish: replace(wish, fault=fault))
    outcomes, watch = asyncio.run(scene.play(Ask, 2))
    figures = Figures(f"F3 no head: {fault}", outcomes, watch)
    slow = [one for one in scene.after(outcomes) if one.ended - one.sent > 0.95]
    figures.report(f"ejected after {scene.times[0] - scene.began:.1f} s",
                   f"slow after that {len(slow)} in {len(scene.times) - 1} returns")
    assert set(figures.found) == {OK}, figures.why()
    assert scene.times[0] - scene.began < 4
    assert len(slow) <= len(scene.times), "one finds out, the others do not wait for it"


def test_an_endpoint_that_never_ends_a_body(stage):
    """An octet a second, and the head was good: what is under way is cut, visibly, and then it is ejected."""
    scene = Ejected(stage, lambda wish: replace(wish, fault="crawl", after=400),
                    more="timeouts: {response_body: 500ms}")
    outcomes, watch = asyncio.run(scene.play(lambda: Ask(size=1000), 2))
    figures = Figures("F3 no end of a body", outcomes, watch)
    cut = [one for one in outcomes if one.kind == CUT]
    later = [one for one in scene.after(outcomes) if one.kind == CUT]
    figures.report(f"cut once it was ejected {len(later)} in {len(scene.times) - 1} returns")
    assert set(figures.found) == {OK, CUT}, figures.why()
    assert all(0.4 < one.ended - one.sent < 2 for one in cut)
    assert len(later) <= len(scene.times)


def test_an_endpoint_that_answers_garbage(stage):
    """No GET fails; a POST may have been executed, so it gets a 502, one for each return at most."""
    scene = Ejected(stage, lambda wish: replace(wish, fault="garbage"))
    outcomes, watch = asyncio.run(scene.play(half_posts(3), 2))
    figures = Figures("F4 garbage", outcomes, watch)
    later = [one for one in scene.after(outcomes) if one.kind != OK]
    figures.report(f"failed once it was ejected {len(later)} in {len(scene.times) - 1} returns")
    failed = [one for one in outcomes if one.kind != OK]
    assert {(one.ask.method, one.status) for one in failed} <= {("POST", 502)}, figures.why()
    assert len(failed) <= 12, figures.why()
    assert len(later) <= len(scene.times)


def test_an_endpoint_half_of_whose_answers_are_500(stage):
    """It is ejected within 5 s, also after it was good for long, and less than 1 % fail from then on.

    That includes its return after 10 s, with all its share, as it answers its trial well.

    A 500 is the application's answer and not tried elsewhere: what comes meanwhile reaches the visitors.
    """
    chance = random.Random(4)
    scene = Ejected(stage, lambda wish: replace(wish, status=chance.choice((200, 500))), pool="",
                    connections=20)
    outcomes, watch = asyncio.run(scene.play(half_posts(4), 2, before=2400))
    figures = Figures("half of the answers of one are 500", outcomes, watch)
    after = scene.after(outcomes)
    failed = [one for one in after if one.kind != OK]
    figures.report(f"ejected after {scene.times[0] - scene.began:.1f} s",
                   f"failed from then on {len(failed) / len(after):.2%} of {len(after)}")
    assert {one.kind for one in outcomes} == {OK, STATUS}, figures.why()
    assert {one.status for one in outcomes} == {200, 500}, figures.why()
    assert scene.times[0] - scene.began < 5
    assert len(failed) < 0.01 * len(after)


def test_retries_stay_within_their_budget(stage):
    """F7: half of all answers are 503, and the endpoints see a fifth more requests at most.

    To that come ten retries that are always granted, and, as both counts fade, one a second.
    """
    chance = random.Random(7)

    def bad(wish):
        return replace(wish, status=chance.choice((200, 503)))

    async def scenario():
        async with three_origins() as origins:
            for origin in origins:
                origin.twist = bad
            proxy = stage.proxy(configuration(*(origin.address for origin in origins)))
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                began = perf_counter()
                await load.more(2400)
            seconds = perf_counter() - began
            seen = sum(len(origin.requests) for origin in origins)
            return Figures("F7 half of all answers are 503", load.outcomes, watch), seen, seconds

    figures, seen, seconds = asyncio.run(scenario())
    sent = len(figures.outcomes)
    figures.report(f"extra load {seen / sent - 1:.1%}")
    assert {one.status for one in figures.outcomes} == {200, 503}, figures.why()
    assert 1.1 * sent < seen <= 1.2 * sent + 10 + seconds
    assert figures.failed < 0.45 * sent, "retries are of some use"
