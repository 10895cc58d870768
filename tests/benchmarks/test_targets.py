import pytest

from benchmarks import targets
from benchmarks.cases import CASES
from benchmarks.subjects import SUBJECTS
from benchmarks.summary import summarize
from benchmarks.targets import CPU, IDLE, SPREAD, Target


def case(cpu, errors=0.0, nginx_errors=0.0, **others):
    """A case in which ours took `cpu` times what nginx took."""
    return summarize({
        "ours": [{"cpu_us": cpu, "busy": 1.0, "errors": errors, **others}],
        "nginx": [{"cpu_us": 1.0, "busy": 1.0, "errors": nginx_errors}],
    })


@pytest.fixture
def outcome(monkeypatch):
    def outcome_of(target, **results):
        monkeypatch.setattr(targets, "TARGETS", (target,))
        (row,) = targets.rows(results)
        return row[-2:]

    return outcome_of


def test_every_target_is_of_a_case_and_a_subject():
    assert {name for target in targets.TARGETS for name in target.cases} <= set(CASES)
    assert {target.subject for target in targets.TARGETS} <= set(SUBJECTS)
    assert {target.rival for target in targets.TARGETS} - {""} <= set(SUBJECTS)


def test_without_results_nothing_is_met():
    assert {tuple(row[-2:]) for row in targets.rows({})} == {("-", "not measured")}


def test_the_words_of_a_row():
    words = {(row[0], row[2]) for row in targets.rows({})}
    assert ("small: CPU per request x nginx", "<= 1.3") in words
    assert ("small-log - small: CPU per request x nginx", "within 0.15") in words
    assert ("small-half: p99 / p50", "< 5") in words


@pytest.mark.parametrize("cpu, expected", [
    (1.3, ("1.300", "met")),
    (1.2991, ("1.300", "met")),
    (1.30001, ("1.301", "not met")),
])
def test_nothing_is_rounded_in_our_favour(outcome, cpu, expected):
    assert outcome(Target("small", CPU, 1.3), small=case(cpu)) == expected


def test_below_is_not_at(outcome):
    target = Target("small", SPREAD, 5, below=True)
    assert outcome(target, small=case(1.0, p99_p50=5.0)) == ("5.000", "not met")
    assert outcome(target, small=case(1.0, p99_p50=4.9)) == ("4.900", "met")


@pytest.mark.parametrize("logged, expected", [
    (1.125, ("0.125", "met")),
    (1.25, ("0.250", "not met")),
    (0.75, ("-0.250", "not met")),
])
def test_two_cases_are_near_each_other_on_either_side(outcome, logged, expected):
    target = Target("log", CPU, 0.15, beside="small")
    assert outcome(target, small=case(1.0), log=case(logged)) == expected


def test_a_difference_takes_both_cases(outcome):
    target = Target("log", CPU, 0.15, beside="small")
    assert outcome(target, log=case(1.0)) == ("-", "not measured")
    assert outcome(target, small=case(1.0)) == ("-", "not measured")


def test_a_ratio_takes_nginx(outcome):
    alone = summarize({"ours": [{"cpu_us": 1.0, "busy": 1.0, "errors": 0.0}]})
    assert outcome(Target("small", CPU, 1.3), small=alone) == ("-", "not measured")


def beside_caddy(ours, caddy, errors=0.0):
    return summarize({
        name: [{"cpu_us": cpu, "busy": 1.0, "errors": errors if name == "caddy" else 0.0}]
        for name, cpu in (("ours", ours), ("nginx", 20.0), ("caddy", caddy))
    })


@pytest.mark.parametrize("ours, caddy, expected", [
    (14.0, 70.0, ("0.200", "met")),
    (15.0, 70.0, ("0.215", "not met")),
])
def test_a_rival_takes_the_place_of_nginx(outcome, ours, caddy, expected):
    target = Target("small", CPU, 0.2, rival="caddy")
    assert outcome(target, small=beside_caddy(ours, caddy)) == expected
    assert target.words == "small: CPU per request x caddy"


def test_a_rival_that_failed_or_took_no_part_proves_nothing(outcome):
    target = Target("small", CPU, 0.2, rival="caddy")
    assert outcome(target, small=beside_caddy(14.0, 70.0, errors=2.0)) == ("0.200, 2 errors", "not met")
    assert outcome(target, small=case(1.0)) == ("-", "not measured")


def test_failed_requests_prove_nothing_whoever_failed(outcome):
    target = Target("small", CPU, 1.3)
    assert outcome(target, small=case(1.0, errors=4.0)) == ("1.000, 4 errors", "not met")
    assert outcome(target, small=case(1.0, nginx_errors=1.0)) == ("1.000, 1 errors", "not met")


def test_too_little_load_proves_nothing(outcome):
    target = Target("small", SPREAD, 5, below=True)
    little = case(1.0, p99_p50=2.0, share=0.3)
    assert outcome(target, small=little) == ("2.000, at 0.30 of the full rate", "not met")


def test_a_kilobyte_has_1000_octets(outcome):
    target = Target("small", IDLE, 5)
    assert outcome(target, small=case(1.0, idle_kb=4.9)) == ("5.018", "not met")
    assert outcome(target, small=case(1.0, idle_kb=4.8)) == ("4.916", "met")
