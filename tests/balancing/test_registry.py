from __future__ import annotations

import pytest

from proxy.balancing import STRATEGIES
from tests.balancing.fakes import FakeExchange, endpoints_of


def test_names_are_those_of_the_configuration_in_its_order():
    assert list(STRATEGIES) == ["round_robin", "least_connections", "ip_hash", "random_two"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_is_made_without_arguments_and_picks(name):
    strategy = STRATEGIES[name]()
    endpoints = endpoints_of(1, 2, 3)
    strategy.rebuild(endpoints)
    first = strategy.pick(FakeExchange(), ())
    second = strategy.pick(FakeExchange(), [first])
    third = strategy.pick(FakeExchange(), [first, second])
    assert {first, second, third} == set(endpoints)
    assert strategy.pick(FakeExchange(), [first, second, third]) is None
