"""From a configuration to a runtime: everything that requests need is copied out here.

Nothing reads the configuration at request time. A new kind of handler is two lines in `_handler`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from proxy.clock import DeadlineWheel
from proxy.config.schema import Config, RouteConfig
from proxy.downstream.switch import Settings
from proxy.handlers.redirect import Redirect
from proxy.handlers.respond import Respond
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.handlers.send_files import SendFiles
from proxy.http.handler import Handler
from proxy.observe.access_log import AccessLog
from proxy.observe.counters import Counters
from proxy.routing.matchers import prefixes_of
from proxy.routing.table import Route, RouteTable
from proxy.runtime.build_log import select
from proxy.runtime.build_pool import build_pool, place_of
from proxy.runtime.carry import Carry, public_hosts
from proxy.runtime.runtime import Runtime
from proxy.runtime.slices import Steps, at_once
from proxy.upstream.disguise import patterns_of
from proxy.upstream.pool import Pool

Pools = dict[str, Pool]

MANY = 20  # endpoints of a pool, from which on the patterns for their addresses take long


def build(config: Config, access_log: AccessLog | None, loop: asyncio.AbstractEventLoop,
          wheel: DeadlineWheel, counters: Counters | None = None) -> Runtime:
    """The runtime of `config`; opens nothing and connects to nothing."""
    carry = Carry(config)
    runtime = at_once(building(config, access_log, loop, wheel, carry, counters or Counters()))
    carry.settle(runtime)
    return runtime


def building(config: Config, access_log: AccessLog | None, loop: asyncio.AbstractEventLoop,
             wheel: DeadlineWheel, carry: Carry, counters: Counters) -> Steps[Runtime]:
    """The same step by step, with what `carry` brings along."""
    pools: Pools = {}
    public = public_hosts(config)
    for name, pool in config.pools.items():
        if len(pool.endpoints) >= MANY:
            places = carry.places(name).union(map(place_of, pool.endpoints))
            yield partial(patterns_of, places, public)
        pools[name] = carry.pool(name, partial(build_pool, name, config, public, loop, wheel, counters))
        yield None
    routes: list[Route] = []
    for route in config.routes:
        routes += _routes(route, config, pools, carry)
        yield None
    table = RouteTable(routes)
    yield None
    log = None if access_log is None or config.access_log is None else select(config.access_log, access_log)
    runtime = Runtime(_settings(config), table, pools, carry.headers(), log, counters)
    runtime.leads = {route.name: route.reverse_proxy or "" for route in config.routes}
    carry.hand_over(runtime)
    return runtime


def _settings(config: Config) -> Settings:
    timeouts, limits, buffers = config.timeouts, config.limits, config.buffers
    return Settings(
        head_timeout=timeouts.request_head, body_timeout=timeouts.request_body,
        keep_alive_timeout=timeouts.keep_alive, send_timeout=timeouts.send, head_limit=limits.request_head,
        body_memory=buffers.memory, body_file=buffers.file,
        directory=None if buffers.directory is None else str(buffers.directory))


def _routes(route: RouteConfig, config: Config, pools: Pools, carry: Carry) -> Iterator[Route]:
    """One for each of its paths: a handler knows one prefix, the part that stands before `*`."""
    own = route.limits.request_body
    limit = config.limits.request_body if own is None else own
    matches = [route.match.model_copy(update={"path": [path]}) for path in route.match.path]
    for match in matches or [route.match]:
        prefix = prefixes_of(match)[0] if matches else b""
        handler = _wrapped(route, _handler(route, prefix, pools, carry))
        yield Route(route.name, match, handler, body_limit=limit)


def _wrapped(route: RouteConfig, handler: Handler) -> Handler:
    """The handler with the middleware that its route asks for."""
    if route.compress is not None:
        from proxy.middleware.compress import Compress  # 8 ms and 3 MB for the libraries

        handler = Compress(handler, route.compress)
    return handler


def _handler(route: RouteConfig, prefix: bytes, pools: Pools, carry: Carry) -> Handler:
    """What answers; the configuration has exactly one of these."""
    if route.static is not None:
        return carry.static(route.static, prefix)
    if route.redirect is not None:
        return Redirect(route.redirect, prefix)
    if route.respond is not None:
        return Respond(route.respond)
    return ReverseProxy(
        pools[route.reverse_proxy or ""], strip_prefix=prefix.rstrip(b"/") if route.strip_prefix else b"",
        collect=route.buffer_request, keep_up=route.buffer_response, urgent=route.urgent,
        send_files=SendFiles(route.send_files) if route.send_files else None)
