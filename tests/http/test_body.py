import errno
import os

import pytest

from proxy.http.body import PIECE, Body, Spool

DATA = bytes(range(256)) * 1024


@pytest.fixture
def spool(tmp_path):
    return Spool(100, str(tmp_path))


def all_of(body, size=PIECE):
    pieces, at = [], 0
    while piece := body.read(at, size):
        assert len(piece) <= size
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


# Spools.


def test_little_stays_in_memory(spool, tmp_path):
    for data in (b"a" * 40, b"", b"b" * 60):
        spool.append(data)
    assert (spool.length, spool.in_file) == (100, False)
    assert spool.read(0, 1000) == b"a" * 40 + b"b" * 60
    assert spool.read(30, 20) == b"a" * 10 + b"b" * 10
    assert spool.read(100, 5) == b""


def test_one_octet_more_and_all_of_it_is_in_a_file(spool):
    spool.append(b"a" * 100)
    spool.append(b"b")
    spool.append(b"c" * 1000)
    assert (spool.length, spool.in_file) == (1101, True)
    assert spool.read(0, 5000) == b"a" * 100 + b"b" + b"c" * 1000
    assert spool.read(99, 3) == b"abc"
    assert spool.read(1101, 5) == b""


def test_no_memory_means_a_file_at_once(tmp_path):
    spool = Spool(0, str(tmp_path))
    spool.append(b"a")
    assert spool.in_file
    assert spool.read(0, 9) == b"a"


def test_the_file_has_no_name(spool, tmp_path):
    spool.append(b"a" * 101)
    assert os.fstat(spool._fd).st_size == 101
    assert list(tmp_path.iterdir()) == []


def test_the_last_reference_closes_the_file(tmp_path):
    spool = Spool(0, str(tmp_path))
    spool.append(b"a")
    fd = spool._fd
    del spool
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_reading_and_appending_take_turns(spool):
    spool.append(b"a" * 10)
    assert spool.read(0, 5) == b"aaaaa"
    spool.append(b"b" * 10)
    assert spool.read(5, 100) == b"aaaaabbbbbbbbbb"
    spool.append(b"c" * 100)
    assert spool.read(15, 10) == b"bbbbbccccc"


@pytest.mark.parametrize("first", [b"a" * 50, b"a" * 500])
def test_cleared_it_begins_anew(spool, first):
    spool.append(first)
    was_in_file = spool.in_file
    spool.clear()
    assert (spool.length, spool.in_file, spool.read(0, 10)) == (0, was_in_file, b"")
    spool.append(b"b" * 20)
    assert spool.read(0, 100) == b"b" * 20
    if was_in_file:
        assert os.fstat(spool._fd).st_size == 20


def full_after(octets):
    """An `os.pwrite` on a disk that has room for so many octets; a piece that does not fit is torn."""
    real, room = os.pwrite, octets

    def pwrite(fd, data, offset):
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(fd, bytes(data)[:room], offset)
        room -= written
        return written

    return pwrite


def test_a_full_disk_leaves_in_memory_what_was_there(spool, monkeypatch):
    spool.append(b"a" * 100)
    monkeypatch.setattr(os, "pwrite", full_after(30))
    with pytest.raises(OSError, match="No space left"):
        spool.append(b"b" * 50)
    assert (spool.length, spool.in_file) == (100, False)
    assert spool.read(0, 1000) == b"a" * 100


def test_a_torn_piece_is_never_read_and_written_over(spool, monkeypatch):
    spool.append(b"a" * 101)
    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full_after(30))
        with pytest.raises(OSError, match="No space left"):
            spool.append(b"b" * 50)
    assert os.fstat(spool._fd).st_size == 131
    assert spool.length == 101
    assert spool.read(0, 1000) == b"a" * 101
    assert spool.read(101, 1000) == b""
    spool.append(b"c" * 5)
    assert spool.read(100, 1000) == b"accccc"


def test_short_writes_are_gone_on_with(spool, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:7], offset))
    spool.append(DATA[:90])
    spool.append(DATA[90:1000])
    assert spool.read(0, 2000) == DATA[:1000]


def test_a_folder_that_is_gone_is_said(tmp_path):
    spool = Spool(10, str(tmp_path / "gone"))
    spool.append(b"a" * 10)
    with pytest.raises(FileNotFoundError):
        spool.append(b"b")
    assert spool.read(0, 100) == b"a" * 10


def test_more_than_the_memory_is_held_until_there_is_a_file(spool):
    spool.append(b"a" * 100)
    spool.hold(b"b" * 50)
    assert (spool.length, spool.in_file, spool.has_room(0)) == (150, False, False)
    assert spool.read(99, 2) == b"ab"
    spool.spill()
    spool.append(b"c")
    assert (spool.length, spool.in_file) == (151, True)
    assert spool.read(99, 100) == b"a" + b"b" * 50 + b"c"


def test_without_a_descriptor_all_stays_in_memory(spool, monkeypatch):
    def none(**_):
        raise OSError(errno.EMFILE, "Too many open files")

    spool.hold(b"a" * 150)
    monkeypatch.setattr("tempfile.TemporaryFile", none)
    with pytest.raises(OSError, match="Too many"):
        spool.spill()
    assert (spool.length, spool.in_file, spool.read(0, 200)) == (150, False, b"a" * 150)


# Bodies.


def test_a_body_of_octets():
    body = Body(b"abc")
    assert (body.data, body.length, body.trailers) == (b"abc", 3, b"")
    assert body.read(0) == b"abc"
    assert body.read(1, 1) == b"b"
    assert body.read(3) == b""


def test_a_body_may_be_empty():
    for body in (Body(b""), Body(None), Body(None, Spool(10, None))):
        assert (body.length, body.read(0)) == (0, b"")


def test_a_body_in_memory_is_one_piece(spool):
    spool.append(b"abc")
    spool.append(b"def")
    body = Body(None, spool, b"X: y\r\n")
    assert (body.data, body.length, body.trailers) == (b"abcdef", 6, b"X: y\r\n")
    assert all_of(body, 4) == b"abcdef"


def test_a_body_in_a_file_is_read_in_pieces_as_often_as_it_is_sent(spool):
    spool.append(DATA)
    body = Body(None, spool)
    assert (body.data, body.length) == (None, len(DATA))
    assert len(body.read(0)) == PIECE
    assert all_of(body) == DATA
    assert all_of(body, 1000) == DATA
