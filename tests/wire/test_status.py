import pytest

from proxy.wire.status import PHRASES, has_body, status_line


def test_a_status_line_has_its_phrase_and_end():
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"


def test_an_unknown_status_keeps_the_space_before_no_phrase():
    assert status_line(599) == b"HTTP/1.1 599 \r\n"  # RFC 9112 section 4


@pytest.mark.parametrize(
    "status, phrase",
    [(413, b"Content Too Large"), (414, b"URI Too Long"), (416, b"Range Not Satisfiable"),
        (422, b"Unprocessable Content"),
     (431, b"Request Header Fields Too Large"), (505, b"HTTP Version Not Supported")],
)
def test_phrases_are_those_of_rfc_9110_in_every_python(status, phrase):
    assert PHRASES[status] == phrase


@pytest.mark.parametrize("status", [100, 101, 103, 199, 204, 304])
def test_these_have_no_body(status):
    assert not has_body(status)


@pytest.mark.parametrize("status", [200, 201, 205, 206, 301, 303, 305, 400, 404, 500, 599])
def test_these_may_have_one(status):
    assert has_body(status)
