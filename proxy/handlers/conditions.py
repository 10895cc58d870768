"""Conditional requests (RFC 9110 section 13): what `If-*` fields say about a representation.

Pure functions over a header block's `get`. A field that is malformed counts as the RFC tells:
an invalid date as absent, an entity tag that cannot be read as one that does not match.

Who asks them keeps section 13.2.1: only what would be a 200 has conditions, no 404 and no redirect.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Get = Callable[[bytes], bytes | None]

# An element of a list, not a piece of one: `w/"a"` and `b"a"` are no tags (section 8.8.3).
_TAG = re.compile(rb'(?<![^ \t,])(W/)?("[\x21\x23-\x7e\x80-\xff]*")(?![^ \t,])')
LONGEST_DATE = 33  # Wednesday, 09-Sep-98 09:09:09 GMT
_MONTHS = {month.encode(): number for number, month in enumerate(calendar.month_abbr) if month}
_MONTH = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# RFC 9110 section 5.6.7: one form to send, three to understand.
_DATES = tuple(re.compile(pattern) for pattern in (
    rb"[A-Z][a-z]{2}, (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT",
    rb"[A-Z][a-z]{5,8}, (?P<day>[0-9]{2})-" + _MONTH + rb"-(?P<year>[0-9]{2}) " + _TIME + rb" GMT",
    rb"[A-Z][a-z]{2} " + _MONTH + rb" (?P<day>[ 0-9][0-9]) " + _TIME + rb" (?P<year>[0-9]{4})",
))


def precondition(get: Get, etag: bytes, modified: int | None) -> int:
    """200 to go on, or 304 or 412, for GET and HEAD: steps 1 to 4 of section 13.2.2.

    Args:
        get: of the request's header block.
        etag: the entity tag, quotes and `W/` included; b"" for none.
        modified: seconds since 1970, as Last-Modified says; None where it is not said, so that no date means
            anything (sections 13.1.3 and 13.1.4).
    """
    if (tags := get(b"if-match")) is not None:
        if not _strongly_lists(tags, etag):
            return 412
    elif _compared(modified, get(b"if-unmodified-since")) == 1:
        return 412
    if (tags := get(b"if-none-match")) is not None:
        if _weakly_lists(tags, etag):
            return 304
    elif _compared(modified, get(b"if-modified-since")) in (-1, 0):
        return 304
    return 200


def range_is_wanted(get: Get, etag: bytes, modified: int | None, *, settled: bool) -> bool:
    """Whether `If-Range` lets `Range` count (section 13.1.5); true where there is none.

    A date is a strong validator only when the file cannot have changed twice within its second
    (section 8.8.2.2): `settled` says that.
    """
    validator = get(b"if-range")
    if validator is None:
        return True
    if validator.startswith((b'"', b"W/")):
        return validator == etag and not etag.startswith(b"W/")
    return settled and modified is not None and parse_date(validator) == modified


def _strongly_lists(tags: bytes, etag: bytes) -> bool:
    """A weak tag of our own is never the same as another (section 8.8.3.2), and yet `*` is met."""
    return tags == b"*" or any(tag == etag and not weak for weak, tag in _TAG.findall(tags))


def _weakly_lists(tags: bytes, etag: bytes) -> bool:
    if tags == b"*" or (etag and tags == etag):
        return True
    opaque = etag.removeprefix(b"W/")
    return any(tag == opaque for _, tag in _TAG.findall(tags))


def _compared(modified: int | None, value: bytes | None) -> int | None:
    """Whether it was changed before (-1), at (0) or after (1) a date; None where one of them is none."""
    date = None if value is None else parse_date(value)
    return None if modified is None or date is None else (modified > date) - (modified < date)


def parse_date(value: bytes) -> int | None:
    """Seconds since 1970 of an HTTP-date; None for anything else."""
    # Before the cache: what clients send is not to fill it with kilobytes each.
    return _parse_date(value) if len(value) <= LONGEST_DATE else None


@lru_cache(1024)
def _parse_date(value: bytes) -> int | None:
    for form in _DATES:
        if match := form.fullmatch(value):
            break
    else:
        return None
    try:
        moment = datetime(
            _full_year(match["year"]), _MONTHS[match["month"]], int(match["day"]),
            int(match["hour"]), int(match["minute"]), int(match["second"]), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp())


def _full_year(digits: bytes) -> int:
    """Two digits that seem more than 50 years ahead mean the last century (section 5.6.7)."""
    year = int(digits)
    if len(digits) == 4:
        return year
    now = datetime.now(UTC).year
    year += now // 100 * 100
    return year - 100 if year > now + 50 else year
