import gc
import weakref
from time import monotonic

import pytest

from proxy.http.peer import Peer
from proxy.observe.past import entry_of, light_entry
from proxy.observe.redact import Redaction
from proxy.observe.ring import Ring, fields_told, phases, summary
from proxy.wire.h1 import parse_request_line
from tests.fakes import FakeExchange, block_of

SECRETS = Redaction(("token",), ("authorization", "cookie"))


def ended(ring, target=b"/", fields=(), *, seconds=0.01, **about):
    exchange = FakeExchange(target, fields, started=monotonic() - seconds)
    usual = {"status": 200, "request_id": b"r-1", "sent": 5, "version": 11, "why": ""}
    for name, value in {**usual, **about}.items():
        setattr(exchange, name, value)
    ring.ended(entry_of(exchange, monotonic()))
    return exchange


def paths(found):
    return [past.target.path for past in found]


def test_the_last_ones_are_kept_and_no_more():
    ring = Ring(last=2)
    for target in (b"/a", b"/b", b"/c"):
        ended(ring, target)
    assert paths(ring.last()) == [b"/c", b"/b"]
    assert not list(ring.remarkable())


@pytest.mark.parametrize("about, kept", [
    ({}, False), ({"status": 404}, False), ({"status": 499}, True), ({"status": 502}, True),
    ({"trail": [("a:1", "reset", 1.0)]}, True), ({"seconds": 2.0}, True),
    ({"seconds": 2.0, "status": 101}, False),
])
def test_what_failed_or_was_slow_is_kept_longer(about, kept):
    ring = Ring(last=1, slow=1.0)
    ended(ring, b"/it", **about)
    ended(ring, b"/other")
    assert paths(ring.remarkable()) == ([b"/it"] if kept else [])


def test_a_long_download_is_not_slow():
    ring, now = Ring(slow=1.0), monotonic()
    ended(ring, seconds=60.0, timings=[now - 59.9, now - 59.8])
    assert not list(ring.remarkable())
    ended(ring, seconds=60.0, timings=[now - 59.9, now - 3.0])
    assert len(list(ring.remarkable())) == 1


def test_one_is_found_by_its_id_the_last_of_several():
    ring = Ring(last=2, remarkable=2)
    ended(ring, b"/old", status=502)
    ended(ring, b"/a", request_id=b"r-2")
    ended(ring, b"/b", request_id=b"r-2")
    assert ring.find("r-1").target.path == b"/old"  # of the remarkable ones
    assert ring.find("r-2").target.path == b"/b"
    assert ring.find("r-3") is None


def test_who_has_no_id_is_found_all_the_same():
    ring = Ring()
    ended(ring, b"/a", request_id=b"")
    (past,) = ring.last()
    assert past.name
    assert ring.find(past.name).target.path == b"/a"


def test_an_answer_without_an_exchange():
    ring, line = Ring(), parse_request_line(b"GET /x.css HTTP/1.1")
    block = block_of([(b"Host", b"a.example"), (b"X-Request-ID", b"r-7")])
    peer = Peer("192.0.2.7", 80, "http", b"front", lambda _: False)
    ring.ended(light_entry(monotonic(), peer, line, block, b"a.example", "files", 304, 0))
    past = ring.find("r-7")
    assert (past.client, past.route, past.status, past.method) == ("192.0.2.7", "files", 304, b"GET")


def test_nothing_else_stays_alive():
    ring = Ring()
    exchange = ended(ring)
    known = weakref.ref(exchange)
    del exchange
    gc.collect()
    assert known() is None
    assert len(list(ring.last())) == 1


def test_other_sizes():
    ring = Ring(last=4)
    for target in (b"/a", b"/b", b"/c"):
        ended(ring, target)
    ring.become(2, 2, 0.001)
    assert paths(ring.last()) == [b"/c", b"/b"]
    ended(ring, b"/d", seconds=0.01)
    assert paths(ring.last()) == [b"/d", b"/c"]
    assert paths(ring.remarkable()) == [b"/d"]


def test_secrets_are_not_told():
    ring = Ring()
    ended(ring, b"/a?token=abc&x=1", fields=[
        (b"Cookie", b"s=abc"), (b"Authorization", b"Basic abc"), (b"Referer", b"http://a/?token=abc"),
        (b"X-XSRF-Token", b"abc"), (b"X-Access-Token", b"abc"), (b"X-Amz-Security-Token", b"abc"),
        (b"A", b"b")])
    (past,) = ring.last()
    told = summary(past, SECRETS), fields_told(past, SECRETS)
    assert "abc" not in repr(told)
    assert told[0]["target"] == "/a?token=***&x=1"
    assert ["a", "b"] in told[1]


def test_times_by_phase():
    ring, now = Ring(), monotonic()
    ended(ring, seconds=0.1, timings=[now - 0.09, now - 0.03])
    ended(ring, seconds=0.1, timings=[now - 0.09])
    ended(ring, seconds=0.1)
    without, lost, whole = (phases(past) for past in ring.last())
    assert list(whole) == ["queued", "head", "body", "total"]
    assert whole["queued"] == pytest.approx(10, abs=5)
    assert whole["head"] == pytest.approx(60, abs=1)
    assert list(lost) == ["queued", "lost", "total"]
    assert list(without) == ["total"]
