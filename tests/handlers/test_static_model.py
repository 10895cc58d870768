"""Every answer about one file against a plain model of RFC 9110 sections 13 and 14."""

import email.parser
import email.policy
import gzip
import os
import re
from dataclasses import dataclass
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.handlers.representation import mark_of
from tests.handlers.sites import ask, make_static

MODIFIED = 1_700_000_000
CONTENT = bytes(range(256)) * 3
CODED = gzip.compress(CONTENT, mtime=0)
TAG = b'"%b"' % mark_of(CONTENT)
CODED_TAG = b'"%b-gzip"' % mark_of(CODED)
NAMES = {
    "if_match": b"If-Match", "if_none_match": b"If-None-Match",
    "if_modified_since": b"If-Modified-Since",
    "if_unmodified_since": b"If-Unmodified-Since", "if_range": b"If-Range"}


def date(offset):
    return formatdate(MODIFIED + offset, usegmt=True).encode()


tags = st.sampled_from((TAG, CODED_TAG, b"W/" + TAG, b'"other"', b'W/"other"'))
tag_lists = st.one_of(st.just(b"*"), st.lists(tags, min_size=1, max_size=4).map(b", ".join))
dates = st.sampled_from((date(-1), date(0), date(1), b"not a date"))
positions = st.integers(0, len(CONTENT) + 10)
spans = st.tuples(st.none() | positions, st.none() | positions).filter(lambda span: span != (None, None))


@dataclass(frozen=True)
class Asked:
    """A request, in its parts."""

    method: bytes
    coded: bool
    ranges: list[tuple[int | None, int | None]]
    if_match: bytes | None = None
    if_none_match: bytes | None = None
    if_modified_since: bytes | None = None
    if_unmodified_since: bytes | None = None
    if_range: bytes | None = None

    def fields(self):
        for attribute, name in NAMES.items():
            if getattr(self, attribute) is not None:
                yield name, getattr(self, attribute)
        if self.coded:
            yield b"Accept-Encoding", b"gzip"
        if self.ranges:
            yield b"Range", b"bytes=" + b",".join(map(written, self.ranges))


def written(span):
    return b"-".join(b"" if position is None else b"%d" % position for position in span)


requests = st.builds(
    Asked, method=st.sampled_from((b"GET", b"HEAD")), coded=st.booleans(), ranges=st.lists(spans, max_size=4),
    if_match=st.none() | tag_lists, if_none_match=st.none() | tag_lists, if_modified_since=st.none() | dates,
    if_unmodified_since=st.none() | dates, if_range=st.none() | tags | dates)


# The model.

def seconds(value):
    return {date(offset): MODIFIED + offset for offset in (-1, 0, 1)}.get(value)


def listed(value, tag, *, weak):
    if value == b"*":
        return True
    members = value.split(b", ")
    return tag in members or (weak and b"W/" + tag in members)


def form_of(asked):
    """Content and tag: a part is of the plain form, unless the client has another part of the coded one."""
    part = asked.ranges and asked.method == b"GET"
    if asked.coded and (not part or asked.if_range == CODED_TAG):
        return CODED, CODED_TAG
    return CONTENT, TAG


def condition(asked, tag):
    """Section 13.2.2, steps 1 to 4."""
    if asked.if_match is not None:
        if not listed(asked.if_match, tag, weak=False):
            return 412
    elif (since := seconds(asked.if_unmodified_since)) is not None and since < MODIFIED:
        return 412
    if asked.if_none_match is not None:
        if listed(asked.if_none_match, tag, weak=True):
            return 304
    elif (since := seconds(asked.if_modified_since)) is not None and since >= MODIFIED:
        return 304
    return 200


def octets_asked(ranges, size):
    """The positions that each range means; None where the field is invalid (section 14.1.1)."""
    found = []
    for first, last in ranges:
        if first is None:
            found.append(range(max(size - last, 0), size))
        elif last is not None and last < first:
            return None
        else:
            found.append(range(first, size if last is None else min(last + 1, size)))
    return found


def parts_of(answer):
    """Position and octets of every part of a 206."""
    if (one := answer.field(b"content-range")) is not None:
        return [(start_of(one), bytes(answer.body))]
    kind = answer.field(b"content-type")
    assert kind.startswith(b"multipart/byteranges; boundary=")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind + b"\r\n\r\n" + bytes(answer.body))
    return [
        (start_of(part["Content-Range"].encode()), part.get_payload(decode=True))
        for part in message.iter_parts()]


def start_of(content_range):
    return int(re.fullmatch(rb"bytes (\d+)-\d+/\d+", content_range)[1])


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for name, octets in (("a.txt", CONTENT), ("a.txt.gz", CODED)):
        (folder / name).write_bytes(octets)
        os.utime(folder / name, (MODIFIED, MODIFIED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxy.handlers.representation.GRAIN", -1.0)  # as if it were written long ago
        handler = make_static(folder, compress=False)
        ask(handler, b"/a.txt")
        yield handler


@settings(max_examples=500, deadline=None)
@given(asked=requests)
def test_every_answer_is_what_the_model_says(static, asked):
    answer = ask(static, b"/a.txt", list(asked.fields()), method=asked.method)
    content, tag = form_of(asked)
    verdict = condition(asked, tag)
    wanted = octets_asked(asked.ranges, len(content)) if asked.ranges and asked.method == b"GET" else None
    if verdict != 200:
        assert (answer.status, answer.body) == (verdict, b"")
    elif wanted is None or (asked.if_range not in (None, tag, date(0))):
        assert_whole(answer, asked, content, tag)
    elif not any(wanted):
        assert (answer.status, answer.field(b"content-range")) == (416, b"bytes */%d" % len(content))
    elif answer.status == 200:
        assert sum(map(len, wanted)) > len(content)  # section 14.2: parts would be more than the whole
        assert_whole(answer, asked, content, tag)
    else:
        assert answer.status == 206
        got = {at + place: octet for at, octets in parts_of(answer) for place, octet in enumerate(octets)}
        assert all(got[position] == content[position] for span in wanted for position in span)
        assert all(content[position] == octet for position, octet in got.items())
    if answer.status in (200, 206, 304):
        assert answer.field(b"etag") == tag
        assert answer.field(b"vary") == b"Accept-Encoding"


def assert_whole(answer, asked, content, tag):
    assert answer.status == 200
    assert answer.body == (b"" if asked.method == b"HEAD" else content)
    assert answer.field(b"content-length") == b"%d" % len(content)
    assert answer.field(b"content-encoding") == (b"gzip" if tag == CODED_TAG else None)
