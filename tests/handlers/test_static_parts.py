"""Several parts of a file that is too large for memory."""

import os

from proxy.handlers.static_cache import LARGEST
from proxy.handlers.static_visit import MOST_IN_PARTS
from tests.handlers.sites import ask, descriptors, make_static

CONTENT = os.urandom(4 * LARGEST)


def asked(site, ranges):
    (site / "large.bin").write_bytes(CONTENT)
    return ask(make_static(site), b"/large.bin", [(b"Range", b"bytes=" + ranges)])


def test_several_parts_of_a_large_file(site):
    answer = asked(site, b"0-9,500000-500099,-5")
    assert answer.status == 206
    assert answer.field(b"content-type").startswith(b"multipart/byteranges; boundary=")
    for start, end in ((0, 10), (500_000, 500_100), (len(CONTENT) - 5, len(CONTENT))):
        part = b"Content-Range: bytes %d-%d/%d\r\n\r\n" % (start, end - 1, len(CONTENT)) + CONTENT[start:end]
        assert part + b"\r\n--" in answer.body
    assert answer.field(b"content-length") == b"%d" % len(answer.body)
    assert descriptors(site) == []


def test_parts_that_are_too_many_octets_to_collect_are_answered_with_the_whole(site):
    answer = asked(site, b"0-%d,%d-" % (MOST_IN_PARTS - 100, MOST_IN_PARTS - 10))
    assert (answer.status, bytes(answer.body)) == (200, CONTENT)


def test_a_file_that_is_cut_short_before_its_parts_are_read_is_a_500(site, monkeypatch, caplog):
    monkeypatch.setattr("proxy.handlers.library.os.pread", lambda *args: b"")
    answer = asked(site, b"0-9,500000-500099")
    assert answer.status == 500
    assert "written to" in caplog.text
    assert descriptors(site) == []


def test_parts_of_two_states_of_a_file_are_a_500(site, monkeypatch):
    def overwriting(fd, size, offset):
        data = real(fd, size, offset)
        (site / "large.bin").write_bytes(bytes(len(CONTENT) + 1))
        return data

    real = os.pread
    monkeypatch.setattr("proxy.handlers.library.os.pread", overwriting)
    answer = asked(site, b"0-9,500000-500099")
    assert answer.status == 500
    assert descriptors(site) == []
