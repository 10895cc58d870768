"""What strategies tell of themselves: that it is true, and that telling it changes nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing import STRATEGIES, make_strategy
from proxy.balancing.strategy import Explains
from tests.balancing.fakes import FakeEndpoint, FakeExchange, FakeTarget, endpoints_of

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
# Those that always take the best of what they tell; the others draw, or take turns.
DECIDED = ("ip_hash", "consistent_hash", "first")
LEAST = ("least_connections", "least_time")


def busy(rng, count):
    return [
        FakeEndpoint(f"10.0.0.{place}:80", rng.choice((1, 2, 5)), rng.randrange(4),
                     rng.choice((0.0, 0.02, 0.3)))
        for place in range(count)]


@every_strategy
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_every_endpoint_has_a_score_and_a_reason(name, seed, count):
    pool = busy(random.Random(seed), count)
    strategy = make_strategy(name)
    strategy.rebuild(pool)
    assert isinstance(strategy, Explains)
    scores = strategy.explain(FakeExchange())
    assert sorted(score.endpoint.name for score in scores) == sorted(endpoint.name for endpoint in pool)
    assert all(score.reason and score.score >= 0 for score in scores)


@pytest.mark.parametrize("name", DECIDED)
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_the_first_is_the_one_that_is_picked(name, seed, count):
    pool = busy(random.Random(seed), count)
    strategy = make_strategy(name)
    strategy.rebuild(pool)
    exchange = FakeExchange(f"10.1.{seed % 256}.1")
    assert strategy.explain(exchange)[0].endpoint is strategy.pick(exchange, ())


@pytest.mark.parametrize("name", LEAST)
@given(st.integers(0, 2**32), st.integers(1, 16))
def test_what_is_picked_has_the_least_score(name, seed, count):
    pool = busy(random.Random(seed), count)
    strategy = make_strategy(name)
    strategy.rebuild(pool)
    exchange = FakeExchange()
    scores = {score.endpoint.name: score.score for score in strategy.explain(exchange)}
    assert scores[strategy.pick(exchange, ()).name] == min(scores.values())


@pytest.mark.parametrize("name", ["round_robin", *LEAST])
def test_telling_changes_nothing(name):
    picks = []
    for tells in (False, True):
        random.seed(1)
        strategy = STRATEGIES[name](random.Random(7))
        strategy.rebuild(endpoints_of(1, 2, 3))
        exchange, names = FakeExchange(), []
        for _ in range(12):
            if tells:
                strategy.explain(exchange)
            names.append(strategy.pick(exchange, ()).name)
        picks.append(names)
    assert picks[0] == picks[1]


def test_a_hash_tells_what_it_hashes():
    strategy = make_strategy("consistent_hash", "query:user")
    strategy.rebuild(endpoints_of(1, 1))
    exchange = FakeExchange(target=FakeTarget(b"/", b"user=ada"))
    assert "the key ada" in strategy.explain(exchange)[0].reason
    assert "the client 192.0.2.1" in strategy.explain(FakeExchange())[0].reason


def test_who_has_no_room_is_told():
    strategy = make_strategy("consistent_hash")
    pool = endpoints_of(1, 1)
    strategy.rebuild(pool)
    first = strategy.pick(FakeExchange(), ())
    first.in_flight = 50
    told = {score.endpoint: score.reason for score in strategy.explain(FakeExchange())}
    assert "has no room: 50 in flight" in told[first]
    assert strategy.pick(FakeExchange(), ()) is not first
