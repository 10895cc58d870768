import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.ranges import Answer, parse_range

sizes = st.integers(0, 12)
positions = st.integers(0, 15)


@given(positions, positions, sizes)
def test_closed_range_agrees_with_counting_positions(first, last, size):
    answer = parse_range(b"bytes=%d-%d" % (first, last), size)
    wanted = [position for position in range(size) if first <= position <= last]
    if last < first:
        assert answer is Answer.WHOLE
    elif not wanted:
        assert answer is Answer.UNSATISFIABLE
    else:
        assert answer == (wanted[0], wanted[-1] + 1)


@given(positions, sizes)
def test_open_range_agrees_with_counting_positions(first, size):
    answer = parse_range(b"bytes=%d-" % first, size)
    wanted = list(range(size))[first:]
    assert answer == ((wanted[0], size) if wanted else Answer.UNSATISFIABLE)


@given(positions, st.integers(1, 12))
def test_suffix_agrees_with_counting_positions(length, size):
    answer = parse_range(b"bytes=-%d" % length, size)
    wanted = list(range(size))[-length:] if length else []
    assert answer == ((wanted[0], size) if wanted else Answer.UNSATISFIABLE)


@pytest.mark.parametrize("value", [
    b"", b"bytes", b"bytes=", b"bytes=-", b"bytes=a-b", b"bytes=1", b"bytes 0-1", b"bytes=0-1,3-4",
    b"bytes= 0-1", b"bytes=0 - 1", b"bytes=+0-1", b"bytes=0x0-1", b"bytes=0_0-1", b"pages=0-1",
    b"bytes=\xd9\xa0-1", b"bytes=" + b"1" * 19 + b"-", b"bytes=0-" + b"9" * 5000, b"bytes=--1",
    b"bytes=0-1\n",
])
def test_what_is_no_single_range_is_ignored(value):
    assert parse_range(value, 10) is Answer.WHOLE


def test_unit_is_read_in_any_case():
    assert parse_range(b"BYTES=0-0", 10) == (0, 1)


def test_last_octets_of_an_empty_file_are_the_whole():
    assert parse_range(b"bytes=-5", 0) is Answer.WHOLE


def test_largest_number_read_is_clamped():
    assert parse_range(b"bytes=2-" + b"9" * 18, 10) == (2, 10)
