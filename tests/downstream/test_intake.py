import errno
import tempfile

import pytest

from proxy.downstream import intake as room
from proxy.downstream.intake import Intake
from proxy.errors import RequestError
from proxy.http import shortage
from proxy.http.shortage import PATIENCE, shortage_of
from tests.downstream.stage import BODY_TIMEOUT, GET, Reader, hello, ways


def fed(pieces, length, limit=100):
    reader = Reader()
    intake = Intake(reader, length, limit)
    done = [intake.feed(piece) for piece in pieces]
    return intake, reader, done


@pytest.mark.parametrize("pieces", ways(b"hello"))
def test_a_sized_body(pieces):
    intake, reader, done = fed(pieces, 5)
    assert reader.data == b"hello"
    assert done == [False] * (len(pieces) - 1) + [True]
    assert (intake.rest, intake.trailers) == (b"", b"")


def test_what_follows_a_sized_body_is_kept():
    intake, reader, done = fed([b"hel", b"loGET"], 5)
    assert (reader.data, intake.rest, done) == (b"hello", b"GET", [False, True])


def test_no_body_at_all():
    intake, reader, done = fed([b"GET"], 0)
    assert (reader.data, intake.rest, done) == (b"", b"GET", [True])


@pytest.mark.parametrize("pieces", ways(b"3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n"))
def test_a_chunked_body(pieces):
    intake, reader, done = fed(pieces, None)
    assert reader.data == b"hello"
    assert done[-1]
    assert not any(done[:-1])
    assert intake.trailers == b"A: b\r\n"


@pytest.mark.parametrize("pieces", ways(b"3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n"))
def test_a_chunked_body_that_is_too_long(pieces):
    with pytest.raises(RequestError) as caught:
        fed(pieces, None, limit=5)
    assert caught.value.status == 413
    assert fed(pieces, None, limit=6)[1].data == b"hello!"


# While no descriptor is free for its file.


class Scarce:
    """An upload of 3,000 octets, of which memory holds 1,000."""

    def __init__(self, stage, monkeypatch, count=3000):
        self.stage, self.reader, self.free = stage(), Reader(), 0
        self.none_after_all = False
        self._make = tempfile.TemporaryFile
        monkeypatch.setattr(tempfile, "TemporaryFile", self._file)
        for place in (room, shortage):
            monkeypatch.setattr(place, "monotonic", self.stage.clock)
        monkeypatch.setattr(shortage, "free", lambda most: min(most, self.free))
        self.error = errno.EMFILE
        self.stage.send(b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % count)
        self.stage.exchange.collect_body(self.reader)

    def _file(self, **options):
        if not self.free or self.none_after_all:
            raise OSError(self.error, "no")
        self.free -= 1
        return self._make(**options)

    def look(self, free):
        self.free = free
        due, self.stage.loop.later = self.stage.loop.later, []
        for _, call, args in due:
            call(*args)
        self.stage.loop.run()

    @property
    def waits(self):
        return shortage_of(self.stage.loop).lasts


@pytest.fixture
def scarce(stage, monkeypatch):
    return lambda **options: Scarce(stage, monkeypatch, **options)


def test_an_upload_waits_for_its_file(scarce):
    s = scarce()
    s.stage.send(b"a" * 900, b"b" * 600)
    assert s.waits
    assert not s.stage.transport.reading
    s.stage.send(b"c" * 1500)
    s.look(free=0)
    assert not s.stage.transport.reading
    s.look(free=1)
    assert s.stage.transport.reading
    assert not s.waits
    assert s.reader.body.data is None
    assert s.reader.body.read(0, 3000) == b"a" * 900 + b"b" * 600 + b"c" * 1500


def test_the_client_is_not_to_blame_for_the_wait(scarce):
    s = scarce()
    s.stage.send(b"a" * 1500)
    s.stage.wait(BODY_TIMEOUT + 1)
    assert s.stage.got() == b""
    s.free = 1
    s.stage.clock.advance(-2)
    s.look(free=1)
    s.stage.wait(BODY_TIMEOUT - 1)
    assert s.stage.got() == b""
    s.stage.wait(2)
    assert s.stage.got().startswith(b"HTTP/1.1 408 ")


def test_it_does_not_wait_for_ever(scarce):
    s = scarce()
    s.stage.send(b"a" * 1500)
    s.stage.clock.advance(PATIENCE)
    s.look(free=1)
    assert s.stage.got().startswith(b"HTTP/1.1 503 ")
    assert s.stage.transport.ended


def test_a_file_may_fail_otherwise_when_its_turn_comes(scarce):
    s = scarce()
    s.stage.send(b"a" * 1500)
    s.error, s.none_after_all = errno.ENOSPC, True
    s.look(free=1)
    assert s.stage.got().startswith(b"HTTP/1.1 503 ")
    assert not s.waits


def test_a_turn_that_comes_to_nothing_is_waited_for_again(scarce):
    """A file takes two for a moment."""
    s = scarce()
    s.stage.send(b"a" * 1500)
    s.none_after_all = True
    s.look(free=1)
    assert s.waits
    assert not s.stage.transport.reading
    s.none_after_all = False
    s.look(free=1)
    assert not s.waits
    assert s.stage.transport.reading


def test_who_has_the_last_octets_needs_no_file(scarce):
    s = scarce(count=1500)
    s.stage.send(b"a" * 900, b"b" * 600 + GET)
    assert s.reader.body.data == b"a" * 900 + b"b" * 600
    assert not s.waits
    assert s.stage.transport.reading
    hello(s.stage.exchange)
    assert len(s.stage.exchanges) == 2


def test_who_comes_later_stands_behind(scarce):
    s = scarce()
    first = scarce()
    shortage_of(s.stage.loop).line_up(first, 0.0, s.stage.loop)
    s.free = 1
    s.stage.send(b"a" * 1500)
    assert not s.stage.transport.reading


def test_a_client_that_leaves_waits_no_more(scarce):
    s = scarce()
    s.stage.send(b"a" * 1500)
    s.stage.transport.fail()
    assert not s.waits
