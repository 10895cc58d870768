import pytest

from proxy.downstream.intake import Intake
from proxy.errors import RequestError
from tests.downstream.stage import Reader, ways


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
