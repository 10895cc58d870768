"""What a connection counts, whoever answers."""

import pytest

from proxy.http.prepared import Form, Kept, ResponseHead, error_page
from proxy.observe.board import totals
from proxy.observe.columns import ROUTE
from tests.downstream.stage import GET, head

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
PAGE = b"hello"


def counted(stage, route="shop"):
    """The route's counters, as others see them."""
    counters = stage.runtime.counters
    counters.tick(0.0)
    first = counters.row.board.first(ROUTE, route, "")
    total = totals(counters.row.board.read())
    columns = {column: total[first + at] for column, at in ROUTE.at.items() if column != "seconds"}
    return {column: value for column, value in columns.items() if value}


def whole(exchange):
    exchange.route = "shop"
    exchange.respond(head(length=5), PAGE)


def piecewise(exchange):
    exchange.route = "shop"
    exchange.start(head(length=5), PAGE[:2])
    exchange.write(PAGE[2:])
    exchange.finish()


def nobody(exchange):
    exchange.route = "shop"


@pytest.mark.parametrize("answer", [whole, piecewise])
def test_every_answer_counts_once(stage, answer):
    s = stage(answer=answer)
    s.send(GET * 3)
    assert counted(s) == {"2xx": 3, "sent": 15}


def test_kept_answers_count_like_the_others(stage, clock):
    form = Form(head(length=5), PAGE, b'"tag"', ResponseHead.make(304, [(b"ETag", b'"tag"')], None))
    kept = Kept(form)
    kept.fresh_until = clock.now + 1.0

    def answer(exchange):
        exchange.route = "shop"
        exchange.respond_kept(kept, form)

    s = stage(answer=answer)
    s.send(GET * 3)
    s.send(GET[:-2] + b'If-None-Match: "tag"\r\n\r\n')
    assert len(s.runtime.exchanges) == 1, "the handler was asked once"
    assert counted(s) == {"2xx": 3, "3xx": 1, "sent": 15, "kept": 3}


def test_a_client_that_leaves_counts_as_4xx(stage):
    s = stage(answer=nobody)
    s.send(GET)
    s.connection.connection_lost(None)
    assert counted(s) == {"4xx": 1}


def test_what_is_no_request_counts_for_no_route(stage):
    s = stage(answer=whole)
    s.send(b"GET / HTTP/1.1\r\n\r\n")
    assert counted(s, route="") == {"4xx": 1}


@pytest.mark.parametrize("body", [
    b"Content-Length: 7\r\n\r\nnothing", b"Transfer-Encoding: chunked\r\n\r\n7\r\nnothing\r\n0\r\n\r\n"])
@pytest.mark.parametrize("cut", [0, 3])
def test_octets_of_request_bodies_count(stage, body, cut):
    class Reader:
        def __init__(self, exchange):
            self.exchange = exchange

        def body_ready(self, body):
            whole(self.exchange)

    def answer(exchange):
        reader = Reader(exchange)
        body = exchange.collect_body(reader)
        if body is not None:
            reader.body_ready(body)

    s = stage(answer=answer)
    message = POST + body
    at = len(message) - cut if cut else len(message)
    s.send(message[:at])
    if cut:
        s.send(message[at:])
    assert counted(s) == {"2xx": 1, "sent": 5, "received": 7}


def test_a_refusal_of_the_proxy_counts_for_its_route(stage):
    def answer(exchange):
        exchange.route = "shop"
        exchange.refuse(503)

    s = stage(answer=answer)
    s.send(GET)
    assert counted(s) == {"5xx": 1, "sent": len(error_page(503).body)}
