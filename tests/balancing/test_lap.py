from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.lap import LOOKED_AT, Lap
from tests.balancing.fakes import FakeEndpoint

LARGE = st.lists(st.integers(1, 30), min_size=LOOKED_AT + 1, max_size=50)


def pool_of(weights):
    return [FakeEndpoint(f"10.1.0.{place}:80", weight) for place, weight in enumerate(weights)]


def first_left(turns, tried):
    return next((endpoint for endpoint in turns if endpoint not in tried), None)


@given(st.integers(1, LOOKED_AT), st.integers(0, 99))
def test_a_small_pool_is_looked_at_as_a_whole_from_each_in_turn(count, seed):
    endpoints = pool_of([1] * count)
    lap = Lap(endpoints, random.Random(seed))
    shown = []

    def choose(turns, tried):
        shown.append(list(turns))
        return turns[0]

    picked = [lap.pick(choose, ()) for _ in range(count)]
    assert set(picked) == set(endpoints)
    assert all(sorted(turns, key=endpoints.index) == endpoints for turns in shown)


@given(LARGE, st.integers(0, 99))
def test_a_large_pool_is_looked_at_in_turns_of_the_weights(weights, seed):
    lap = Lap(pool_of(weights), random.Random(seed))
    shown = Counter()

    def choose(turns, tried):
        assert len(turns) == LOOKED_AT
        shown.update(turns)
        return turns[0]

    for _ in range(sum(weights)):
        lap.pick(choose, ())
    assert shown == {endpoint: LOOKED_AT * endpoint.weight for endpoint in shown}
    assert len(shown) == len(weights)


@given(LARGE, st.data())
def test_one_that_stands_far_away_is_found_if_all_others_were_tried(weights, data):
    endpoints = pool_of(weights)
    lap = Lap(endpoints, random.Random(0))
    left = data.draw(st.sampled_from(endpoints))
    tried = {endpoint for endpoint in endpoints if endpoint is not left}
    assert lap.pick(first_left, tried) is left
    assert lap.pick(first_left, set(endpoints)) is None
    assert lap.pick(first_left, tried) is left


def test_the_next_pick_begins_behind_the_one_taken():
    a, b, c = pool_of([1, 1, 1])
    lap = Lap([a, b, c], random.Random(0))
    picked = [lap.pick(first_left, [b]) for _ in range(4)]
    assert picked in ([a, c, a, c], [c, a, c, a])


def test_nobody_in_an_empty_pool():
    assert Lap([], random.Random(0)).pick(first_left, ()) is None
