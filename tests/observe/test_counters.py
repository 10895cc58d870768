import pytest

from proxy.observe.board import BOUNDS, BUCKETS, alone, totals
from proxy.observe.columns import ENDPOINT, POOL, ROUTE
from proxy.observe.counters import Counters


class Ended:
    """An exchange, as far as it is counted."""

    def __init__(self, route="shop", status=200, sent=10, received=0, seconds=0.003, uncoded=0):
        self.route = route
        self.status = status
        self.sent = sent
        self.received = received
        self.uncoded = uncoded
        self.started = 100.0 - seconds


@pytest.fixture
def counters():
    return Counters(alone())


def shown(counters, kind, *parts):
    """The columns of a name, as others see them."""
    counters.tick(0.0)
    first = counters.row.board.first(kind, *parts)
    total = totals(counters.row.board.read())
    plain = {column: total[first + at] for column, at in kind.at.items() if column not in kind.histograms}
    times = {column: total[first + kind.at[column]:first + kind.at[column] + BUCKETS + 1]
             for column in kind.histograms}
    return {column: value for column, value in plain.items() if value}, times


def test_an_exchange_counts_for_its_route(counters):
    counters.show({"shop": "web"}, ["web"])
    counters.ended(Ended(received=4), 100.0)
    counters.ended(Ended(status=404, seconds=40.0), 100.0)
    plain, times = shown(counters, ROUTE, "shop", "web")
    assert plain == {"2xx": 1, "4xx": 1, "sent": 20, "received": 4, "shown": 1}
    *buckets, total = times["seconds"]
    assert [BOUNDS[at] for at in range(len(BOUNDS)) if buckets[at]] == [0.005]
    assert (buckets[-1], sum(buckets), total) == (1, 2, 40_003_000)


def test_what_compression_spares(counters):
    counters.ended(Ended(sent=10, uncoded=100), 100.0)
    counters.ended(Ended(sent=10, uncoded=4), 100.0)
    assert shown(counters, ROUTE, "shop", "")[0]["saved"] == 90


@pytest.mark.parametrize("seconds, bucket", [(0.0, 0), (0.0004, 0), (0.0011, 2), (1.5, 11), (3600.0, -1)])
def test_a_time_counts_in_the_first_bucket_that_holds_it(counters, seconds, bucket):
    counters.ended(Ended(seconds=seconds), 100.0)
    buckets = shown(counters, ROUTE, "shop", "")[1]["seconds"][:-1]
    assert buckets[bucket] == 1


def test_a_tunnel_has_no_latency(counters):
    counters.ended(Ended(status=101), 100.0)
    plain, times = shown(counters, ROUTE, "shop", "")
    assert plain["1xx"] == 1
    assert not any(times["seconds"])


def test_what_never_became_an_exchange_counts_for_no_route(counters):
    counters.refused(400)
    assert shown(counters, ROUTE, "", "")[0] == {"4xx": 1}


def test_kept_answers_count_with_the_next_tick(counters):
    route = counters.route("static")
    for octets in (100, 20):
        route.hit(octets)
    route.unchanged(0)
    assert shown(counters, ROUTE, "static", "")[0] == {"2xx": 2, "3xx": 1, "sent": 120, "kept": 3}
    plain, times = shown(counters, ROUTE, "static", "")
    assert (plain["2xx"], times["seconds"][0]) == (2, 3), "once"


def test_a_name_has_one_tally_for_life(counters):
    assert counters.route("shop") is counters.route("shop")
    assert counters.pool("web") is counters.pool("web")
    assert counters.endpoint("web", "a:1") is counters.endpoint("web", "a:1")
    assert counters.endpoint("web", "a:1") is not counters.endpoint("app", "a:1")


def test_an_endpoint_counts_answers_and_their_time(counters):
    tally = counters.endpoint("web", "a:1")
    tally.answered(200, 0.02)
    tally.answered(503, 0.2)
    tally.add("failures")
    tally.gauge("in_flight", 3)
    plain, times = shown(counters, ENDPOINT, "web", "a:1")
    assert plain == {"2xx": 1, "5xx": 1, "failures": 1, "in_flight": 3}
    assert (sum(times["head"][:-1]), times["head"][-1]) == (2, 220_000)


def test_what_happens_seldom(counters):
    pool = counters.pool("web")
    pool.add("retries")
    pool.add("retries", 2)
    pool.time("queue", 0.3)
    plain, times = shown(counters, POOL, "web")
    assert plain == {"retries": 3}
    assert times["queue"][BOUNDS.index(0.5)] == 1


def test_what_is_in_force_is_shown(counters):
    for name in ("old", "new"):
        counters.route(name)
        counters.pool(name)
    counters.show({"new": ""}, ["new"])
    assert [shown(counters, kind, name, *rest)[0].get("shown", 0)
            for kind, rest in ((ROUTE, [""]), (POOL, [])) for name in ("old", "new")] == [0, 1, 0, 1]


def test_a_route_that_leads_elsewhere_begins_there(counters):
    counters.show({"shop": "old"}, ["old"])
    counters.ended(Ended(), 100.0)
    counters.show({"shop": "new"}, ["new"])
    counters.ended(Ended(), 100.0)
    assert [shown(counters, ROUTE, "shop", pool)[0] for pool in ("old", "new")] == [
        {"2xx": 1, "sent": 10}, {"2xx": 1, "sent": 10, "shown": 1}]


def test_a_route_that_comes_back_counts_on(counters):
    """A counter that goes backwards looks like a restart to whoever reads it."""
    for pool in ("blue", "green", "blue"):
        counters.show({"shop": pool}, [pool])
        counters.ended(Ended(), 100.0)
    assert [shown(counters, ROUTE, "shop", pool)[0] for pool in ("blue", "green")] == [
        {"2xx": 2, "sent": 20, "shown": 1}, {"2xx": 1, "sent": 10}]


def test_an_answer_that_was_kept_before_a_route_led_elsewhere(counters):
    kept = counters.route("shop")
    counters.show({"shop": "new"}, ["new"])
    kept.hit(5)
    assert shown(counters, ROUTE, "shop", "")[0] == {"2xx": 1, "sent": 5, "kept": 1}


def test_what_finds_no_room_on_the_board_is_counted_for_nobody():
    counters = Counters(alone(cells=200))
    for number in range(20):
        counters.ended(Ended(route=f"route {number}"), 100.0)
    counters.tick(0.0)
    assert len(counters.row.board.names()) < 20
    assert not any(counters.row.cells[:64])
