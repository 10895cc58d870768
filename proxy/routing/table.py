"""The route table: which route answers a request.

Routes are tried from the top and the first that matches is it. Where nothing but host, method
and path had a say, the outcome is remembered, and the next request like it costs one dict lookup
however many routes there are. A path that readers may take in different ways is looked up in
every reading; if the routes differ, the request is refused, because a rule could be passed by
it. CONNECT and TRACE reach no route that does not name them: what they do is no application's
business (RFC 9110 sections 9.3.6 and 9.3.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy.errors import RequestError
from proxy.http.exchange import Exchange
from proxy.http.handler import Handler
from proxy.routing.matchers import (
    CHANGING,
    STABLE,
    Asked,
    Condition,
    HostMatcher,
    Matcher,
    MethodMatcher,
    any_of,
    compile_matchers,
    prefixes_of,
    text,
)

ON_REQUEST_ALONE = frozenset((b"CONNECT", b"TRACE"))


class Route:
    """Conditions and one handler.

    Args:
        name: for the log.
        match: the model of the configuration's `match`; None for everything.
        handler: makes the response.
        body_limit: octets that a request's body may have.

    Attributes:
        prefix: what stands before `*` if `match` has one path that ends in it; else empty.
        hosts: the only hosts that it can match; None where others may.
        allows_trace_connect: its methods name CONNECT or TRACE.
        stable: the matchers of host, method and path.
        changing: all others.
    """

    __slots__ = (
        "allows_trace_connect", "body_limit", "changing", "handler", "hosts", "name", "prefix", "stable")

    def __init__(self, name: str, match: object, handler: Handler, *, body_limit: int) -> None:
        self.name = name
        self.handler = handler
        self.body_limit = body_limit
        self.stable = compile_matchers(match, STABLE)
        self.changing = compile_matchers(match, CHANGING)
        prefixes = prefixes_of(match)
        self.prefix = prefixes[0] if len(prefixes) == 1 else b""
        self.hosts: frozenset[bytes] | None = None
        self.allows_trace_connect = False
        for matcher in self.stable:
            if isinstance(matcher, HostMatcher) and not matcher.suffixes:
                self.hosts = matcher.names
            elif isinstance(matcher, MethodMatcher):
                self.allows_trace_connect = not matcher.methods.isdisjoint(ON_REQUEST_ALONE)


    def account(self, asked: Asked) -> list[Condition]:
        """What its matchers want and see; all hold exactly where it answers, should its turn come."""
        conditions = [one for matcher in (*self.stable, *self.changing) for one in matcher.account(asked)]
        if asked.method in ON_REQUEST_ALONE and not self.allows_trace_connect:
            named = f"{any_of(sorted(map(text, ON_REQUEST_ALONE)))} where a route names it"
            conditions.append(Condition("method", named, text(asked.method), holds=False))
        return conditions


class Trial(NamedTuple):
    """One route's turn: it has matched where all conditions hold."""

    route: Route
    conditions: list[Condition]

    @property
    def matched(self) -> bool:
        return all(condition.holds for condition in self.conditions)


class RouteTable:
    """The routes of one configuration, in order; never changed."""

    COUNT = 4096    # outcomes remembered, 2 MB at most
    LARGEST = 256   # octets of host, method and path; a longer request is looked up each time

    __slots__ = ("_by_host", "_elsewhere", "_known", "routes")

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_host = by_host(self.routes)
        self._elsewhere = tuple(route for route in self.routes if route.hosts is None)
        self._known: dict[tuple[bytes, bytes, bytes], Route] = {}

    def find(self, exchange: Exchange) -> Route | None:
        """The first route that matches, or None.

        Raises:
            RequestError: 400 where the readings of an ambiguous path lead to different routes.
        """
        # benchmarks/micro_routing.py: 0.2 us for what is known, 2 us and more for what is not.
        target = exchange.target
        key = (exchange.host, exchange.method, target.path)
        route = self._known.get(key)
        if route is None or target.ambiguous:
            return self._find(exchange, key)
        return route

    def account(self, exchange: Exchange, path: bytes | None = None) -> list[Trial]:
        """Every route up to the one that matches, for people; `path`: another reading of the target's."""
        asked = Asked(exchange, exchange.target.path if path is None else path)
        trials: list[Trial] = []
        for route in self.routes:
            trials.append(Trial(route, route.account(asked)))
            if trials[-1].matched:
                break
        return trials

    def remembers(self, exchange: Exchange) -> bool:
        """Whether host, method and path alone lead to a route."""
        target = exchange.target
        return not target.ambiguous and (exchange.host, exchange.method, target.path) in self._known

    def _find(self, exchange: Exchange, key: tuple[bytes, bytes, bytes]) -> Route | None:
        route, lasting = self._search(Asked(exchange, key[2]))
        for reading in exchange.target.ambiguous:
            if self._search(Asked(exchange, reading))[0] is not route:
                raise RequestError(400, "readings of the path lead to different routes",
                                   "RFC 3986 section 6.2.2", close=False)
        if lasting and route is not None and sum(map(len, key)) <= self.LARGEST:
            if len(self._known) >= self.COUNT:
                self._known.clear()
            self._known[key] = route
        return route

    def _search(self, asked: Asked) -> tuple[Route | None, bool]:
        """The route, and whether host, method and path alone have decided it."""
        lasting = True
        for route in self._candidates(asked):
            if holds(route.stable, asked):
                if not route.changing:
                    return route, lasting
                lasting = False
                if holds(route.changing, asked):
                    return route, lasting
        return None, lasting

    def _candidates(self, asked: Asked) -> Sequence[Route]:
        """The routes that the request's host and method leave."""
        routes = self._by_host.get(asked.host, self._elsewhere)
        if asked.method in ON_REQUEST_ALONE:
            return [route for route in routes if route.allows_trace_connect]
        return routes


def by_host(routes: Sequence[Route]) -> dict[bytes, list[Route]]:
    """For each host that a route names, the routes that can match it: theirs and those for any.

    Two thousand sites in one table are thus no dearer to each other than one.
    """
    table: dict[bytes, list[Route]] = {host: [] for route in routes for host in route.hosts or ()}
    for route in routes:
        for host in table if route.hosts is None else route.hosts:
            table[host].append(route)
    return table


def holds(matchers: tuple[Matcher, ...], asked: Asked) -> bool:
    """Whether all of them match; a loop, as `all` with a generator takes three times as long."""
    for matcher in matchers:  # noqa: SIM110 - see above
        if not matcher.matches(asked):
            return False
    return True
