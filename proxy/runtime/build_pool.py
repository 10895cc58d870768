"""From the configuration of a pool to the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from proxy.balancing import make_strategy
from proxy.clock import DeadlineWheel
from proxy.config.schema import Config, EndpointConfig, PoolConfig
from proxy.observe.counters import Counters
from proxy.upstream.disguise import Place
from proxy.upstream.ejection import Ejection
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.guarded import Guarded
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pace import Pace
from proxy.upstream.pool import Pool
from proxy.upstream.queue import Queue
from proxy.upstream.retry import NO_RETRY, Retry
from proxy.upstream.rules import PoolRules, PoolTimeouts
from proxy.upstream.sticky import Sticky


def build_pool(name: str, config: Config, public: frozenset[str], loop: asyncio.AbstractEventLoop,
               wheel: DeadlineWheel, counters: Counters | None = None, hidden: Iterable[Place] = ()) -> Pool:
    """The pool of that name; connects to nothing.

    Args:
        public: host names that the site itself is asked for, in lower case.
        hidden: addresses that no client may see, besides those of its endpoints.
    """
    pool, timeouts = config.pools[name], config.timeouts
    endpoints = [make_endpoint(item, pool) for item in pool.endpoints]
    strategy = make_strategy(pool.strategy, pool.hash_key)
    if ":" in pool.strategy:
        strategy = Guarded(strategy)
    return Pool(name, endpoints, strategy, PoolTimeouts(
        connect=timeouts.connect, response_head=timeouts.response_head, response_body=timeouts.response_body,
        tunnel=timeouts.tunnel), _rules(name, pool, public), loop, wheel, counters, hidden)


def make_endpoint(item: EndpointConfig, pool: PoolConfig) -> Endpoint:
    """The endpoint that the configuration describes; connects to nothing."""
    host, port = place_of(item)
    return Endpoint(
        str(item.address), host, port, item.weight, IdleLimit(pool.idle_connections.timeout),
        pool.idle_connections.max, most=item.max_connections or 0,
        priority=item.priority or int(item.backup))


def place_of(item: EndpointConfig) -> tuple[str, int | None]:
    """Where it is, as `Endpoint` has it."""
    address = item.address
    return (address.host, address.port) if address.path is None else (address.path, None)


def _rules(name: str, pool: PoolConfig, public: frozenset[str]) -> PoolRules:
    eject, retry, queue, sticky = pool.ejection, pool.retry, pool.queue, pool.sticky
    return PoolRules(
        ejection=None if eject is None else Ejection(
            eject.failures, eject.window, eject.duration, eject.rate),
        retry=NO_RETRY if retry is None else Retry(retry.attempts, retry.on, retry.budget, retry.timeout),
        queue=None if queue is None else Queue(queue.size, queue.timeout),
        sticky=None if sticky is None else Sticky(
            sticky.cookie, sticky.secret or "", name, max_age=sticky.max_age, secure=sticky.secure),
        hedge=Pace() if retry is not None and retry.hedge else None, slow_start=pool.slow_start,
        timed=pool.strategy == "least_time" or ":" in pool.strategy,
        public=public)
