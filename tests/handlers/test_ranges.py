from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.ranges import LONGEST, MOST, SMALLEST_GAP, Answer, parse_ranges

sizes = st.integers(0, 12)
positions = st.integers(0, 15)
larger = st.integers(0, 2000)
specs = st.one_of(
    st.tuples(larger, larger), st.tuples(larger, st.none()), st.tuples(st.none(), larger))


@given(positions, positions, sizes)
def test_closed_range_agrees_with_counting_positions(first, last, size):
    answer = parse_ranges(b"bytes=%d-%d" % (first, last), size)
    wanted = [position for position in range(size) if first <= position <= last]
    if last < first:
        assert answer is Answer.WHOLE
    elif not wanted:
        assert answer is Answer.UNSATISFIABLE
    else:
        assert answer == [(wanted[0], wanted[-1] + 1)]


@given(positions, sizes)
def test_open_range_agrees_with_counting_positions(first, size):
    answer = parse_ranges(b"bytes=%d-" % first, size)
    wanted = list(range(size))[first:]
    assert answer == ([(wanted[0], size)] if wanted else Answer.UNSATISFIABLE)


@given(positions, st.integers(1, 12))
def test_suffix_agrees_with_counting_positions(length, size):
    answer = parse_ranges(b"bytes=-%d" % length, size)
    wanted = list(range(size))[-length:] if length else []
    assert answer == ([(wanted[0], size)] if wanted else Answer.UNSATISFIABLE)


def written(spec):
    return b"-".join(b"" if number is None else b"%d" % number for number in spec)


def octets_of(spec, size):
    """The positions that one range names; None where it is invalid."""
    first, last = spec
    if first is None:
        return set(range(max(size - last, 0), size))
    if last is None:
        return set(range(first, size))
    return None if last < first else set(range(first, min(last + 1, size)))


@given(st.lists(specs, min_size=1, max_size=MOST + 2), st.integers(1, 2000))
def test_several_agree_with_a_set_of_positions(wanted, size):
    answer = parse_ranges(b"bytes=" + b", ".join(map(written, wanted)), size)
    sets = [octets_of(spec, size) for spec in wanted]
    if len(wanted) > MOST or None in sets or sum(map(len, sets)) > size:
        assert answer is Answer.WHOLE
        return
    asked = set().union(*sets)
    if not asked:
        assert answer is Answer.UNSATISFIABLE
        return
    sent = [position for start, end in answer for position in range(start, end)]
    assert len(sent) == len(set(sent)), "no octet twice"
    assert asked <= set(sent)
    assert all(start in asked and end - 1 in asked for start, end in answer)
    # Never more than the gaps that are cheaper to send than to leave out, and none of those left.
    extra = sorted(set(sent) - asked)
    runs = "".join("x" if position in extra else " " for position in range(size)).split()
    assert all(len(run) < SMALLEST_GAP for run in runs)
    in_order = sorted(answer)
    assert all(b[0] - a[1] >= SMALLEST_GAP for a, b in pairwise(in_order))
    # Each part stands where the first range of it stood.
    homes = [next(n for n, s in enumerate(sets) if s and start <= min(s) < end) for start, end in answer]
    assert homes == sorted(homes)


@pytest.mark.parametrize("value, parts", [
    (b"bytes=0-9,200-209", [(0, 10), (200, 210)]),
    (b"bytes=200-209,0-9", [(200, 210), (0, 10)]),
    (b"bytes=0-9,-10", [(0, 10), (990, 1000)]),
    (b"bytes=0-9,90-99", [(0, 10), (90, 100)]),
    (b"bytes=0-9,89-99", [(0, 100)]),
    (b"bytes=10-19,0-9", [(0, 20)]),
    (b"bytes=900-,0-9,950-959", [(900, 1000), (0, 10)]),
    (b"bytes=0-0,500-500,1-1", [(0, 2), (500, 501)]),
    (b"bytes=0-9,2000-,300-309", [(0, 10), (300, 310)]),
    (b"bytes=0-9,2000-", [(0, 10)]),
    (b"bytes=0-9 ,\t,, 500-509,", [(0, 10), (500, 510)]),
    (b"bytes=,0-9", [(0, 10)]),
])
def test_parts_are_coalesced_and_keep_their_order(value, parts):
    assert parse_ranges(value, 1000) == parts


@pytest.mark.parametrize("value", [
    b"", b"bytes", b"bytes=", b"bytes=-", b"bytes=a-b", b"bytes=1", b"bytes 0-1",
    b"bytes= 0-1", b"bytes=0 - 1", b"bytes=+0-1", b"bytes=0x0-1", b"bytes=0_0-1", b"pages=0-1",
    b"bytes=\xd9\xa0-1", b"bytes=" + b"1" * 19 + b"-", b"bytes=0-" + b"9" * 5000, b"bytes=--1",
    b"bytes=0-1\n", b"bytes=,", b"bytes=0-1,a", b"bytes=0-1,4-3", b"bytes=0-1;4-5", b"bytes=0-1 4-5",
    b"bytes=0-1,\n4-5", b"bytes=0-1,\x0b4-5", b"bytes=0-,0-", b"bytes=0-9,0-0",
])
def test_what_is_no_list_of_ranges_or_more_than_the_file_is_ignored(value):
    assert parse_ranges(value, 10) is Answer.WHOLE


@pytest.mark.parametrize("value", [b"bytes=10-", b"bytes=10-11,-0", b"bytes=12-13, 10-11"])
def test_nothing_of_the_file_is_unsatisfiable(value):
    assert parse_ranges(value, 10) is Answer.UNSATISFIABLE


def test_unit_is_read_in_any_case():
    assert parse_ranges(b"BYTES=0-0", 10) == [(0, 1)]


def test_last_octets_of_an_empty_file_are_the_whole():
    assert parse_ranges(b"bytes=-5", 0) is Answer.WHOLE
    assert parse_ranges(b"bytes=0-,-5", 0) is Answer.WHOLE


def test_largest_number_read_is_clamped():
    assert parse_ranges(b"bytes=2-" + b"9" * 18, 10) == [(2, 10)]


def test_sixteen_ranges_are_parts_and_one_more_is_the_whole():
    wanted = [b"%d-%d" % (at * 1000, at * 1000 + 9) for at in range(MOST + 1)]
    assert len(parse_ranges(b"bytes=" + b",".join(wanted[:MOST]), 1_000_000)) == MOST
    assert parse_ranges(b"bytes=" + b",".join(wanted), 1_000_000) is Answer.WHOLE
    widest = b"bytes=" + b" , ".join([b"9" * 18 + b"-" + b"9" * 18] * MOST)
    assert len(widest) <= LONGEST


def test_a_long_field_costs_as_little_as_a_short_one():
    """A million octets in the time of a thousand: linear would be 1000 times slower, quadratic a million."""

    def seconds(value):
        best = float("inf")
        for _ in range(20):
            begin = perf_counter()
            assert parse_ranges(value, 10**9) is Answer.WHOLE
            best = min(best, perf_counter() - begin)
        return best

    assert seconds(b"bytes=" + b"0-," * 333_333) < 0.001
    assert seconds(b"bytes=" + b",0-0" * 200) < 0.001


@given(st.binary(max_size=60), sizes)
def test_no_octets_break_it(value, size):
    for answer in (parse_ranges(value, size), parse_ranges(b"bytes=" + value, size)):
        assert isinstance(answer, Answer) or all(0 <= start < end <= size for start, end in answer)
