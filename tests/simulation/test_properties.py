"""What each strategy is for, shown by running it: the promises that the README makes of them."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.balancing import STRATEGIES
from proxy.simulation.engine import FAILED
from proxy.simulation.load import generate
from proxy.simulation.scenario import Member, Scenario
from tests.simulation.made import SERVICE, busy, down, figures, played, pool, slow

SIX = "abcdef"
BY_CLIENT = ("ip_hash", "consistent_hash")
BY_LOAD = ("least_connections", "random_two", "least_time")


def share_after(name, scenario, load, start):
    """The share of the first endpoint in what came from then on."""
    where = played(name, scenario, load)[0].where
    later = [place for time, place in zip(load.times, where, strict=True) if time >= start]
    return later.count(0) / len(later)


@pytest.mark.parametrize("name", ["round_robin", *BY_LOAD])
def test_shares_are_those_of_the_weights(name):
    """Forty requests in flight, none of which waits: what makes a difference is the weight alone."""
    weights = (5, 3, 1, 1)
    members = tuple(Member(name, weight) for name, weight in zip("abcd", weights, strict=True))
    scenario = Scenario(members, workers=100)
    load = generate(2000, 10.0, 1000, SERVICE, "lognormal", "client", 1)
    shares = figures(name, scenario, load).shares
    tolerance = 0.001 if name == "round_robin" else 0.02
    assert shares == pytest.approx([weight / sum(weights) for weight in weights], abs=tolerance)


@pytest.mark.parametrize("name", BY_CLIENT)
def test_clients_are_shared_by_the_weights(name):
    weights = (5, 3, 1, 1)
    members = tuple(Member(name, weight) for name, weight in zip("abcd", weights, strict=True))
    scenario = Scenario(members, workers=100)
    load = generate(2000, 10.0, 10_000, SERVICE, "lognormal", "client", 1)
    outcome, _ = played(name, scenario, load)
    homes = {request.client: place for request, place in zip(load.requests, outcome.where, strict=True)}
    counts = Counter(homes.values())
    shares = [counts[place] / len(homes) for place in range(4)]
    assert shares == pytest.approx([weight / sum(weights) for weight in weights], abs=0.025)


@pytest.mark.parametrize("name, times", [("least_connections", 2), ("least_time", 2), ("random_two", 3)])
def test_one_slow_endpoint_of_six_hardly_shows(name, times):
    """In flight it has as many as the others, and so a tenth of their answers: about one in fifty."""
    load = busy(pool(*SIX))
    healthy = figures(name, pool(*SIX), load)
    ill = figures(name, pool(*SIX, faults=[slow("a", 10)]), load)
    assert ill.p99 < times * healthy.p99
    assert ill.p50 < 1.1 * healthy.p50


def test_least_time_copes_where_least_connections_does_not():
    """Of three, the slow one still answers one in twenty: these are the slowest hundredth, too."""
    load = busy(pool(*"abc"))
    ill = pool(*"abc", faults=[slow("a", 10)])
    healthy = figures("least_time", pool(*"abc"), load).p99
    assert figures("least_time", ill, load).p99 < 2 * healthy < figures("least_connections", ill, load).p99


@pytest.mark.parametrize("name", ["round_robin", "ip_hash"])
def test_one_slow_endpoint_is_the_ruin_of_who_does_not_look(name):
    load = busy(pool(*SIX))
    ill = pool(*SIX, faults=[slow("a", 10)])
    assert figures(name, ill, load).p99 > 50 * figures("least_connections", ill, load).p99


def test_clients_of_ip_hash_stay():
    outcome = figures("ip_hash", pool(*SIX), busy(pool(*SIX)))
    assert outcome.roaming == 0.0


def test_clients_of_ip_hash_move_when_their_endpoint_leaves_and_no_others_do():
    scenario = pool(*SIX, faults=[down("a", 5, 10)])
    outcome, result = played("ip_hash", scenario, busy(scenario))
    assert result.needless == 0.0
    assert 0.05 < result.moved < 0.3
    assert result.roaming < 0.3
    assert 0 in outcome.where[-500:]  # and back they come


def test_clients_move_when_an_endpoint_leaves_where_nobody_asks_who_they_are():
    scenario = pool(*SIX, faults=[down("a", 5, 10)])
    assert figures("round_robin", scenario, busy(scenario)).needless > 0.5


def test_consistent_hash_moves_few_and_lets_no_client_overload_an_endpoint():
    """A client that asks a tenth of all is more than an endpoint of ten can do, beside its other clients."""
    ten = [chr(ord("a") + place) for place in range(10)]
    load = busy(pool(*ten), share=0.8)
    bounded, unbounded = (figures(name, pool(*ten), load) for name in ("consistent_hash", "ip_hash"))
    assert bounded.longest < unbounded.longest / 10
    assert bounded.p99 < unbounded.p99 / 10
    assert bounded.roaming < figures("round_robin", pool(*ten), load).roaming


@pytest.mark.parametrize("faults", [[], [slow("a", 3, 5, 15)]])
def test_random_two_is_nearly_as_good_as_looking_at_all(faults):
    scenario = pool(*SIX, faults=faults)
    load = busy(scenario, share=0.7)
    two, least, turns = (
        figures(name, scenario, load) for name in ("random_two", "least_connections", "round_robin"))
    assert two.p95 < 1.25 * least.p95
    assert two.p99 < 1.25 * least.p99
    assert two.longest < turns.longest


@pytest.mark.parametrize("count", [3, 6])
def test_least_time_finds_out_that_an_endpoint_is_fast_again(count):
    """Nobody starves: what was ten times slower has its share again seconds after it recovered."""
    scenario = pool(*SIX[:count], faults=[slow("a", 10, 2, 10)])
    load = busy(scenario)
    assert share_after("least_time", scenario, load, 15) > 0.6 / count


def test_first_keeps_the_others_free_until_it_is_full():
    members = tuple(Member(name, max_connections=4) for name in "abc")
    scenario = Scenario(members)
    shares = figures("first", scenario, busy(scenario, share=0.3)).shares
    assert shares[0] > 2 * shares[1] > 4 * shares[2]


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_endpoint_that_is_down_is_left_alone_and_nothing_else_fails(name):
    scenario = pool(*SIX, faults=[down("b", 5, 10)])
    load = busy(scenario)
    outcome, result = played(name, scenario, load)
    gone = [place for time, place in zip(load.times, outcome.where, strict=True) if 5 <= time < 10]
    assert 1 not in gone
    # What it had in hand, and nothing later.
    lost = [time for time, took in zip(load.times, outcome.took, strict=True) if took == FAILED]
    assert all(time < 5 for time in lost)
    assert result.failed < 100
