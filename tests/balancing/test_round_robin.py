from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.round_robin import LONGEST_CYCLE, RoundRobin, lay_out, reduce_weights
from tests.balancing.fakes import WEIGHTS, FakeExchange, endpoints_of

ANY = FakeExchange()


def built(endpoints, seed=0):
    strategy = RoundRobin(random.Random(seed))
    strategy.rebuild(endpoints)
    return strategy


def names(strategy, count):
    return "".join(strategy.pick(ANY, ()).name for _ in range(count))


@given(WEIGHTS, st.integers())
def test_a_cycle_gives_each_its_weight_wherever_it_begins(weights, seed):
    strategy = built(endpoints_of(*weights), seed)
    picked = Counter(strategy.pick(ANY, ()).weight for _ in range(sum(weights)))
    assert picked == Counter(weight for weight in weights for _ in range(weight))


@given(WEIGHTS)
def test_nobody_waits_longer_than_the_weights_explain(weights):
    turns = lay_out(endpoints_of(*weights))
    total = len(turns)
    for endpoint in set(turns):
        places = [place for place, turn in enumerate(turns) if turn is endpoint]
        gaps = [after - place for place, after in pairwise([*places, places[0] + total])]
        # Between two turns each other one has at most floor(v/w) + 1 of its own.
        others = sum(other.weight // endpoint.weight + 1 for other in set(turns) - {endpoint})
        assert max(gaps) <= 1 + others


def nginx_smooth(weights):
    """The turns of nginx's weighted round robin, as the yardstick."""
    current = [0] * len(weights)
    for _ in range(sum(weights)):
        current = [value + weight for value, weight in zip(current, weights, strict=True)]
        best = current.index(max(current))
        current[best] -= sum(weights)
        yield best


def longest_run(turns):
    longest = run = 1
    for before, turn in pairwise(turns):
        run = run + 1 if turn == before else 1
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("weights", [(5, 1, 1), (3, 2), (1, 1, 1), (10, 1), (4, 2, 1), (99, 1, 1), (7, 5, 3)])
def test_runs_are_no_longer_than_those_of_nginx(weights):
    ours = [turn.name for turn in lay_out(endpoints_of(*weights))] * 2
    assert longest_run(ours) <= longest_run(list(nginx_smooth(weights)) * 2)


def test_five_to_one_to_one_is_spread():
    assert "".join(turn.name for turn in lay_out(endpoints_of(5, 1, 1))) == "aabaaca"


def test_equal_weights_keep_the_order_of_the_list():
    assert names(built(endpoints_of(2, 2, 2)), 6) in {"abcabc", "bcabca", "cabcab"}


def test_workers_begin_with_different_endpoints():
    first = Counter(names(built(endpoints_of(1, 1, 1), seed), 1) for seed in range(300))
    assert set(first) == set("abc")
    assert min(first.values()) > 60


def test_a_rebuild_goes_on_where_it_was():
    endpoints = endpoints_of(1, 1, 1, 1)
    strategy = built(endpoints)
    last = names(strategy, 1)
    strategy.rebuild(endpoints)
    assert last + names(strategy, 3) in "abcdabcd"


def test_when_the_one_due_leaves_the_next_is_due():
    endpoints = endpoints_of(1, 1, 1)
    strategy = built(endpoints)
    while names(strategy, 1) != "a":
        pass
    strategy.rebuild([endpoints[0], endpoints[2]])
    assert names(strategy, 3) == "cac"


def test_new_objects_of_the_same_name_keep_the_place():
    strategy = built(endpoints_of(1, 1, 1))
    while names(strategy, 1) != "b":
        pass
    strategy.rebuild(endpoints_of(1, 1, 1))
    assert names(strategy, 2) == "ca"


def test_weights_hold_even_if_the_pool_changes_at_every_pick():
    endpoints = endpoints_of(5, 1, 1)
    strategy = built(endpoints)
    picked = Counter()
    for _ in range(3500):
        strategy.rebuild(endpoints)
        picked[names(strategy, 1)] += 1
    assert 2350 < picked["a"] < 2650
    assert 400 < picked["b"] < 600


@given(WEIGHTS, st.data())
def test_never_one_that_was_tried(weights, data):
    endpoints = endpoints_of(*weights)
    strategy = built(endpoints, data.draw(st.integers()))
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    for _ in range(sum(weights)):
        endpoint = strategy.pick(ANY, tried)
        assert (endpoint is None) == (len(tried) == len(endpoints))
        assert endpoint not in tried


def test_nobody_is_there_before_a_rebuild_and_after_an_empty_one():
    strategy = RoundRobin()
    assert strategy.pick(ANY, ()) is None
    strategy.rebuild(endpoints_of(1))
    strategy.rebuild([])
    assert strategy.pick(ANY, ()) is None


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=120))
def test_the_cycle_is_bounded_and_nobody_falls_out_of_it(weights):
    shares = reduce_weights(weights)
    assert min(shares) >= 1
    assert sum(shares) <= LONGEST_CYCLE + len(weights)
    if sum(weights) <= LONGEST_CYCLE:
        assert [share * gcd(*weights) for share in shares] == weights
