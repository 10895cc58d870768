from __future__ import annotations

import pytest

from proxy.simulation.engine import FAILED, NOWHERE, Outcome
from proxy.simulation.figures import measure, p99_over_time, percentile
from proxy.simulation.scenario import Member, Scenario
from tests.simulation.made import down, load_of, pool


def outcome_of(where, took=None):
    return Outcome(took or [0.1] * len(where), where, [0, 0, 0])


def test_percentiles_are_values_that_occurred():
    assert [percentile(range(1, 101), percent) for percent in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 99) == 0.0


def test_what_failed_is_counted_and_not_timed():
    took = [0.1, FAILED, 0.3, FAILED]
    figures = measure(pool("a"), load_of([1, 2, 3, 4], [1] * 4), outcome_of([0, 0, 0, NOWHERE], took))
    assert (figures.requests, figures.failed, figures.p50, figures.p99) == (4, 2, 0.1, 0.3)


@pytest.mark.parametrize("weights, where, fairness", [
    ((1, 1), [0, 1, 0, 1], 1.0),
    ((1, 1), [0, 0, 0, 0], 0.5),
    ((3, 1), [0, 0, 0, 1], 1.0),
    ((1, 1), [0, 0, 0, 1], 0.8),
])
def test_fairness_is_jains_index_by_weight(weights, where, fairness):
    scenario = Scenario(tuple(Member(name, weight) for name, weight in zip("ab", weights, strict=True)))
    figures = measure(scenario, load_of([1, 2, 3, 4], [1] * 4), outcome_of(where))
    assert figures.fairness == pytest.approx(fairness)


def test_a_spare_endpoint_does_not_make_it_unfair():
    scenario = Scenario((Member("a"), Member("b"), Member("c", priority=1)))
    figures = measure(scenario, load_of([1, 2], [1] * 2), outcome_of([0, 1]))
    assert figures.fairness == 1.0
    assert figures.shares == [0.5, 0.5, 0.0]


def test_roaming_clients_are_those_that_met_two_of_those_that_could():
    load = load_of(range(5), [1] * 5, clients=["x", "y", "x", "y", "z"])
    assert measure(pool("a", "b"), load, outcome_of([0, 1, 1, 1, 0])).roaming == 0.5


def test_moves_when_an_endpoint_leaves():
    """x had to, y stays, z moved needlessly; who was not there before or while it is gone does not count."""
    scenario = pool("a", "b", "c", faults=[down("a", 5, 8)])
    clients = ["x", "y", "z", "early", "x", "y", "z", "late", "early"]
    load = load_of([1, 2, 3, 4, 5, 6, 7, 7, 9], [1] * 9, clients)
    figures = measure(scenario, load, outcome_of([0, 1, 1, 0, 1, 1, 2, 2, 1]))
    assert figures.moved == pytest.approx(2 / 3)
    assert figures.needless == pytest.approx(1 / 2)


def test_no_moves_where_none_leaves():
    figures = measure(pool("a"), load_of([1], [1]), outcome_of([0]))
    assert (figures.moved, figures.needless) == (None, None)


def test_the_slowest_over_time():
    load = load_of([0.05, 0.1, 5.0, 9.9], [1] * 4)
    middles, values = p99_over_time(load, outcome_of([0] * 4, [0.1, 0.3, FAILED, 0.5]))
    assert values == [0.3, 0.5]
    assert middles == pytest.approx([10 / 120, 10 * 119 / 120])
