"""A second attempt beside a slow first one: who wins, who is given up, and when there is none."""

import asyncio

import pytest

from proxy.handlers import hedge
from proxy.handlers.hedge import QUICKER
from proxy.upstream.pace import ENOUGH, SHORTEST, Pace
from proxy.upstream.queue import Queue
from proxy.upstream.retry import Retry
from proxy.upstream.rules import PoolRules
from proxy.upstream.sticky import Sticky
from tests.handlers.stage import HELLO, REFUSED, RETRY_ON, SWITCH, settle

MOMENT = 1e-6


@pytest.fixture
def hedged(setting, monkeypatch):
    """A setting whose pool has known for long that answers come at once."""
    def make(share=0.2, queue=None, **options):
        pace = Pace()
        pace.seconds = MOMENT
        one = setting(rules=PoolRules(retry=Retry(2, RETRY_ON, share), hedge=pace, queue=queue), **options)
        monkeypatch.setattr(hedge, "connect", one.connect)
        return one
    return make


async def both(s):
    """Until the rival's request is out, too."""
    await until(lambda: len(s.remotes) == 2)
    await settle()


async def until(is_true):
    async with asyncio.timeout(5):
        while not is_true():  # noqa: ASYNC110  # a timer of the loop is all there is to wait for
            await asyncio.sleep(0)


@pytest.mark.parametrize("winner", [0, 1])
@pytest.mark.parametrize("pieces", [[HELLO], [HELLO[:-2], HELLO[-2:]]])
async def test_the_first_answer_counts_and_the_other_attempt_is_given_up(hedged, winner, pieces):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    assert s.in_flight == [1, 1]
    assert s.remotes[0].request == s.remotes[1].request
    s.remotes[winner].serve(*pieces)
    assert bytes(exchange.body) == b"hello"
    assert exchange.finished
    assert exchange.endpoint == s.endpoints[winner].name
    assert s.remotes[1 - winner].lost
    assert not s.remotes[winner].lost
    assert s.in_flight == [0, 0]
    assert [one[:2] for one in exchange.trail] == [(s.endpoints[1 - winner].name, QUICKER)]


async def test_it_counts_as_a_retry_and_the_budget_may_be_used_up(hedged):
    s = hedged()
    while s.pool.retry.budget.take():
        pass
    exchange = await s.handle()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    s.remote.serve(HELLO)
    assert exchange.finished
    assert s.asked == [1]


@pytest.mark.parametrize("options", [
    {"method": b"POST"}, {"method": b"PUT"}, {"method": b"DELETE"}, {"upgrade_offer": b"websocket"}])
async def test_what_has_no_rival(hedged, options):
    s = hedged()
    await s.handle(**options)
    for _ in range(5):
        await asyncio.sleep(0)
    assert s.asked == [1]
    s.remote.serve(HELLO)


async def test_no_rival_without_another_endpoint(hedged):
    s = hedged(count=1)
    await s.handle()
    for _ in range(5):
        await asyncio.sleep(0)
    assert s.asked == [1]
    s.remote.serve(HELLO)


async def test_an_answer_in_time_has_no_rival(hedged):
    s = hedged()
    s.pool.hedge.seconds = 3600.0
    exchange = await s.handle()
    s.remote.serve(HELLO)
    assert exchange.finished
    assert s.in_flight == [0, 0]


async def test_when_the_first_fails_the_rival_goes_on(hedged):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[0].end()
    await settle()
    assert (exchange.refused, len(s.remotes), s.in_flight) == (None, 2, [0, 1])
    s.remotes[1].serve(HELLO)
    assert exchange.finished
    assert s.in_flight == [0, 0]


async def test_when_the_rival_fails_the_first_goes_on(hedged):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[1].end()
    assert (exchange.refused, s.in_flight) == (None, [1, 0])
    s.remotes[0].serve(HELLO)
    assert exchange.finished


async def test_when_both_fail_so_does_the_exchange(hedged):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[0].end()
    s.remotes[1].end()
    await settle()
    assert (exchange.refused, s.in_flight) == (502, [0, 0])


BAD = b"HTTP/1.1 503 Bad\r\nContent-Length: 3\r\n\r\nbad"


def counted(endpoint):
    return endpoint.answers, endpoint.errors


@pytest.mark.parametrize("pieces", [[BAD], [BAD[:-1]], [BAD.replace(b"Content-Length: 3", b"A: b")]])
@pytest.mark.parametrize("bad", [0, 1])
async def test_a_quick_failure_loses_to_an_answer_that_may_be_good(hedged, bad, pieces):
    """The rival's quick 503 was the answer, and the good one that came a moment later was given up."""
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[bad].serve(*pieces)
    assert (exchange.status, s.in_flight) == (0, [bad, 1 - bad])
    assert counted(s.endpoints[bad]) == (1, 1)
    assert [one[:2] for one in exchange.trail] == [(s.endpoints[bad].name, "HTTP 503")]
    s.remotes[1 - bad].serve(HELLO)
    assert (exchange.status, bytes(exchange.body), s.in_flight) == (200, b"hello", [0, 0])
    assert (counted(s.endpoints[1 - bad]), exchange.endpoint) == ((1, 0), s.endpoints[1 - bad].name)
    assert len(s.remotes) == 2


@pytest.mark.parametrize("status", [404, 500])
async def test_an_answer_that_nobody_would_repeat_counts(hedged, status):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[1].serve(BAD.replace(b"503", b"%d" % status))
    assert (exchange.status, s.in_flight) == (status, [0, 0])


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("others", [0, 1])
async def test_when_both_answer_badly_a_third_is_asked(hedged, first, others):
    """Neither of the two again; without a third the last answer is better than none."""
    s = hedged(count=2 + others)
    exchange = await s.handle()
    await both(s)
    s.remotes[first].serve(BAD)
    s.remotes[1 - first].serve(BAD)
    await settle()
    if others:
        assert s.asked == [1, 2, 3]
        s.remote.serve(HELLO)
    assert (exchange.status, exchange.attempts) == (200 if others else 503, 2 + others)


async def test_what_fails_is_the_rivals_own(hedged):
    """Its endpoint is counted like that of any attempt."""
    s = hedged(count=3)
    exchange = await s.handle()
    await both(s)
    s.remotes[1].serve(b"nonsense")
    assert (counted(s.endpoints[1]), counted(s.endpoints[0])) == ((1, 1), (0, 0))
    assert exchange.trail[0][:2] == (s.endpoints[1].name, "head: not HTTP: b'nonsense'")
    s.remotes[0].end()
    await settle()
    assert s.asked == [1, 2, 3], "not the one that the rival has tried"
    s.remote.serve(HELLO)
    assert exchange.finished


@pytest.mark.parametrize("end", [
    lambda remote: remote.end(), lambda remote: remote.connection.expired(),
    lambda remote: remote.serve(b"nonsense"), lambda remote: remote.serve(SWITCH % b"websocket")])
async def test_a_rival_that_was_all_there_was_fails_as_any_attempt(hedged, end):
    s = hedged(count=3)
    exchange = await s.handle()
    await both(s)
    s.remotes[0].end()
    end(s.remotes[1])
    await settle()
    assert (s.asked, s.in_flight) == ([1, 2, 3], [0, 0, 1])
    assert [counted(endpoint) for endpoint in s.endpoints] == [(1, 1), (1, 1), (0, 0)]
    s.remote.serve(HELLO)
    assert exchange.finished


async def test_a_rival_that_has_lost_is_not_blamed(hedged):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[0].serve(HELLO)
    s.remotes[1].end()
    assert exchange.finished
    assert counted(s.endpoints[1]) == (0, 0)


@pytest.mark.parametrize("alone", [False, True])
async def test_a_rival_over_a_kept_connection_that_was_closed(hedged, alone):
    """Nobody's failure; where it was all there was its endpoint is asked again, over a new one."""
    s = hedged()
    await s.handle()
    await both(s)
    s.remotes[1].serve(HELLO)
    exchange = await s.handle()
    await until(lambda: s.in_flight == [1, 1])
    if alone:
        s.remotes[2].end()
    s.remotes[1].end()
    await settle()
    assert counted(s.endpoints[1]) == (1, 0)
    assert s.asked == [1, 2, 1, *([2] if alone else [])]
    s.remote.serve(HELLO)
    assert exchange.finished


async def test_a_rival_that_was_all_there_was_cannot_connect(hedged):
    s = hedged()
    s.refusals[s.endpoints[1]] = REFUSED
    s.pool.hedge.seconds = 3600.0
    exchange = await s.handle()
    s.held = asyncio.Event()
    exchange.responder._hedge._begin()
    assert s.in_flight == [1, 1]
    s.remotes[0].end()
    s.held.set()
    await settle()
    assert (exchange.refused, s.in_flight) == (502, [0, 0])


async def test_the_time_in_the_log_is_that_of_the_attempt_that_was_answered(hedged):
    s = hedged()
    exchange = await s.handle(timings=[])
    await both(s)
    s.remotes[0].serve(BAD)
    s.remotes[1].serve(HELLO)
    assert len(exchange.timings) == 2


async def test_a_rival_that_cannot_connect(hedged):
    s = hedged()
    s.refusals[s.endpoints[1]] = REFUSED
    exchange = await s.handle()
    await until(lambda: s.endpoints[1].refusals == 1)
    assert s.in_flight == [1, 0]
    s.remote.serve(HELLO)
    assert exchange.finished


async def test_a_rival_over_a_kept_connection(hedged):
    s = hedged()
    await s.handle()
    await both(s)
    s.remotes[1].serve(HELLO)
    exchange = await s.handle()
    await until(lambda: s.in_flight == [1, 1])
    s.remotes[1].serve(HELLO)
    assert exchange.finished
    assert s.asked == [1, 2, 1]


async def test_interims_and_a_101_of_the_rival_go_nowhere(hedged):
    s = hedged()
    exchange = await s.handle()
    await both(s)
    s.remotes[1].serve(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    assert exchange.interims == []
    s.remotes[1].serve(SWITCH % b"websocket")
    assert s.remotes[1].lost
    s.remotes[0].serve(HELLO)
    assert exchange.finished


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_leaves_both(hedged, begun):
    s = hedged()
    if not begun:
        s.pool.hedge.seconds = 3600.0
    exchange = await s.handle()
    if begun:
        await both(s)
    exchange.responder.client_gone()
    assert all(remote.lost for remote in s.remotes)
    assert s.in_flight == [0, 0]


async def test_a_rivals_time_is_its_own(hedged):
    """Not counted from when the slow one was asked: the pace would get slower with each rival."""
    s = hedged()
    exchange = await s.handle()
    await both(s)
    exchange.responder._sent_at -= 1000.0
    s.remotes[1].serve(HELLO)
    assert exchange.attempts == 2
    assert s.endpoints[0].latency == 0.0
    assert 0.0 < s.endpoints[1].latency < 100.0


async def test_an_exchange_that_has_failed_has_no_rival(hedged):
    s = hedged(count=1)
    s.pool.hedge.seconds = 3600.0
    exchange = await s.handle()
    rival = exchange.responder._hedge
    s.remote.end()
    assert exchange.refused == 502
    assert rival._timer.cancelled()


async def test_an_exchange_that_waits_for_a_place_has_no_rival(hedged):
    s = hedged(count=1, most=1, queue=Queue(9, 60.0))
    s.pool.hedge.seconds = 3600.0
    await s.keep_one()
    first = s.ask()
    second = s.ask()
    rival = first.responder._hedge
    s.remotes[0].end()  # the second one takes the place, over a new connection
    assert len(s.pool.queue) == 1
    assert rival._timer.cancelled()
    for _ in range(2):
        await settle()
        s.remotes[-1].serve(HELLO)
    assert (first.status, second.status) == (200, 200)


async def test_who_is_stuck_to_an_endpoint_has_no_rival(setting):
    pace = Pace()
    pace.seconds = MOMENT
    s = setting(rules=PoolRules(retry=Retry(2, RETRY_ON, 0.2), hedge=pace, sticky=Sticky("lb", "x", "web")))
    await s.handle()
    for _ in range(5):
        await asyncio.sleep(0)
    assert s.asked == [1]
    s.remote.serve(HELLO)


async def test_the_pace_is_known_after_some_answers():
    pace = Pace()
    for _ in range(ENOUGH - 1):
        pace.add(0.1)
    pace.settle()
    assert pace.seconds == 0.0
    pace.add(9.0)
    pace.settle()
    assert pace.seconds == 9.0
    for number in range(300):
        pace.add(number / 1000)
    pace.settle()
    assert 0.28 < pace.seconds < 0.3


async def test_the_pace_is_never_hectic():
    pace = Pace()
    for _ in range(ENOUGH):
        pace.add(0.0001)
    pace.settle()
    assert pace.seconds == SHORTEST
