"""Answers that the connection gives by itself; `Site` is the handler that would have given them."""

import pytest

from proxy.downstream.kept import GATHER, WHOLE, KeptAnswers
from proxy.http.prepared import Form, Kept, ResponseHead
from proxy.observe.board import alone
from proxy.observe.counters import Counters
from proxy.wire.accept import accepts
from tests.downstream.stage import GET, KEEP_ALIVE, SEND_TIMEOUT, head, ways

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello"
TAG = b'"tag"'
TALLY = Counters(alone()).route("files")


class Site:
    """Answers everything with one page that is fresh for a second at a time."""

    def __init__(self, clock, body=b"hello"):
        self.form = Form(head(length=len(body)), body, TAG, ResponseHead.make(304, [(b"ETag", TAG)], None))
        self.page = Kept(self.form)
        self.page.fresh_until = clock.now + 1.0
        self.asked = 0

    def __call__(self, exchange):
        self.asked += 1
        exchange.route = "files"
        exchange.respond_kept(self.page, self.form)


@pytest.fixture
def site(clock):
    return Site(clock)


@pytest.mark.parametrize("pieces", ways(GET * 3))
def test_the_handler_is_asked_once(stage, site, pieces):
    s = stage(answer=site)
    s.send(*pieces)
    assert s.got() == OK * 3
    assert site.asked == 1


def test_it_is_logged_like_any_other(stage, site):
    s = stage(answer=site)
    s.send(GET, GET)
    assert [(e.route, e.status, e.sent, e.client, e.target.raw) for e in s.log.exchanges] == [
        ("files", 200, 5, "192.0.2.7", b"/")] * 2


def test_without_a_log_no_exchange_is_made(stage, site):
    s = stage(answer=site)
    s.runtime.log = None
    s.send(GET, GET)
    assert s.got() == OK * 2
    assert site.asked == 1


def test_http_1_0_is_told_each_time_that_the_connection_stays(stage, site):
    s = stage(answer=site)
    s.send(*[b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"] * 3)
    assert s.got().count(b"Connection: keep-alive\r\n") == 3


@pytest.mark.parametrize("other", [
    b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a:80\r\n\r\n",
    b"GET /?x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
])
def test_what_is_not_the_same_request_is_the_handlers(stage, site, other):
    s = stage(answer=site)
    s.send(GET, other)
    assert site.asked == 2


def test_a_target_that_names_its_host_is_never_kept(stage, site):
    absolute = b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"
    s = stage(answer=site)
    s.send(absolute, absolute)
    assert site.asked == 2


def test_of_two_hosts_the_last_one_is_kept(stage, site):
    s = stage(answer=site)
    s.send(GET, GET.replace(b": a", b": b"), GET.replace(b": a", b": b"))
    assert site.asked == 2


def test_once_stale_the_handler_is_asked_and_may_make_it_fresh(stage, site, clock):
    s = stage(answer=site)
    s.send(GET)
    s.wait(1.5)
    s.send(GET)
    assert site.asked == 2
    site.page.fresh_until = clock.now + 1.0
    s.send(GET)
    assert site.asked == 2


def test_where_another_field_had_a_say_in_the_route_nothing_is_kept(stage, site):
    s = stage(answer=site)
    s.runtime.remembers = lambda exchange: False
    s.send(GET, GET)
    assert site.asked == 2


def test_while_draining_the_connection_is_closed_after_it(stage, site):
    s = stage(answer=site)
    s.send(GET)
    s.listener.draining = True
    s.got()
    s.send(GET)
    assert b"Connection: close" in s.got()
    assert s.transport.lost


def test_the_connection_is_kept_alive_from_the_last_answer_on(stage, site):
    s = stage(answer=site)
    s.send(GET)
    site.page.fresh_until += 100
    s.wait(KEEP_ALIVE - 1)
    s.send(GET)
    s.wait(KEEP_ALIVE - 1)
    assert not s.transport.lost
    s.wait(2)
    assert s.transport.lost


@pytest.mark.parametrize("size", [WHOLE, WHOLE + 1, GATHER - 1, GATHER, 3 * GATHER])
def test_a_slow_client_takes_it_in_its_own_time(stage, clock, size):
    site = Site(clock, b"x" * size)
    s = stage(answer=site, window=100_000)
    s.send(GET)
    s.transport.window = len(s.transport.sent)
    s.send(GET * 2)
    assert s.transport.sent.count(b"x") == 2 * size  # the third waits for the second
    s.transport.take_all()
    assert s.transport.got.count(b"x") == 3 * size
    assert site.asked == 1


def test_a_client_that_takes_nothing_is_cut_off(stage, clock):
    site = Site(clock, b"x" * 1000)
    s = stage(answer=site, window=10_000)
    s.send(GET)
    s.transport.window = len(s.transport.sent)
    s.send(GET)
    assert site.asked == 1
    s.wait(SEND_TIMEOUT + 1)
    assert s.transport.lost


def test_the_store_is_bounded(monkeypatch):
    monkeypatch.setattr(KeptAnswers, "COUNT", 3)
    answers = KeptAnswers()
    for line in range(7):
        answers.put(line, None, b"a", "files", TALLY)
    assert answers.find(6) is not None
    assert [answers.find(line) for line in range(6)] == [None] * 6


def conditional(tag):
    return b"GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: %b\r\n\r\n" % tag


def test_who_has_it_already_is_told_so_without_the_handler(stage, site):
    s = stage(answer=site)
    s.send(GET)
    s.got()
    s.send(conditional(TAG))
    assert s.got() == b'HTTP/1.1 304 Not Modified\r\nETag: "tag"\r\nDate: now\r\n\r\n'
    assert site.asked == 1
    assert (s.log.exchanges[-1].status, s.log.exchanges[-1].sent) == (304, 0)


@pytest.mark.parametrize("tag", [b'"other"', b"*", b'W/"tag"', b'"tag", "other"'])
def test_another_tag_is_the_handlers_matter(stage, site, tag):
    s = stage(answer=site)
    s.send(GET, conditional(tag))
    assert site.asked == 2


@pytest.mark.parametrize("condition", [b"If-Match: *", b"If-Unmodified-Since: now", b"Range: bytes=0-0"])
def test_the_tag_beside_another_condition_is_the_handlers_matter(stage, site, condition):
    s = stage(answer=site)
    s.send(GET, conditional(TAG)[:-2] + condition + b"\r\n\r\n")
    assert site.asked == 2


def test_each_kind_of_client_gets_its_own_form(stage, site):
    gzip = Form(head(length=4), b"gzip", b'"coded"', site.form.unchanged)
    site.page.sole = None
    site.page.forms = {accepts(None): site.form, accepts(b"gzip"): gzip}
    asks = b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %b\r\n\r\n"
    s = stage(answer=site)
    s.send(GET, asks % b"gzip;q=0.5", asks % b"identity", GET)
    assert s.got().count(b"hello") == 3
    assert s.transport.got.count(b"gzip") == 1
    assert site.asked == 1
    s.send(asks % b"br")  # nobody knows the form for these yet
    assert site.asked == 2
