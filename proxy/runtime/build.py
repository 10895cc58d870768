"""From a configuration to a runtime: everything that requests need is copied out here.

Nothing reads the configuration at request time. A new kind of handler is one line in `HANDLERS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.balancing import STRATEGIES
from proxy.clock import DeadlineWheel
from proxy.config.schema import Config, PoolConfig, RouteConfig
from proxy.handlers.redirect import Redirect
from proxy.handlers.respond import Respond
from proxy.handlers.reverse_proxy import ReverseProxy
from proxy.handlers.static import Static
from proxy.http.handler import Handler
from proxy.observe.access_log import AccessLog
from proxy.routing.matchers import prefixes_of
from proxy.routing.table import Route, RouteTable
from proxy.runtime.runtime import Runtime, Settings
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.pool import Pool, PoolTimeouts
from proxy.wire.headers import HeaderMemo

Pools = dict[str, Pool]


def build(config: Config, access_log: AccessLog | None, loop: asyncio.AbstractEventLoop,
          wheel: DeadlineWheel) -> Runtime:
    """The runtime of `config`; opens nothing and connects to nothing."""
    pools = {name: _pool(name, pool, config, loop, wheel) for name, pool in config.pools.items()}
    table = RouteTable(_route(route, config, pools) for route in config.routes)
    return Runtime(_settings(config), table, pools, HeaderMemo(config.limits.headers), access_log)


def _settings(config: Config) -> Settings:
    timeouts, limits, buffers = config.timeouts, config.limits, config.buffers
    return Settings(
        head_timeout=timeouts.request_head, body_timeout=timeouts.request_body,
        keep_alive_timeout=timeouts.keep_alive, send_timeout=timeouts.send, head_limit=limits.request_head,
        body_memory=buffers.memory, body_file=buffers.file,
        directory=None if buffers.directory is None else str(buffers.directory))


def _pool(name: str, pool: PoolConfig, config: Config, loop: asyncio.AbstractEventLoop,
          wheel: DeadlineWheel) -> Pool:
    timeouts = config.timeouts
    endpoints = []
    for item in pool.endpoints:
        address = item.address
        host, port = (address.path, None) if address.path is not None else (address.host, address.port)
        endpoints.append(Endpoint(str(address), host, port, item.weight, pool.idle_connections.max))
    return Pool(name, endpoints, STRATEGIES[pool.strategy](), PoolTimeouts(
        connect=timeouts.connect, response_head=timeouts.response_head, response_body=timeouts.response_body,
        tunnel=timeouts.tunnel, idle=pool.idle_connections.timeout), loop, wheel)


def _route(route: RouteConfig, config: Config, pools: Pools) -> Route:
    own = route.limits.request_body
    make = next(make for key, make in HANDLERS.items() if getattr(route, key) is not None)
    return Route(route.name, route.match, make(route, pools),
                 body_limit=config.limits.request_body if own is None else own)


def _prefix(route: RouteConfig) -> bytes:
    prefixes = prefixes_of(route.match)
    return prefixes[0] if len(prefixes) == 1 else b""


def _reverse_proxy(route: RouteConfig, pools: Pools) -> Handler:
    assert route.reverse_proxy is not None
    strip = _prefix(route).rstrip(b"/") if route.strip_prefix else b""
    return ReverseProxy(pools[route.reverse_proxy], strip_prefix=strip, collect=route.buffer_request,
                        keep_up=route.buffer_response)


def _static(route: RouteConfig, pools: Pools) -> Handler:
    assert route.static is not None
    return Static(route.static, _prefix(route))


def _redirect(route: RouteConfig, pools: Pools) -> Handler:
    assert route.redirect is not None
    return Redirect(route.redirect, _prefix(route))


def _respond(route: RouteConfig, pools: Pools) -> Handler:
    assert route.respond is not None
    return Respond(route.respond)


HANDLERS: dict[str, Callable[[RouteConfig, Pools], Handler]] = {
    "reverse_proxy": _reverse_proxy,
    "static": _static,
    "redirect": _redirect,
    "respond": _respond,
}
