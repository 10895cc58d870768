import pytest

from proxy.probing.health import Health


def played(results, **options):
    """The state after each result; + is a good one."""
    health = Health(2, 3, **options)
    states = []
    for result in results:
        health.note(good=result == "+")
        states.append(health.up)
    return states


@pytest.mark.parametrize("first, up", [("+", True), ("-", False)])
def test_the_first_result_decides_alone(first, up):
    assert played(first, up=None) == [up]


def test_down_after_fall_and_up_after_rise():
    assert played("---++", up=True) == [True, True, False, False, True]


def test_only_results_in_a_row_count():
    assert all(played("--+--+--+", up=True))
    assert not any(played("+-+-+-", up=False))


def test_what_was_assumed_takes_as_many_as_what_was_seen():
    assert played("---", up=True) == [True, True, False]
    assert played("++", up=False) == [False, True]


def test_a_change_says_which_results_made_it():
    health = Health(2, 3, up=None)
    assert health.note(good=False) == "the first probe failed: "
    assert health.note(good=True) == ""
    assert health.note(good=True) == "2 of 2 probes succeeded, last: "
    assert [health.note(good=False) for _ in range(3)] == ["", "", "3 of 3 probes failed, last: "]
    assert health.note(good=False) == ""
    assert Health(1, 1, up=None).note(good=True) == "the first probe succeeded: "
