import pytest

from proxy.upstream.ejection import LONGEST, Ejection, end, fade
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit


def endpoint(answers=0.0, errors=0.0):
    made = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 2)
    made.answers, made.errors = answers, errors
    return made


RULES = Ejection(failures=3, window=10.0, duration=5.0, rate=0.5)


@pytest.mark.parametrize("times, third", [
    ((0, 0, 0), True), ((0, 10, 20), True), ((0, 0, 10.1), False), ((0, 10.1, 20.2), False), ((0, 1), False)])
def test_failures_in_a_row(times, third):
    one = endpoint()
    assert [bool(RULES.failed(one, 100.0 + at)) for at in times][-1] == third


def test_more_failures_than_that():
    one = endpoint()
    assert [bool(RULES.failed(one, 100.0)) for _ in range(5)] == [False, False, True, True, True]


# A share of failed answers.

@pytest.mark.parametrize("answers, errors, found", [
    ([10, 10], [10, 0], 0),
    ([10, 10], [0, 10], 1),
    ([10, 10], [10, 10], None),       # where all fail alike, the fault is not an endpoint's
    ([10, 10], [6, 1], 0),
    ([10, 10], [6, 2], None),         # 60%, and 20% of the others'
    ([100, 100], [49, 0], None),
    ([10, 10, 10], [8, 5, 0], 0),
    ([4, 10], [4, 0], None),          # too few to tell
    ([10, 4], [10, 0], None),         # too few others
    ([0, 10], [5, 0], 0),             # no answer at all
    ([0, 10], [0, 0], None),
    ([10], [10], None), ([], [], None)])
def test_who_fails_much_more_often_than_the_others(answers, errors, found):
    endpoints = [endpoint(*numbers) for numbers in zip(answers, errors, strict=True)]
    outlier = RULES.outlier(endpoints)
    assert (None if outlier is None else endpoints.index(outlier[0])) == found


def test_what_is_said_about_it():
    worst = endpoint(10, 8)
    assert RULES.outlier([endpoint(20, 2), worst, endpoint(20, 4)]) == (worst, 0.8, 0.15)


def test_of_counts_a_sixteenth_is_left_after_a_window():
    one = endpoint(8, 4)
    for _ in range(4):
        fade([one])
    assert (one.answers, one.errors) == (pytest.approx(0.5), pytest.approx(0.25))


# For how long.

def test_each_time_longer_and_never_too_long():
    one, seconds = endpoint(), []
    for _ in range(LONGEST + 2):
        one.ejections += 1
        seconds.append(RULES.seconds(one))
    assert seconds == [5.0 * at for at in range(1, LONGEST + 1)] + [50.0, 50.0]


def test_who_has_not_failed_for_long_begins_anew():
    one, never = endpoint(), endpoint()
    one.ejections, one.failed_at = 3, 100.0
    RULES.forgive([one, never], 150.0)
    assert one.ejections == 3
    RULES.forgive([one, never], 150.1)
    assert (one.ejections, never.ejections) == (0, 0)


def test_nobody_begins_anew_while_ejected():
    one = endpoint()
    one.ejections, one.failed_at, one.ejected_until = LONGEST, 100.0, 200.0
    RULES.forgive([one], 199.0)
    assert one.ejections == LONGEST
    end(one, 200.0)
    RULES.forgive([one], 250.0)
    assert one.ejections == LONGEST
    RULES.forgive([one], 250.1)
    assert one.ejections == 0


def test_what_failed_meanwhile_does_not_count_when_it_is_over():
    one = endpoint(3, 40)
    one.ejected_until, one.failures, one.failed_at = 120.0, 40, 119.0
    end(one, 120.0)
    assert (one.ejected_until, one.answers, one.errors) == (0.0, 0.0, 0.0)
    assert not RULES.failed(one, 120.0)
    assert RULES.outlier([one, endpoint(10, 0)]) is None
