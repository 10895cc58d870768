"""What a worker tells the desk about its pools.

The rule of this room: it looks and changes nothing, and its functions take microseconds per endpoint,
as they run between two exchanges.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from proxy.balancing import STRATEGIES
from proxy.balancing.strategy import Strategy
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.pool import Pool
from proxy.upstream.standing import standing


def pools_told(pools: Iterable[Pool]) -> list[dict[str, Any]]:
    """Every pool, with all that is known of its endpoints here."""
    return [_pool(pool) for pool in pools]


def _pool(pool: Pool) -> dict[str, Any]:
    now = pool.loop.time()
    return {
        "name": pool.name, "strategy": strategy_name(pool.strategy), "paused": pool.paused,
        "queue": 0 if pool.queue is None else len(pool.queue),
        "endpoints": [_endpoint(endpoint, now) for endpoint in pool.endpoints]}


def strategy_name(strategy: Strategy) -> str:
    """As the configuration calls it."""
    own = getattr(strategy, "_own", strategy)  # one of the user's stands in a guard
    names = {kind: name for name, kind in STRATEGIES.items()}
    return names.get(type(own)) or f"{type(own).__module__}:{type(own).__qualname__}"


def _endpoint(endpoint: Endpoint, now: float) -> dict[str, Any]:
    return {
        "address": endpoint.name, "origin": endpoint.origin, "order": endpoint.order.value,
        "weight": endpoint.share, "priority": endpoint.priority, "max_connections": endpoint.most or None,
        "in_flight": endpoint.tally.mine, "idle": len(endpoint.idle), "latency": endpoint.latency or None,
        **standing(endpoint, now)}


def log_level(args: dict[str, Any]) -> str:
    """The level of this process's log, after it was set to `level` if that is given."""
    log = logging.getLogger("proxy")
    if "level" in args:
        log.setLevel(logging.getLevelNamesMapping()[args["level"].upper()])
    return logging.getLevelName(log.getEffectiveLevel()).lower()
