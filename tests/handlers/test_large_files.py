"""Files that are too large for memory: what of them is sent, and that each is closed again."""

import os
import random

import pytest

from proxy.downstream.pieces import PIECE
from proxy.handlers.static_cache import LARGEST
from tests.handlers.sites import ask, descriptors, make_static

CONTENT = random.Random(7).randbytes(LARGEST + 3 * PIECE + 17)


@pytest.fixture
def large(site):
    (site / "large.bin").write_bytes(CONTENT)
    return site


def test_whole(large):
    answer = ask(make_static(large), b"/large.bin")
    assert answer.finished
    assert answer.streamed
    assert answer.body == CONTENT
    assert answer.field(b"content-length") == b"%d" % len(CONTENT)
    assert descriptors(large) == []


def test_client_that_leaves_ends_it(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    assert descriptors(large) == [str(large / "large.bin")]
    answer.leave()
    assert descriptors(large) == []
    assert answer.late == []


def test_file_that_is_cut_short_aborts(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    os.truncate(large / "large.bin", PIECE)
    answer.drain()
    assert answer.aborted
    assert descriptors(large) == []


def test_head(large):
    answer = ask(make_static(large), b"/large.bin", method=b"HEAD")
    assert (answer.finished, answer.body) == (True, b"")
    assert answer.field(b"content-length") == b"%d" % len(CONTENT)
    assert descriptors(large) == []


@pytest.mark.parametrize("wanted, start, end", [
    (b"bytes=5-9", 5, 10), (b"bytes=-9", len(CONTENT) - 9, len(CONTENT)), (b"bytes=7-", 7, len(CONTENT)),
    (b"bytes=100-%d" % (2 * PIECE), 100, 2 * PIECE + 1)])
def test_range(large, wanted, start, end):
    answer = ask(make_static(large), b"/large.bin", [(b"Range", wanted)])
    assert (answer.status, answer.body) == (206, CONTENT[start:end])
    assert answer.field(b"content-range") == b"bytes %d-%d/%d" % (start, end - 1, len(CONTENT))
    assert descriptors(large) == []


@pytest.mark.parametrize("field, status", [
    ((b"If-None-Match", b"*"), 304), ((b"If-Match", b'"x"'), 412), ((b"Range", b"bytes=99999999-"), 416)])
def test_conditions_open_nothing_for_long(large, field, status):
    assert ask(make_static(large), b"/large.bin", [field]).status == status
    assert descriptors(large) == []


def test_its_tag_is_size_and_time(large):
    os.utime(large / "large.bin", ns=(0, 1_234_567_890_123_456_789))
    assert ask(make_static(large), b"/large.bin").field(b"etag") == b'"%x-%x"' % (
        1_234_567_890_123_456_789, len(CONTENT))


@pytest.mark.parametrize("field", [
    (b"If-None-Match", b""), (b"If-None-Match", b'""'), (b"If-None-Match", b'"0-c4011"'),
    (b"If-Modified-Since", b"Sun, 06 Nov 2044 08:49:37 GMT"), (b"X", b"y")])
def test_without_a_time_that_tells_something_there_are_no_validators(large, field):
    os.utime(large / "large.bin", (0, 0))
    answer = ask(make_static(large), b"/large.bin", [field], method=b"HEAD")
    assert (answer.status, answer.field(b"etag"), answer.field(b"last-modified")) == (200, None, None)


@pytest.mark.parametrize("validator", [b'""', b"not a date", b"Thu, 01 Jan 1970 00:00:00 GMT"])
def test_without_validators_no_part_continues_another(large, validator):
    os.utime(large / "large.bin", (0, 0))
    fields = [(b"Range", b"bytes=5-9"), (b"If-Range", validator)]
    assert ask(make_static(large), b"/large.bin", fields).body == CONTENT
    assert ask(make_static(large), b"/large.bin", fields[:1]).body == CONTENT[5:10]
