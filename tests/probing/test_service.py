from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.probing.service import SAYS_NOTHING, Srv, combined, shares_of


def records(*said):
    """(priority, weight) of port 1, 2, ..."""
    return {("10.0.0.1", port): Srv(priority, Fraction(weight))
            for port, (priority, weight) in enumerate(said, 1)}


def shares(*said):
    """(rank, percent) in the same order."""
    found = shares_of(records(*said))
    return [found.get(place, (0, 100)) for place in records(*said)]


@pytest.mark.parametrize("said, expected", [
    ([(0, 1), (0, 3)], [(0, 50), (0, 150)]),
    ([(0, 10), (0, 20), (0, 30)], [(0, 50), (0, 100), (0, 150)]),
    ([(10, 5), (20, 5), (10, 5), (65535, 0)], [(0, 100), (1, 100), (0, 100), (2, 100)]),
    ([(1, 3), (1, 1), (2, 9), (2, 1)], [(0, 150), (0, 50), (1, 180), (1, 20)]),
    ([(0, 65535), (0, 1)], [(0, 200), (0, 1)]),
])
def test_priorities_are_ranks_and_weights_parts_of_the_configured_one(said, expected):
    assert shares(*said) == expected


@pytest.mark.parametrize("said", [[], [(0, 0)], [(9, 7)], [(5, 0), (5, 0)], [(5, 10), (5, 10)]])
def test_what_all_share_alike_is_left_as_it_is(said):
    assert shares_of(records(*said)) == {}


def test_weight_0_beside_others_is_nearly_none():
    """RFC 2782: a very small chance; where all are 0, the same for all."""
    assert shares((0, 10), (0, 10), (0, 0)) == [(0, 149), (0, 149), (0, 1)]
    assert shares((0, 1), (0, 9999), (0, 0)) == [(0, 1), (0, 300), (0, 1)]


def test_an_address_that_says_nothing():
    assert shares_of({("10.0.0.1", 0): SAYS_NOTHING, ("10.0.0.2", 0): SAYS_NOTHING}) == {}


@pytest.mark.parametrize("said, expected", [
    ([(0, 1), (0, 2)], (0, 3)), ([(5, 1), (0, 2)], (0, 2)), ([(0, 2), (5, 1)], (0, 2)), ([(3, 4)], (3, 4))])
def test_an_address_that_is_said_twice(said, expected):
    place = ("10.0.0.1", 80)
    said = [(place, Srv(priority, Fraction(weight))) for priority, weight in said]
    assert combined(said) == {place: expected}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535)), min_size=1, max_size=9))
def test_a_group_has_as_much_as_it_would_without_weights(said):
    found = shares(*said)
    for rank in {rank for rank, _ in found}:
        group = [percent for own, percent in found if own == rank]
        assert min(group) >= 1
        assert abs(sum(group) - 100 * len(group)) <= len(group)
    priorities = sorted({priority for priority, _ in said})
    assert [rank for rank, _ in found] == [priorities.index(priority) for priority, _ in said]
