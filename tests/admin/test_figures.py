import asyncio

import pytest

from proxy.admin import history as history_module
from proxy.admin.figures import Lapse, figures, look, percentile
from proxy.admin.history import KEPT, SPARKS, History
from proxy.observe.board import BUCKETS, Board
from proxy.observe.columns import KINDS
from proxy.observe.counters import Counters
from proxy.tasks import spawn


@pytest.fixture
def board():
    return Board(3, shared=False)


@pytest.fixture
def counters(board):
    """Of a worker that has a route and a pool with an endpoint."""
    made = Counters(board.row(board.take()))
    made.pool("web")
    made.endpoint("web", "a:1").gauge("standing", 1)
    made.show({"shop": "web"}, ["web"])
    made.tick(0.0)
    return made


def answer(counters, *statuses, seconds=0.02):
    for status in statuses:
        counters.endpoint("web", "a:1").answered(status, seconds)
        route = counters.route("shop")
        route.add({2: "2xx", 5: "5xx"}[status // 100])
        route.time("seconds", seconds)
    counters.tick(0.0)


def between(board, act, seconds=2.0):
    before = look(board, 100.0)
    act()
    lapse = Lapse(look(board, 100.0 + seconds), before)
    return figures(board.names(), lapse, lapse)


@pytest.mark.parametrize("counts, share, seconds", [
    ({}, 0.5, None),
    ({0: 10}, 0.5, 0.00025),
    ({1: 100}, 0.99, 0.000995),
    ({3: 50, 6: 50}, 0.5, 0.005),
    ({3: 50, 6: 50}, 0.95, 0.0475),
    ({BUCKETS - 1: 1}, 0.5, 30.0),
    ({0: 99, BUCKETS - 1: 1}, 0.99, 0.0005),
])
def test_a_percentile_stands_in_its_bucket(counts, share, seconds):
    buckets = [counts.get(at, 0) for at in range(BUCKETS)]
    assert percentile(buckets, share) == (None if seconds is None else pytest.approx(seconds))


def test_figures_are_of_the_time_between_two_looks(board, counters):
    answer(counters, *[200] * 50)
    told = between(board, lambda: answer(counters, *[200] * 30, *[500] * 10))
    for line in (told["total"], told["pools"]["web"], told["pools"]["web"]["endpoints"]["a:1"]):
        assert (line["rate"], line["errors"]) == (20.0, 0.25)
        assert 0.01 < line["p50"] < line["p95"] < line["p99"] <= 0.025


def test_without_requests_there_is_no_latency(board, counters):
    told = between(board, lambda: None)
    assert told["total"] | {"rate": 0.0, "errors": 0.0, "p50": None, "p99": None} == told["total"]


def test_who_comes_later_begins_with_nothing(board, counters):
    def come():
        counters.endpoint("web", "b:1").gauge("standing", 1)
        counters.endpoint("web", "b:1").answered(200, 0.001)
        counters.tick(0.0)

    assert between(board, come)["pools"]["web"]["endpoints"]["b:1"]["rate"] == 0.5


@pytest.mark.parametrize("status, failures, rate, errors", [
    (502, 4, 2.0, 1.0), (200, 4, 4.0, 0.5), (200, 0, 2.0, 0.0)])
def test_a_failure_that_was_answered_counts_once(board, counters, status, failures, rate, errors):
    def fail():
        for _ in range(4):
            counters.endpoint("web", "a:1").answered(status, 0.001)
        counters.endpoint("web", "a:1").add("failures", failures)
        counters.tick(0.0)

    told = between(board, fail)["pools"]["web"]
    assert (told["rate"], told["errors"]) == (rate, errors)


def test_a_pool_that_is_gone_is_not_shown(board, counters):
    counters.show({}, [])
    counters.tick(0.0)
    assert between(board, lambda: None)["pools"] == {}


def test_a_worker_that_dies_takes_no_counts_back(board, counters):
    answer(counters, *[200] * 10)
    told = between(board, lambda: board.give_back(counters.row.number, KINDS))
    assert told["total"]["rate"] == 0.0


def test_the_past_is_bounded_and_the_oldest_goes_first(board, counters):
    history = History(board)
    begin = history._looks[-1].time
    for second in range(1, KEPT + 11):
        answer(counters, 200)
        history.sample(begin + second)
    past = history.past()
    assert len(past["points"]) == KEPT
    assert past["points"][0][0] == pytest.approx(begin + 11, abs=0.01)
    assert past["points"][-1][1] == 1.0
    assert past["pools"]["web"]["rates"] == past["pools"]["web"]["endpoints"]["a:1"] == [1.0] * SPARKS


def test_a_clock_that_was_set_back_makes_no_figures(board, counters):
    history = History(board)
    begin = history._looks[-1].time
    history.sample(begin + 1)
    answer(counters, 200)
    history.sample(begin - 3600)
    assert len(history.past()["points"]) == 1
    history.sample(begin - 3599)
    assert history.now["total"]["rate"] == 0.0


def test_a_name_that_is_added_while_it_is_looked(board, counters, monkeypatch):
    """By a reload; it is there in the next look."""
    history = History(board)

    def read():
        rows = Board.read(board)
        monkeypatch.undo()
        made = counters.endpoint("web", f"b:{len(board.names())}")
        made.gauge("standing", 1)
        counters.tick(0.0)
        return rows

    monkeypatch.setattr(board, "read", read)
    history.sample(history._looks[0].time + 1.0)
    assert list(history.now["pools"]["web"]["endpoints"]) == ["a:1"]
    history.sample(history._looks[0].time + 2.0)
    assert len(history.now["pools"]["web"]["endpoints"]) == 2


def test_endpoints_that_are_gone_are_left_out(board, counters):
    """Names that change may bring thousands; the board keeps them all."""
    counters.endpoint("web", "gone:1").gauge("standing", 1)
    answer(counters, 200)
    counters.endpoint("web", "gone:1").gauge("standing", 0)
    told = between(board, lambda: answer(counters, 200))
    assert list(told["pools"]["web"]["endpoints"]) == ["a:1"]


async def test_a_look_that_fails_is_not_the_last(board, monkeypatch, caplog):
    history = History(board)
    looks = asyncio.Queue()

    def sample(now):
        looks.put_nowait(now)
        raise IndexError("of this one")

    monkeypatch.setattr(history_module, "EVERY", 0.0)
    monkeypatch.setattr(history, "sample", sample)
    keeping = spawn(asyncio.get_running_loop(), history.keep())
    for _ in range(3):
        await looks.get()
    keeping.cancel()
    assert "figures could not be taken: IndexError('of this one')" in caplog.text
