from __future__ import annotations

import pytest

from proxy.simulation.engine import FAILED, NOWHERE, run
from proxy.simulation.scenario import Fault, Member, Scenario
from tests.simulation.made import Script, down, load_of, pool, slow


def test_an_idle_endpoint_takes_as_long_as_the_work_is():
    outcome = run(pool("a", "b"), load_of([0.0, 1.0], [0.5, 0.25]), Script("a", "b"))
    assert outcome.took == [0.5, 0.25]
    assert outcome.where == [0, 1]
    assert outcome.longest == [0, 0]


def test_beyond_the_workers_requests_wait_first_come_first_served():
    load = load_of([0.0, 0.1, 0.2, 0.3], [1.0, 1.0, 1.0, 1.0])
    outcome = run(pool("a", workers=2), load, Script(*"aaaa"))
    assert outcome.took == pytest.approx([1.0, 1.0, 1.8, 1.8])
    assert outcome.longest == [2]


def test_speed_and_slowness_stretch_the_work():
    scenario = Scenario((Member("a", speed=2.0),), faults=(slow("a", 10, 1, 2),))
    outcome = run(scenario, load_of([0.0, 1.0, 2.0], [0.5] * 3), Script(*"aaa"))
    assert outcome.took == pytest.approx([0.25, 2.5, 0.25])


def test_work_that_has_begun_goes_on_at_its_pace():
    outcome = run(pool("a", faults=[slow("a", 10, 1, 2)]), load_of([0.9], [0.5]), Script("a"))
    assert outcome.took == pytest.approx([0.5])


def test_several_faults_of_one_endpoint_at_a_time():
    faults = [slow("a", 2, 0, 5), slow("a", 3, 1, 5)]
    outcome = run(pool("a", faults=faults), load_of([0.0, 1.0, 5.0], [0.5] * 3), Script(*"aaa"))
    assert outcome.took == pytest.approx([1.0, 3.0, 0.5])


def test_a_strategy_sees_what_is_in_flight_and_the_latency():
    seen = []

    class Watcher(Script):
        def pick(self, exchange, tried):
            endpoint = self.endpoints["a"]
            seen.append((endpoint.in_flight, round(endpoint.latency, 9)))
            return endpoint

    run(pool("a", workers=1), load_of([0.0, 0.5, 3.0, 4.5], [1.0, 1.0, 0.5, 1.0]), Watcher())
    # The first answer as it is, later ones a tenth: 1.0, then 1.5 (half a second of it waiting).
    assert seen == [(0, 0.0), (1, 0.0), (0, 1.05), (0, 0.995)]


def test_who_goes_down_loses_what_it_has_and_the_strategy_is_told():
    script = Script("a", "a", "b", "a")
    scenario = pool("a", "b", faults=[down("a", 1, 2)], workers=1)
    outcome = run(scenario, load_of([0.0, 0.5, 1.5, 2.5], [3.0, 1.0, 1.0, 1.0]), script)
    assert outcome.took == pytest.approx([FAILED, FAILED, 1.0, 1.0])
    assert outcome.where == [0, 0, 1, 0]
    assert script.told == [["a", "b"], ["b"], ["a", "b"]]


def test_an_endpoint_may_be_down_from_the_beginning():
    script = Script("b")
    run(pool("a", "b", faults=[down("a")]), load_of([0.0], [1.0]), script)
    assert script.told == [["b"]]


def test_nobody_left_fails_the_request():
    outcome = run(pool("a", faults=[down("a")]), load_of([0.0], [1.0]), Script("a"))
    assert (outcome.took, outcome.where) == ([FAILED], [NOWHERE])


def test_errors_are_drawn_by_the_luck_of_the_request():
    scenario = pool("a", faults=[Fault("errors", "a", 0.5, 1.0)])
    load = load_of([0.0, 2.0, 2.0], [0.5] * 3, lucks=[0.1, 0.1, 0.6])
    assert run(scenario, load, Script(*"aaa")).took == pytest.approx([0.5, FAILED, 0.5])


def test_those_of_a_lower_priority_stand_in():
    script = Script("a", "c", "a")
    scenario = Scenario((Member("a"), Member("c", priority=1)), faults=(down("a", 1, 2),))
    run(scenario, load_of([0.0, 1.5, 2.5], [0.1] * 3), script)
    assert script.told == [["a"], ["c"], ["a"]]


def test_they_stand_in_for_full_ones_too():
    """As in the pool; the least busy of them first, and if all are full the request fails."""
    scenario = Scenario((
        Member("a", max_connections=1), Member("b", priority=1, max_connections=1),
        Member("c", priority=1, weight=2, max_connections=2), Member("d", priority=2, max_connections=1)))
    outcome = run(scenario, load_of([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [9.0] * 6), Script("a", *[None] * 5))
    assert outcome.where == [0, 1, 2, 2, 3, NOWHERE]


def test_full_ones_are_among_the_tried():
    script = Script("a", "b", "a", "a")
    scenario = Scenario((Member("a", max_connections=1), Member("b")), faults=(down("a", 4, 5),))
    run(scenario, load_of([0.0, 0.5, 2.0, 6.0], [1.0, 1.0, 9.0, 1.0]), script)
    assert script.full == [[], ["a"], [], []]


def test_the_same_again_is_the_same():
    scenario = pool("a", "b", faults=[slow("a", 3, 1, 2)])
    load = load_of([0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.7, 0.7])
    assert run(scenario, load, Script(*"abab")) == run(scenario, load, Script(*"abab"))
