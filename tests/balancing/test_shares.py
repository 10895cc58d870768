"""A pool under traffic, without a network: the share that each endpoint gets, by each strategy."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest

from proxy.balancing.consistent_hash import ConsistentHash
from proxy.balancing.ip_hash import IpHash
from proxy.balancing.least_connections import LeastConnections
from proxy.balancing.least_time import LeastTime
from proxy.balancing.random_two import RandomTwo
from proxy.balancing.round_robin import RoundRobin
from tests.balancing.fakes import FakeEndpoint, FakeExchange

DRAWN = (RoundRobin, LeastConnections, RandomTwo, LeastTime)  # who draws lots, from an rng that one may give
HASHED = (IpHash, ConsistentHash)
WEIGHTED = {make.__name__: make for make in DRAWN + HASHED}

POOLS = {"small": [1, 2, 3, 1, 2, 3, 5], "large": [20] * 3 + [1] * 30 + [4] * 7}


def made(make, seed=0):
    return make(random.Random(seed)) if make in DRAWN else make()


def pool_of(weights):
    return [FakeEndpoint(f"10.1.0.{place}:80", weight, 0, 0.01) for place, weight in enumerate(weights)]


def simulate(strategy, endpoints, *, busy, picks, seed=0):
    """Each pick: Poisson arrivals, exponential durations, `busy` exchanges per endpoint on average."""
    rng = random.Random(seed)
    strategy.rebuild(endpoints)
    running = []
    now = 0.0
    for number in range(picks):
        now += rng.expovariate(busy * len(endpoints))
        while running and running[0][0] <= now:
            heapq.heappop(running)[2].in_flight -= 1
        endpoint = strategy.pick(FakeExchange(f"10.0.{rng.randrange(256)}.{rng.randrange(256)}"), ())
        endpoint.in_flight += 1
        heapq.heappush(running, (now + rng.expovariate(1.0), number, endpoint))
        yield endpoint


@pytest.mark.parametrize("weights", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("make", WEIGHTED.values(), ids=WEIGHTED)
def test_shares_follow_the_weights(make, weights):
    endpoints = pool_of(weights)
    picked = Counter()
    for endpoint in simulate(made(make), endpoints, busy=10, picks=10_000):
        picked[endpoint.weight] += 1
    for weight in set(weights):
        # All of one weight together, lest chance in a hash or few picks hide what the rule does.
        share = weight * weights.count(weight) / sum(weights)
        assert picked[weight] / 10_000 == pytest.approx(share, rel=0.15)


@pytest.mark.parametrize("make", WEIGHTED.values(), ids=WEIGHTED)
def test_equals_get_equal_shares(make):
    endpoints = pool_of([1] * 5)
    picked = Counter(endpoint.name for endpoint in simulate(made(make), endpoints, busy=10, picks=10_000))
    assert all(picked[endpoint.name] == pytest.approx(2000, rel=0.07) for endpoint in endpoints)


@pytest.mark.parametrize("make", WEIGHTED.values(), ids=WEIGHTED)
def test_a_new_weight_counts_from_the_rebuild_on(make):
    endpoints = pool_of([1, 1])
    strategy = made(make)
    assert len(list(simulate(strategy, endpoints, busy=10, picks=500))) == 500
    endpoints[0].weight, endpoints[0].in_flight, endpoints[1].in_flight = 4, 0, 0
    picked = Counter(endpoint.weight for endpoint in simulate(strategy, endpoints, busy=10, picks=4000))
    assert picked[4] == pytest.approx(3200, rel=0.05)


@pytest.mark.parametrize("make", DRAWN, ids=lambda make: make.__name__)
def test_a_seed_decides_everything(make):
    def names(seed):
        return [one.name for one in simulate(made(make, seed), pool_of(POOLS["large"]), busy=2, picks=200)]

    assert names(1) == names(1)
    assert names(1) != names(2)


@pytest.mark.parametrize("make", HASHED, ids=lambda make: make.__name__)
def test_hashes_have_no_luck(make):
    first, second = (
        [one.name for one in simulate(make(), pool_of(POOLS["large"]), busy=2, picks=200)] for _ in range(2))
    assert first == second
