from __future__ import annotations

import pytest

from proxy.balancing import STRATEGIES
from proxy.balancing.strategy import Strategy
from proxy.simulation.strategies import seeded
from tests.simulation.made import busy, played, pool, slow


class Own:
    """A user's own strategy, which draws."""

    def __init__(self, rng=None):
        self.rng = rng

    def rebuild(self, endpoints):
        self.endpoints = endpoints

    def pick(self, exchange, tried):
        return self.rng.choice(self.endpoints)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_seed_says_everything(name):
    scenario = pool("a", "b", "c", faults=[slow("a", 5, 1, 2)])
    load = busy(scenario, length=4.0)
    assert played(name, scenario, load) == played(name, scenario, load)


@pytest.mark.parametrize("name", ["round_robin", "least_connections", "random_two"])
def test_another_seed_draws_otherwise(name):
    scenarios = [pool("a", "b", "c", "d", "e", seed=seed) for seed in range(4)]
    load = busy(scenarios[0], length=2.0)
    first_picks = [tuple(played(name, scenario, load)[0].where) for scenario in scenarios]
    assert len(set(first_picks)) > 1


def test_a_strategy_of_ones_own_is_seeded_too():
    strategy: Strategy = seeded(f"{__name__}:Own", "client", 3)
    again = seeded(f"{__name__}:Own", "client", 3)
    assert strategy.rng.random() == again.rng.random()


def test_the_hash_key_is_passed_on():
    scenario = pool("a", "b", "c", "d")
    load = busy(scenario, share=0.01, clients=50)
    by_path, by_client = (
        played("consistent_hash", scenario, load, hash_key)[1].roaming for hash_key in ("path", "client"))
    assert by_path > 2 * by_client
