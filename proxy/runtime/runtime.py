"""The object graph of one configuration, and the first thing that happens to an exchange in it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping, Sequence

from proxy.downstream.kept import KeptAnswers
from proxy.downstream.switch import ExchangeLog, Settings
from proxy.errors import RequestError
from proxy.handlers.static import Static
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.observe.counters import Counters
from proxy.routing.table import RouteTable
from proxy.tasks import spawn
from proxy.upstream.pool import Pool
from proxy.wire.h1 import LineMemo
from proxy.wire.headers import HeaderMemo

log = logging.getLogger("proxy.runtime")

UNROUTED = {b"CONNECT": 501, b"TRACE": 501}  # not implemented, unless a route names them
RARE = frozenset((b"OPTIONS", b"TRACE", b"CONNECT"))


class Runtime:
    """Built once from a configuration by `runtime.build`, never changed afterwards."""

    __slots__ = (
        "__weakref__", "_find", "counters", "headers", "kept", "leads", "lines", "log", "pools", "remembers",
        "settings", "statics", "table")

    def __init__(self, settings: Settings, table: RouteTable, pools: dict[str, Pool], headers: HeaderMemo,
                 access_log: ExchangeLog | None, counters: Counters | None = None) -> None:
        self.settings = settings
        self.table = table
        self.pools = pools
        self.headers = headers
        self.lines = LineMemo()
        self.statics: Sequence[Static] = ()
        self.log = access_log
        self.counters = counters or Counters()
        self.leads: Mapping[str, str] = {}  # the pool of each route, empty where it answers itself
        self.kept = KeptAnswers()
        self.remembers = table.remembers
        self._find = table.find

    def in_force(self) -> None:
        """From now on this is the runtime: metrics are about its routes and pools."""
        self.counters.show(self.leads, self.pools)

    def handle(self, exchange: Exchange) -> None:
        """Find the route and have its handler answer; whatever goes wrong becomes an answer too."""
        try:
            if exchange.method in RARE and self._answered_here(exchange):
                return
            route = self._find(exchange)
            if route is None:
                exchange.refuse(UNROUTED.get(exchange.method, 404), why="no route matches")
                return
            exchange.route = route.name
            length = exchange.body_length
            if length != 0:
                exchange.body_limit = route.body_limit
                if length is not None and length > route.body_limit:
                    exchange.refuse(413, close=True, why=f"a body of {length} octets, and the route takes "
                                    f"{route.body_limit} (limits.request_body)")
                    return
            work = route.handler.handle(exchange)
            if work is not None:
                spawn(exchange.loop, _see_through(exchange, work))
        except RequestError as error:
            exchange.refuse(error.status, close=error.close, why=error.in_full())
        except Exception as error:
            _broken(exchange, error)

    def _answered_here(self, exchange: Exchange) -> bool:
        """Max-Forwards at zero: the last one to answer is us (RFC 9110 section 7.6.2)."""
        left = exchange.headers.get(b"max-forwards")
        if left is None or exchange.method == b"CONNECT":
            return False
        if not left.isdigit():
            raise RequestError(400, "Max-Forwards is not a number", "RFC 9110 section 7.6.2", close=False)
        if int(left[:9]) > 0:
            return False
        if exchange.method == b"OPTIONS":
            exchange.respond(ResponseHead.make(200, (), 0))
        else:
            exchange.refuse(501, why="Max-Forwards is 0, and nothing is echoed here (RFC 9110 section 9.3.8)")
        return True


async def _see_through(exchange: Exchange, work: Awaitable[None]) -> None:
    try:
        await work
    except RequestError as error:
        exchange.refuse(error.status, close=error.close, why=error.in_full())
    except Exception as error:
        _broken(exchange, error)


def _broken(exchange: Exchange, error: Exception) -> None:
    """A defect of ours: the client gets a plain 500 and the log everything."""
    log.error("%s on %s failed inside the proxy", exchange.method.decode("latin-1"), exchange.route,
              exc_info=error)
    exchange.refuse(500, close=True, why=f"a defect of the proxy: {error!r}")
