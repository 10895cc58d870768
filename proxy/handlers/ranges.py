"""Byte ranges (RFC 9110 section 14): which parts of a representation are asked for.

The rule of this room: no field makes an answer cost more than the whole does. Section 14.2 lets us
answer with the whole, so that is done where a field is too long, has too many ranges or asks for
more octets than there are (CVE-2011-3192); whatever was sent, the work is at most that of sorting
16 pairs (CVE-2025-62727).
"""

from __future__ import annotations

import re
from enum import Enum


class Answer(Enum):
    """What a Range field comes to, when it is not parts of the file."""

    WHOLE = 200
    UNSATISFIABLE = 416


Span = tuple[int, int]  # first position and the one behind the last

MOST = 16          # ranges in one field; players and PDF readers ask for a few
LONGEST = 1024     # octets of a field; 16 ranges of 18 digits are 640
SMALLEST_GAP = 80  # section 15.3.7.2: about what another part's head takes

# 18 digits: below 2**63. A longer number is no position in any file, so the field is ignored.
_RANGE = re.compile(rb"([0-9]{0,18})-([0-9]{0,18})")


def parse_ranges(value: bytes, size: int) -> list[Span] | Answer:
    """The parts to send, in the order they were asked for; one is a plain 206.

    What overlaps or nearly touches is one part, in the place of the first of it.
    """
    if not _is_of_bytes(value) or len(value) > LONGEST:
        return Answer.WHOLE
    wanted = value.partition(b"=")[2]
    if wanted != wanted.strip(b" \t"):
        return Answer.WHOLE  # section 14.1: there is no space around the list
    # Section 5.6.1.2: empty elements of a list are passed over.
    items = [item for item in map(_trimmed, wanted.split(b",")) if item]
    if not 0 < len(items) <= MOST:
        return Answer.WHOLE
    spans = [_span(item, size) for item in items]
    if Answer.WHOLE in spans:
        return Answer.WHOLE  # section 14.2: one that is invalid makes the field so
    parts = [span for span in spans if not isinstance(span, Answer)]
    if not parts:
        return Answer.UNSATISFIABLE
    if sum(end - start for start, end in parts) > size:
        return Answer.WHOLE
    return _coalesced(parts)


def asks_for_part(method: bytes, value: bytes | None) -> bool:
    """Whether a Range field means something: section 14.2, for GET alone and in units that are known."""
    return value is not None and method == b"GET" and _is_of_bytes(value)


def _is_of_bytes(value: bytes) -> bool:
    """Section 14.1: units are compared without case."""
    return value[:6].lower() == b"bytes="


def _trimmed(item: bytes) -> bytes:
    return item.strip(b" \t")


def _span(item: bytes, size: int) -> Span | Answer:
    """One range; WHOLE where it is none, or cannot be said with 206."""
    match = _RANGE.fullmatch(item)
    if match is None:
        return Answer.WHOLE
    first, last = match.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    if last and int(last) < start:
        return Answer.WHOLE  # section 14.1.1: invalid
    if start >= size:
        return Answer.UNSATISFIABLE
    return start, min(int(last) + 1, size) if last else size


def _suffix(length: bytes, size: int) -> Span | Answer:
    """`-500` is the last 500 octets. An empty file has no last octet that 206 could name."""
    if not length or (size == 0 and int(length)):
        return Answer.WHOLE
    if int(length) == 0:
        return Answer.UNSATISFIABLE
    return max(size - int(length), 0), size


def _coalesced(parts: list[Span]) -> list[Span]:
    merged: list[tuple[int, int, int]] = []  # place in the request, start, end
    for start, end, place in sorted((start, end, place) for place, (start, end) in enumerate(parts)):
        if merged and start - merged[-1][2] < SMALLEST_GAP:
            before, first, last = merged[-1]
            merged[-1] = min(before, place), first, max(last, end)
        else:
            merged.append((place, start, end))
    return [(start, end) for _, start, end in sorted(merged)]
