from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.conditions import parse_date, precondition, range_is_wanted

ETAG = b'"abc-12"'
MODIFIED = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
SAME = b"Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = b"Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = b"Sun, 06 Nov 1994 08:49:38 GMT"


def judge(etag=ETAG, **fields):
    get = {name.replace("_", "-").encode(): value for name, value in fields.items()}.get
    return precondition(get, etag, MODIFIED)


@pytest.mark.parametrize("tags", [
    ETAG, b"*", b'W/"abc-12"', b'"x", "abc-12"', b'"x","abc-12" , "y"', b', "abc-12"', b'"a,b", W/"abc-12"'])
def test_if_none_match_that_lists_the_tag_is_304(tags):
    assert judge(if_none_match=tags) == 304


@pytest.mark.parametrize("tags", [
    b'"x"', b"abc-12", b'"abc-1"', b'"xabc-12"', b"", b'"', b"W/*", b'"*"', b'w/"abc-12"', b'x"abc-12"',
    b'"abc-12"x', b'"a""abc-12"', b'* "x"', b"*, *"])
def test_if_none_match_without_the_tag_goes_on(tags):
    assert judge(if_none_match=tags) == 200


@pytest.mark.parametrize("tags, status", [
    (ETAG, 200), (b"*", 200), (b'"x", "abc-12"', 200),
    (b'W/"abc-12"', 412), (b'"x"', 412), (b"", 412), (b"abc-12", 412), (b'w/"abc-12"', 412)])
def test_if_match_compares_strongly(tags, status):
    assert judge(if_match=tags) == status


@pytest.mark.parametrize("tags, same", [
    (b'W/"abc-12"', True), (ETAG, True), (b'"x", W/"abc-12"', True), (b"*", True), (b'W/"x"', False)])
def test_weak_tag_of_ours_is_compared_weakly_alone(tags, same):
    weak = b"W/" + ETAG
    assert judge(weak, if_none_match=tags) == (304 if same else 200)
    assert judge(weak, if_match=tags) == (200 if tags == b"*" else 412)
    assert not range_is_wanted({b"if-range": tags}.get, weak, MODIFIED, settled=True)


@pytest.mark.parametrize("date, status", [
    (SAME, 304), (AFTER, 304), (BEFORE, 200), (b"yesterday", 200), (b"", 200)])
def test_if_modified_since(date, status):
    assert judge(if_modified_since=date) == status


@pytest.mark.parametrize("date, status", [(SAME, 200), (AFTER, 200), (BEFORE, 412), (b"yesterday", 200)])
def test_if_unmodified_since(date, status):
    assert judge(if_unmodified_since=date) == status


@pytest.mark.parametrize("fields, status", [
    ({"if_none_match": b'"x"', "if_modified_since": AFTER}, 200),
    ({"if_none_match": ETAG, "if_modified_since": BEFORE}, 304),
    ({"if_match": ETAG, "if_unmodified_since": BEFORE}, 200),
    ({"if_match": b'"x"', "if_unmodified_since": AFTER}, 412),
    ({"if_match": b'"x"', "if_none_match": ETAG}, 412),
    ({"if_match": ETAG, "if_none_match": ETAG}, 304),
    ({"if_unmodified_since": BEFORE, "if_none_match": ETAG}, 412),
    ({}, 200),
])
def test_precedence_is_that_of_rfc_9110_13_2_2(fields, status):
    assert judge(**fields) == status


@pytest.mark.parametrize("validator, settled, wanted", [
    (None, False, True),
    (ETAG, False, True),
    (b'W/"abc-12"', True, False),
    (b'"x"', True, False),
    (b'"x", "abc-12"', True, False),
    (SAME, True, True),
    (SAME, False, False),
    (BEFORE, True, False),
    (AFTER, True, False),
    (b"yesterday", True, False),
])
def test_if_range_needs_a_strong_validator_that_is_exact(validator, settled, wanted):
    get = {b"if-range": validator}.get
    assert range_is_wanted(get, ETAG, MODIFIED, settled=settled) is wanted


@pytest.mark.parametrize("value", [SAME, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"])
def test_three_forms_of_date_are_read(value):
    assert parse_date(value) == MODIFIED


@pytest.mark.parametrize("value", [
    b"", b"0", b"Sun, 06 Nov 1994 08:49:37", b"Sun, 06 Nov 1994 08:49:37 +0100", SAME.lower(), SAME + b"\n",
    b"Sun, 31 Feb 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 25:49:37 GMT", b"Sun, 06 Nov 0000 08:49:37 GMT",
    SAME + b", " + SAME, b"Sun Nov    08:49:37 1994", b" " * 40_000])
def test_no_date_is_none(value):
    assert parse_date(value) is None


def test_longest_date_is_read():
    assert parse_date(b"Wednesday, 09-Nov-94 08:49:37 GMT") == MODIFIED + 3 * 86400


@given(st.integers(0, 253402300799))
def test_every_date_that_we_send_is_read_back(moment):
    assert parse_date(formatdate(moment, usegmt=True).encode()) == moment


def test_two_digit_year_is_never_far_in_the_future():
    ahead = datetime.now(UTC).year + 60
    moment = parse_date(b"Monday, 01-Jan-%02d 00:00:00 GMT" % (ahead % 100))
    assert datetime.fromtimestamp(moment, UTC).year == ahead - 100


@given(st.binary(max_size=60))
def test_no_octets_break_a_judgement(value):
    assert judge(if_none_match=value) in {200, 304}
    assert judge(if_match=value) in {200, 412}
    assert judge(if_modified_since=value) in {200, 304}
    assert range_is_wanted({b"if-range": value}.get, ETAG, MODIFIED, settled=True) in {True, False}
