"""Files through an exchange, piece by piece."""

import errno
import logging
import os
import random

import pytest

from proxy.downstream import pieces
from proxy.downstream.pieces import PIECE, TURN
from proxy.http import disk
from proxy.observe.logs import Seldom
from tests.downstream.stage import GET, head
from tests.fakes import FakeExchange, FakeLoop

CONTENT = random.Random(7).randbytes(5 * PIECE + 17)
SIZE = len(CONTENT)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture(autouse=True)
def broken(monkeypatch):
    """The log has been silent so far."""
    monkeypatch.setattr(pieces, "broken", Seldom(logging.getLogger("proxy.downstream")))


@pytest.fixture(params=["warm", "cold"], autouse=True)
def cache(request, monkeypatch):
    """What the page cache says; a cold file is read by a thread, which is quick here."""
    monkeypatch.setattr(disk, "is_cached", lambda fd, start, end: request.param == "warm")


def send(path, start=0, end=None, **options):
    """Have an exchange answer with a part of a file."""
    exchange = FakeExchange(loop=FakeLoop(), **options)
    end = path.stat().st_size if end is None else end
    exchange.fd = os.open(path, os.O_RDONLY)
    exchange.send_file(head(length=end - start), exchange.fd, start, end)
    return exchange


def is_open(answer, path):
    try:
        return os.readlink(f"/proc/self/fd/{answer.fd}") == str(path)
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("start, end", [(0, SIZE), (5, 9), (100, 2 * PIECE + 1), (SIZE - 1, SIZE)])
def test_a_fast_client_gets_all_at_once(path, start, end):
    answer = send(path, start, end)
    assert answer.finished
    assert answer.streamed
    assert answer.body == CONTENT[start:end]
    assert not is_open(answer, path)


def test_a_slow_client_gets_a_piece_each_time_it_has_room(path):
    answer = send(path, window=1)
    sizes = [len(answer.body)]
    while not answer.finished:
        answer.drain()
        sizes.append(len(answer.body))
    assert sizes[:3] == [PIECE, 2 * PIECE, 3 * PIECE]
    assert answer.body == CONTENT
    assert not is_open(answer, path)


def test_a_client_that_leaves_ends_it(path):
    answer = send(path, window=1)
    assert is_open(answer, path)
    answer.leave()
    answer.responder.resume()
    assert not is_open(answer, path)
    assert len(answer.body) == PIECE
    assert answer.late == []


def test_a_file_that_is_cut_short_aborts(path, caplog):
    answer = send(path, window=1)
    os.truncate(path, PIECE)
    answer.drain()
    assert answer.aborted
    assert not answer.finished
    assert not is_open(answer, path)
    assert "cut short" in caplog.text


def test_a_file_that_has_nothing_there_any_more(path):
    answer = send(path, SIZE, SIZE + 5)
    assert answer.refused == 500
    assert not is_open(answer, path)


@pytest.mark.parametrize("change", [
    lambda path: path.write_bytes(bytes(SIZE)), lambda path: path.write_bytes(bytes(2 * SIZE))])
def test_a_file_that_is_written_to_aborts(path, change, caplog):
    answer = send(path, window=1)
    change(path)
    while not answer.over:
        answer.drain()
    assert answer.aborted
    assert answer.body == CONTENT[:PIECE]
    assert not is_open(answer, path)
    assert "b'/' cannot be sent: the file was written to meanwhile" in caplog.text


def test_a_file_that_somebody_appends_to_is_sent_as_long_as_it_was(path):
    answer = send(path, window=1)
    while not answer.over:
        with open(path, "ab") as file:
            file.write(b"a line of a log\n")
        answer.drain()
    assert answer.finished
    assert answer.body == CONTENT


def test_a_file_that_is_written_to_while_its_last_piece_is_read(path, monkeypatch):
    def overwritten(fd, size, offset):
        data = real(fd, size, offset)
        if (offset, size) == (SIZE - 17, 17):
            path.write_bytes(bytes(SIZE))
        return data

    real = os.pread
    monkeypatch.setattr(pieces.os, "pread", overwritten)
    answer = send(path)
    assert answer.aborted
    assert answer.body == CONTENT[:-17]


@pytest.mark.parametrize("change", [
    lambda path: path.unlink(), lambda path: path.rename(path.with_name("other")),
    lambda path: os.link(path, path.with_name("other")), lambda path: path.chmod(0o600)])
def test_a_file_of_which_only_the_name_changes(path, change):
    answer = send(path, window=1)
    change(path)
    while not answer.over:
        answer.drain()
    assert answer.body == CONTENT


def test_a_disk_that_fails_before_the_head(path, monkeypatch, caplog):
    monkeypatch.setattr(pieces.os, "pread", fail)
    answer = send(path)
    assert answer.refused == 500
    assert not is_open(answer, path)
    assert "b'/' cannot be sent: Input/output error" in caplog.text


def test_a_disk_that_fails_behind_the_head(path, monkeypatch):
    answer = send(path, window=1)
    monkeypatch.setattr(pieces.os, "pread", fail)
    answer.drain()
    assert answer.aborted
    assert not is_open(answer, path)


def fail(*args):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_client_that_takes_everything_does_not_starve_the_others(path):
    os.truncate(path, 2 * TURN * PIECE + 1)
    answer = send(path)
    assert len(answer.body) == TURN * PIECE
    turns = answer.loop.run()
    assert turns <= 3
    assert len(answer.body) == path.stat().st_size
    assert answer.finished


def test_leaving_while_it_is_the_others_turn_ends_it(path):
    os.truncate(path, 2 * TURN * PIECE)
    answer = send(path)
    answer.leave()
    answer.loop.run()
    assert answer.late == []
    assert not is_open(answer, path)


def test_a_transport_without_a_socket(path, stage):
    """What a connection does with it that has nothing to send it past this process."""
    def answer(exchange):
        exchange.send_file(head(length=SIZE), os.open(path, os.O_RDONLY), 0, SIZE)

    place = stage(answer=answer)
    place.send(GET)
    assert place.got().endswith(b"\r\n\r\n" + CONTENT)
    assert place.exchange.sent == SIZE
