from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.random_two import RandomTwo, bounds_of, less_loaded
from tests.balancing.fakes import WEIGHTS, FakeEndpoint, FakeExchange, endpoints_of

ANY = FakeExchange()


def built(endpoints, seed=0):
    strategy = RandomTwo(random.Random(seed))
    strategy.rebuild(endpoints)
    return strategy


def chi_square(picked, expected):
    return sum((picked[key] - mean) ** 2 / mean for key, mean in expected.items())


def test_an_idle_pool_is_used_by_weight():
    strategy = built(endpoints_of(5, 1, 1, 3))
    picked = Counter(strategy.pick(ANY, ()).name for _ in range(2000))
    assert chi_square(picked, {"a": 1000, "b": 200, "c": 200, "d": 600}) < 16.27  # p = 0.001, 3 degrees


def test_both_draws_respect_the_weights():
    # Whichever is drawn second is idle and wins, so the winner tells what the second draw was.
    weights = {"a": 5, "b": 1, "c": 2}
    picked = Counter()
    for busy in "abc":
        endpoints = [FakeEndpoint(name, weight, 9 * (name == busy)) for name, weight in weights.items()]
        bounds = bounds_of(endpoints)
        rng = random.Random(ord(busy))
        hit = (bounds["abc".index(busy)] - 0.5) / 8
        for _ in range(1000):
            points = iter([hit, rng.random()])
            picked[busy, less_loaded(endpoints, bounds, points.__next__).name] += 1
    shares = {pair: weights[pair[1]] / (8 - weights[pair[0]]) for pair in permutations("abc", 2)}
    expected = {pair: 1000 * share for pair, share in shares.items()}
    assert picked.keys() == expected.keys()
    assert chi_square(picked, expected) < 16.27


ENDPOINTS = st.builds(FakeEndpoint, st.just("a"), st.integers(1, 9), st.integers(0, 50))


@given(st.lists(ENDPOINTS, min_size=2, max_size=2), st.integers())
def test_of_two_the_less_loaded_is_taken(pair, seed):
    picked = built(pair, seed).pick(ANY, ())
    assert picked.in_flight / picked.weight == min(one.in_flight / one.weight for one in pair)


def test_the_busiest_of_many_is_never_taken():
    endpoints = endpoints_of(1, 1, 1)
    endpoints[1].in_flight = 1
    strategy = built(endpoints)
    picked = Counter(strategy.pick(ANY, ()).name for _ in range(600))
    assert picked["b"] == 0
    assert min(picked["a"], picked["c"]) > 200


@given(WEIGHTS, st.data())
def test_never_one_that_was_tried(weights, data):
    endpoints = endpoints_of(*weights)
    strategy = built(endpoints, data.draw(st.integers()))
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    for _ in range(5):
        endpoint = strategy.pick(ANY, tried)
        assert (endpoint is None) == (len(tried) == len(endpoints))
        assert endpoint not in tried


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-53])
@given(weights=WEIGHTS)
def test_draws_at_either_end_stay_in_the_pool(draw, weights):
    endpoints = endpoints_of(*weights)
    assert less_loaded(endpoints, bounds_of(endpoints), lambda: draw) in endpoints


def test_nobody_is_there_before_a_rebuild_and_after_an_empty_one():
    strategy = RandomTwo()
    assert strategy.pick(ANY, ()) is None
    strategy.rebuild(endpoints_of(1))
    assert strategy.pick(ANY, ()).name == "a"
    strategy.rebuild([])
    assert strategy.pick(ANY, ()) is None
