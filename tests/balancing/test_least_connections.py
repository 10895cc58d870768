from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.least_connections import LeastConnections
from tests.balancing.fakes import FakeEndpoint, FakeExchange, endpoints_of

ANY = FakeExchange()
POOLS = st.lists(
    st.builds(FakeEndpoint, name=st.just("a"), weight=st.integers(1, 9), in_flight=st.integers(0, 30)),
    min_size=1, max_size=8,
)


def built(endpoints, seed=0):
    strategy = LeastConnections(random.Random(seed))
    strategy.rebuild(endpoints)
    return strategy


def load(endpoint):
    return (endpoint.in_flight + 1) / endpoint.weight


@given(POOLS, st.data())
def test_the_least_loaded_of_those_left_and_nobody_else(endpoints, data):
    strategy = built(endpoints, data.draw(st.integers()))
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    for _ in range(3):
        endpoint = strategy.pick(ANY, tried)
        if not left:
            assert endpoint is None
        else:
            assert endpoint in left
            assert load(endpoint) == min(map(load, left))


@given(POOLS, st.integers())
def test_equals_take_turns(endpoints, seed):
    strategy = built(endpoints, seed)
    least = min(map(load, endpoints))
    equals = [id(endpoint) for endpoint in endpoints if load(endpoint) == least]
    picked = Counter(id(strategy.pick(ANY, ())) for _ in range(4 * len(equals)))
    assert picked == dict.fromkeys(equals, 4)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers())
def test_long_exchanges_end_up_in_proportion_to_the_weights(weights, seed):
    endpoints = endpoints_of(*weights)
    strategy = built(endpoints, seed)
    for _ in range(10 * sum(weights)):
        strategy.pick(ANY, ()).in_flight += 1
    assert [endpoint.in_flight for endpoint in endpoints] == [10 * weight for weight in weights]


def test_workers_begin_with_different_endpoints():
    first = {built(endpoints_of(1, 1, 1), seed).pick(ANY, ()).name for seed in range(40)}
    assert first == set("abc")


def test_nobody_is_there_before_a_rebuild_and_after_an_empty_one():
    strategy = LeastConnections()
    assert strategy.pick(ANY, ()) is None
    strategy.rebuild(endpoints_of(1, 1))
    strategy.pick(ANY, ())
    strategy.rebuild([])
    assert strategy.pick(ANY, ()) is None


def test_a_smaller_pool_after_a_larger_one():
    strategy = built(endpoints_of(1, 1, 1, 1))
    for _ in range(3):
        strategy.pick(ANY, ())
    strategy.rebuild(endpoints_of(1))
    assert strategy.pick(ANY, ()).name == "a"
