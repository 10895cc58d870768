import re
from email.utils import parsedate_to_datetime

import pytest

from proxy.clock import WALL, WallClock
from proxy.http.prepared import ResponseHead, error_page


def test_a_head_is_made_of_pairs():
    head = ResponseHead.make(200, [(b"Content-Type", b"text/plain"), (b"A", b"\xff")], 5)
    assert head.lines == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nA: \xff\r\nContent-Length: 5\r\n"
    assert (head.status, head.length, head.dated) == (200, 5, False)


def test_a_head_without_a_length_says_none():
    assert ResponseHead.make(304, [], None).lines == b"HTTP/1.1 304 Not Modified\r\n"


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: b", b"a\rb", b"a\nb", b"a\0", b"\r", b"\n"])
def test_nothing_breaks_out_of_its_line(value):
    with pytest.raises(ValueError, match="Location"):
        ResponseHead.make(302, [(b"Location", value)], 0)


def test_a_head_is_ready_with_the_date_of_the_second(monkeypatch):
    monkeypatch.setattr(WALL, "second", 784111777)
    monkeypatch.setattr(WALL, "date_line", b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
    head = ResponseHead.make(200, [], 0)
    ready = head.ready()
    assert ready == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
    assert head.ready() is ready  # made once a second at most
    monkeypatch.setattr(WALL, "second", 784111778)
    monkeypatch.setattr(WALL, "date_line", b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n")
    assert head.ready() == ready.replace(b":37", b":38")


def test_a_date_that_is_there_is_the_only_one(monkeypatch):
    head = ResponseHead(200, b"HTTP/1.1 200 OK\r\nDate: then\r\n", None, dated=True)
    assert head.ready() == b"HTTP/1.1 200 OK\r\nDate: then\r\n\r\n"
    monkeypatch.setattr(WALL, "second", WALL.second + 1)
    assert head.ready() == b"HTTP/1.1 200 OK\r\nDate: then\r\n\r\n"


def test_expires_moves_with_the_date(monkeypatch):
    clock = WallClock()
    monkeypatch.setattr("proxy.http.prepared.WALL", clock)
    head = ResponseHead.make(200, [(b"Expires", b"+3600"), (b"A", b"b")], 0)
    assert head.lines == b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n"
    for second in (784111777, 784111778):
        monkeypatch.setattr("proxy.clock.time.time", lambda second=second: second)
        clock.update()
        ready = head.ready()
        date, expires = (parsedate_to_datetime(value.decode()).timestamp()
                         for value in re.findall(rb"\r\n(?:Date|Expires): ([^\r]+)", ready))
        assert (date, expires) == (second, second + 3600)
        assert ready.startswith(head.lines)
        assert ready.endswith(b" GMT\r\n\r\n")
        assert head.ready() is ready


@pytest.mark.parametrize("value", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"0", b"-1", b"+", b"+1h"])
def test_expires_that_is_no_number_of_seconds_is_sent_as_it_is(value):
    head = ResponseHead.make(200, [(b"Expires", value)], 0)
    assert b"\r\nExpires: %b\r\n" % value in head.lines
    assert head.lasts is None


@pytest.mark.parametrize("status, body", [(404, b"404 Not Found\n"), (414, b"414 URI Too Long\n"), (599,
    b"599 Error\n")])
def test_an_error_page_says_what_happened_and_no_more(status, body):
    page = error_page(status)
    assert (page.head.status, page.head.length, page.body) == (status, len(body), body)
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in page.head.lines


def test_an_error_page_may_have_fields_of_its_own():
    assert b"\r\nAllow: GET\r\n" in error_page(405, [(b"Allow", b"GET")]).head.lines
