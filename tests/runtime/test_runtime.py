import asyncio

import pytest

from proxy import tasks
from proxy.errors import RequestError
from proxy.routing.table import Route, RouteTable
from proxy.runtime.runtime import Runtime
from proxy.wire.headers import HeaderMemo
from tests.fakes import FakeExchange

LIMIT = 1000


class Handler:
    """Does what the test says; keeps the exchanges that it got."""

    def __init__(self, do=None):
        self.do = do
        self.got = []

    def handle(self, exchange):
        self.got.append(exchange)
        return self.do(exchange) if self.do is not None else None


def runtime_of(handler=None):
    routes = [] if handler is None else [Route("all", None, handler, body_limit=LIMIT)]
    return Runtime(None, RouteTable(routes), {}, HeaderMemo(10), None)


def test_the_handler_of_the_route_answers():
    handler, exchange = Handler(), FakeExchange()
    runtime_of(handler).handle(exchange)
    assert handler.got == [exchange]
    assert exchange.route == "all"


@pytest.mark.parametrize("method, target, status", [
    (b"GET", b"/", 404), (b"CONNECT", b"a.example:443", 501), (b"TRACE", b"/", 501)])
def test_no_route(method, target, status):
    exchange = FakeExchange(target, method=method)
    runtime_of().handle(exchange)
    assert exchange.refused == status


@pytest.mark.parametrize("length, refused", [(LIMIT, None), (LIMIT + 1, 413), (None, None), (0, None)])
def test_a_body_may_be_so_long(length, refused):
    handler, exchange = Handler(), FakeExchange(method=b"POST", body_length=length)
    runtime_of(handler).handle(exchange)
    assert exchange.refused == refused
    assert bool(handler.got) == (refused is None)
    if length != 0:
        assert exchange.body_limit == LIMIT


# Max-Forwards (RFC 9110 section 7.6.2).

def asked(method, left):
    handler = Handler()
    exchange = FakeExchange(b"/", [(b"Max-Forwards", left)], method=method)
    runtime_of(handler).handle(exchange)
    return handler, exchange


def test_options_that_may_go_no_further_is_answered_here():
    handler, exchange = asked(b"OPTIONS", b"0")
    assert (exchange.status, exchange.field(b"content-length")) == (200, b"0")
    assert handler.got == []


def test_trace_that_may_go_no_further_is_refused():
    handler, exchange = asked(b"TRACE", b"0")
    assert (exchange.refused, handler.got) == (501, [])


@pytest.mark.parametrize("method, left", [(b"OPTIONS", b"1"), (b"OPTIONS", b"4294967296"), (b"GET", b"0")])
def test_what_may_go_further_does(method, left):
    handler, exchange = asked(method, left)
    assert handler.got == [exchange]


def test_max_forwards_that_is_no_number():
    handler, exchange = asked(b"OPTIONS", b"many")
    assert (exchange.refused, handler.got) == (400, [])


def test_options_without_it():
    handler, exchange = Handler(), FakeExchange(method=b"OPTIONS")
    runtime_of(handler).handle(exchange)
    assert handler.got == [exchange]


# Handlers that fail.

def raising(error):
    def do(exchange):
        raise error
    return do


def waiting(error=None):
    async def do(exchange):
        await asyncio.sleep(0)
        if error is not None:
            raise error
        exchange.refuse(418)
    return do


def test_a_request_that_a_handler_refuses():
    exchange = FakeExchange()
    runtime_of(Handler(raising(RequestError(400, "why", close=False)))).handle(exchange)
    assert exchange.refused == 400


def test_a_defect_is_a_500_and_the_log_has_it(caplog):
    exchange = FakeExchange()
    runtime_of(Handler(raising(KeyError("x")))).handle(exchange)
    assert exchange.refused == 500
    record, = caplog.records
    assert record.message == "GET on all failed inside the proxy"
    assert isinstance(record.exc_info[1], KeyError)


@pytest.mark.parametrize("error, status", [
    (None, 418), (RequestError(431, "why"), 431), (KeyError("x"), 500)])
async def test_a_handler_that_waits(error, status):
    exchange = FakeExchange()
    runtime_of(Handler(waiting(error))).handle(exchange)
    assert not exchange.over
    await asyncio.wait(list(tasks._running))
    assert exchange.refused == status
