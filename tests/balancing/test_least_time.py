from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.least_time import SELDOM, LeastTime
from tests.balancing.fakes import FakeEndpoint, FakeExchange, endpoints_of

ANY = FakeExchange()
POOLS = st.lists(
    st.builds(
        FakeEndpoint, name=st.just("a"), weight=st.integers(1, 9), in_flight=st.integers(0, 30),
        latency=st.just(0.0) | st.floats(0.001, 60)),
    min_size=1, max_size=8,
)


def built(endpoints, seed=0):
    strategy = LeastTime(random.Random(seed))
    strategy.rebuild(endpoints)
    return strategy


def with_latencies(*latencies):
    endpoints = endpoints_of(*[1] * len(latencies))
    for endpoint, latency in zip(endpoints, latencies, strict=True):
        endpoint.latency = latency
    return endpoints


def names(strategy, count):
    return "".join(strategy.pick(ANY, ()).name for _ in range(count))


@given(POOLS, st.data())
def test_the_least_expected_time_of_those_left_and_nobody_else(endpoints, data):
    lowest = min((endpoint.latency for endpoint in endpoints if endpoint.latency), default=1.0)

    def expected(endpoint):
        return (endpoint.latency or lowest) * (endpoint.in_flight + 1) / endpoint.weight

    strategy = built(endpoints, data.draw(st.integers()))
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    for _ in range(3):
        endpoint = strategy.pick(ANY, tried)
        if not left:
            assert endpoint is None
        else:
            assert endpoint in left
            assert expected(endpoint) == min(map(expected, left))


@given(POOLS, st.integers())
def test_equals_take_turns(endpoints, seed):
    for endpoint in endpoints:
        endpoint.latency, endpoint.in_flight, endpoint.weight = 0.2, 3, 2
    strategy = built(endpoints, seed)
    picked = Counter(id(strategy.pick(ANY, ())) for _ in range(4 * len(endpoints)))
    assert picked == {id(endpoint): 4 for endpoint in endpoints}


def test_a_new_one_takes_turns_with_the_fastest():
    assert names(built(with_latencies(0.2, 0.0, 0.1)), 6) in {"bcbcbc", "cbcbcb"}


def test_a_new_one_is_not_stormed():
    endpoints = with_latencies(0.1, 0.1, 0.1, 0.0)
    strategy = built(endpoints)
    for _ in range(40):  # and none of them is answered
        strategy.pick(ANY, ()).in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == [10, 10, 10, 10]


def test_while_nothing_is_known_it_goes_by_load():
    endpoints = endpoints_of(3, 1, 2)
    strategy = built(endpoints)
    for _ in range(60):
        strategy.pick(ANY, ()).in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == [30, 10, 20]


def test_a_slow_one_gets_less_in_the_measure_of_its_slowness():
    endpoints = with_latencies(0.1, 0.3)
    strategy = built(endpoints)
    for _ in range(400):
        strategy.pick(ANY, ()).in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == pytest.approx([300, 100], abs=2)


@pytest.mark.parametrize("count", [2, 3, 16, 40])
def test_one_that_was_slow_once_is_tried_again(count):
    endpoints = with_latencies(60.0, *[0.01] * (count - 1))
    strategy = built(endpoints)
    picked = [strategy.pick(ANY, ()) for _ in range(10 * SELDOM)]
    assert picked.count(endpoints[0]) == 10
    endpoints[0].latency = 0.01  # what the last try has shown
    picked = [strategy.pick(ANY, ()) for _ in range(100 * count)]
    assert picked.count(endpoints[0]) >= 90


def test_several_slow_ones_are_tried_in_turn():
    endpoints = with_latencies(0.01, 9.0, 5.0, 7.0)
    strategy = built(endpoints)
    picked = names(strategy, 12 * SELDOM)
    assert Counter(picked) == {"a": 12 * SELDOM - 12, "b": 4, "c": 4, "d": 4}


def test_tries_do_not_pile_up_at_one_that_hangs():
    endpoints = with_latencies(60.0, 0.01)
    strategy = built(endpoints)
    for _ in range(100 * SELDOM):
        if (endpoint := strategy.pick(ANY, ())) is endpoints[0]:
            endpoint.in_flight += 1  # and never less
    assert 10 <= endpoints[0].in_flight <= 15  # 1 + 2 + ... + 13 = 91 waits of 64 picks


def test_a_try_is_not_made_with_one_that_was_tried():
    endpoints = with_latencies(60.0, 0.01, 0.02)
    strategy = built(endpoints)
    picked = [strategy.pick(ANY, endpoints[:1]).name for _ in range(3 * SELDOM)]
    assert Counter(picked) == {"b": 3 * SELDOM - 3, "c": 3}


def test_tries_go_on_while_the_pool_changes_all_the_time():
    endpoints = with_latencies(60.0, 0.01)
    strategy = built(endpoints)
    picked = Counter()
    for _ in range(10 * SELDOM):
        strategy.rebuild(endpoints)
        picked[strategy.pick(ANY, ()).name] += 1
    assert picked["a"] == 10


def test_workers_begin_with_different_endpoints():
    assert {names(built(endpoints_of(1, 1, 1), seed), 1) for seed in range(40)} == set("abc")


def test_nobody_is_there_before_a_rebuild_and_after_an_empty_one():
    strategy = LeastTime()
    assert strategy.pick(ANY, ()) is None
    strategy.rebuild(endpoints_of(1, 1))
    strategy.pick(ANY, ())
    strategy.rebuild([])
    assert [strategy.pick(ANY, ()) for _ in range(2 * SELDOM)] == [None] * (2 * SELDOM)
