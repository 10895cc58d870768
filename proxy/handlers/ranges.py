"""Byte ranges (RFC 9110 section 14): which part of a representation is asked for.

One range is answered with 206. Several are answered with the whole, which section 14.2 allows
and which keeps a hundred overlapping ranges from costing more than the file.
"""

from __future__ import annotations

import re
from enum import Enum


class Answer(Enum):
    """What a Range field comes to, when it is not one part."""

    WHOLE = 200
    UNSATISFIABLE = 416


# 18 digits: below 2**63. A longer number is no position in any file, so the field is ignored.
_RANGE = re.compile(rb"(?i:bytes)=([0-9]{0,18})-([0-9]{0,18})")


def parse_range(value: bytes, size: int) -> tuple[int, int] | Answer:
    """First position and the one behind the last, or why it is neither."""
    match = _RANGE.fullmatch(value)
    if match is None:
        return Answer.WHOLE
    first, last = match.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    if last and int(last) < start:
        return Answer.WHOLE  # section 14.1.1: invalid, and so ignored
    if start >= size:
        return Answer.UNSATISFIABLE
    return start, min(int(last) + 1, size) if last else size


def _suffix(length: bytes, size: int) -> tuple[int, int] | Answer:
    """`-500` is the last 500 octets. An empty file has no last octet that 206 could name."""
    if not length or (size == 0 and int(length)):
        return Answer.WHOLE
    if int(length) == 0:
        return Answer.UNSATISFIABLE
    return max(size - int(length), 0), size
