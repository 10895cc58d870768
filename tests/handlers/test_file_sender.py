import os
import random

import pytest

from proxy.handlers import file_sender
from proxy.handlers.file_sender import PIECE, TURN
from proxy.handlers.static_cache import LARGEST
from tests.fakes import FakeLoop
from tests.handlers.sites import ask, descriptors, make_static

CONTENT = random.Random(7).randbytes(LARGEST + 3 * PIECE + 17)


@pytest.fixture
def large(site):
    (site / "large.bin").write_bytes(CONTENT)
    return site


def test_fast_client_gets_all_at_once(large):
    answer = ask(make_static(large), b"/large.bin")
    assert answer.finished
    assert answer.streamed
    assert answer.body == CONTENT
    assert answer.field(b"content-length") == b"%d" % len(CONTENT)
    assert descriptors(large) == []


def test_slow_client_gets_a_piece_each_time_it_has_room(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    sizes = [len(answer.body)]
    while not answer.finished:
        answer.drain()
        sizes.append(len(answer.body))
    assert sizes[:3] == [PIECE, 2 * PIECE, 3 * PIECE]
    assert answer.body == CONTENT
    assert descriptors(large) == []


def test_client_that_leaves_ends_it(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    assert descriptors(large) == [str(large / "large.bin")]
    answer.leave()
    answer.responder.resume()
    assert descriptors(large) == []
    assert len(answer.body) == PIECE
    assert answer.late == []


def test_file_that_is_cut_short_aborts(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    os.truncate(large / "large.bin", PIECE + 5)
    answer.drain()
    assert len(answer.body) == PIECE + 5
    answer.drain()
    assert answer.aborted
    assert not answer.finished
    assert descriptors(large) == []


def test_file_that_grows_is_sent_as_long_as_it_was(large):
    answer = ask(make_static(large), b"/large.bin", window=1)
    with open(large / "large.bin", "ab") as file:
        file.write(b"more")
    while not answer.finished:
        answer.drain()
    assert answer.body == CONTENT


def test_disk_that_fails_before_the_head_is_500(large, monkeypatch):
    monkeypatch.setattr(file_sender.os, "pread", fail)
    answer = ask(make_static(large), b"/large.bin")
    assert answer.status == 500
    assert descriptors(large) == []


def test_disk_that_fails_behind_the_head_aborts(large, monkeypatch):
    answer = ask(make_static(large), b"/large.bin", window=1)
    monkeypatch.setattr(file_sender.os, "pread", fail)
    answer.drain()
    assert answer.aborted
    assert descriptors(large) == []


def fail(*args):
    raise OSError(5, "Input/output error")


def test_client_that_takes_everything_does_not_starve_the_others(site):
    size = 2 * TURN * PIECE + 1
    with open(site / "huge.bin", "wb") as file:
        file.truncate(size)
    loop = FakeLoop()
    answer = ask(make_static(site), b"/huge.bin", loop=loop)
    assert len(answer.body) == (TURN + 1) * PIECE
    assert loop.run() == 1
    assert len(answer.body) == size
    assert answer.finished


def test_leaving_while_it_is_the_others_turn_ends_it(site):
    with open(site / "huge.bin", "wb") as file:
        file.truncate(2 * TURN * PIECE)
    loop = FakeLoop()
    answer = ask(make_static(site), b"/huge.bin", loop=loop)
    answer.leave()
    loop.run()
    assert answer.late == []
    assert descriptors(site) == []


def test_head_of_a_large_file(large):
    answer = ask(make_static(large), b"/large.bin", method=b"HEAD")
    assert (answer.finished, answer.body) == (True, b"")
    assert answer.field(b"content-length") == b"%d" % len(CONTENT)
    assert descriptors(large) == []


@pytest.mark.parametrize("wanted, start, end", [
    (b"bytes=5-9", 5, 10), (b"bytes=-9", len(CONTENT) - 9, len(CONTENT)), (b"bytes=7-", 7, len(CONTENT)),
    (b"bytes=100-%d" % (2 * PIECE), 100, 2 * PIECE + 1)])
def test_range_of_a_large_file(large, wanted, start, end):
    answer = ask(make_static(large), b"/large.bin", [(b"Range", wanted)])
    assert (answer.status, answer.body) == (206, CONTENT[start:end])
    assert answer.field(b"content-range") == b"bytes %d-%d/%d" % (start, end - 1, len(CONTENT))


@pytest.mark.parametrize("field, status", [
    ((b"If-None-Match", b"*"), 304), ((b"If-Match", b'"x"'), 412), ((b"Range", b"bytes=99999999-"), 416)])
def test_conditions_on_a_large_file_open_and_close_it(large, field, status):
    assert ask(make_static(large), b"/large.bin", [field]).status == status
    assert descriptors(large) == []
