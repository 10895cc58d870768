"""What a reload does to a pool: it becomes what the new configuration says, and goes on as who it is.

The rule of this room: a pool is known by its name, an endpoint by its address in the pool. So exchanges
that run, requests that wait and connections that are kept have what they had, the clients that are stuck
to an endpoint stay with it, and what real traffic, probes and the operator have said of it still holds.
Nothing here can fail: what can was done when the new pool was built.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from proxy.upstream.endpoint import Endpoint
from proxy.upstream.pool import Pool
from proxy.upstream.queue import successor
from proxy.upstream.retry import NO_RETRY


@dataclass(frozen=True, slots=True)
class Heirs:
    """What of a pool goes on.

    Args:
        configured: the endpoints that the file had; others the operator has added, and they stay.
        endpoints: those of them that are the same as before.
        reweighed: those of them whose weight in the file is another one: the operator's counts no more.
        strategy: whether the strategy is the same, so that it keeps its place and what it has learned.
        checked: whether endpoints are probed; else what the last probe said holds no more.
    """

    configured: Collection[str]
    endpoints: Collection[str]
    reweighed: Collection[str] = ()
    strategy: bool = True
    checked: bool = False


def succeed(pool: Pool, new: Pool, heirs: Heirs) -> None:
    """Let `pool` be from now on what `new` says, which was built for this and is used by nobody."""
    before = pool.endpoints
    pool.endpoints = list(_endpoints(before, new.endpoints, heirs))
    _take_rules(pool, new)
    if not heirs.strategy:
        pool.use_strategy(new.strategy)
    pool.disguise.become(new.disguise)
    for endpoint in pool.endpoints:
        if not heirs.checked:
            endpoint.probe_failure = ""
        if endpoint not in before:
            endpoint.warm_from = pool.loop.time() if pool.rules.slow_start else 0.0
    pool.replaced(before)


def retire(pool: Pool) -> None:
    """No configuration has it any more: who runs or waits finishes here, and nothing is kept for others."""
    for endpoint in pool.endpoints:
        endpoint.keep_none()


def _endpoints(before: Sequence[Endpoint], new: Sequence[Endpoint], heirs: Heirs) -> list[Endpoint]:
    """In the new order; of a name with several addresses all that it has now."""
    known: dict[str, list[Endpoint]] = {}
    for endpoint in before:
        if endpoint.origin in heirs.endpoints or endpoint.origin not in heirs.configured:
            known.setdefault(endpoint.origin, []).append(endpoint)
    found: list[Endpoint] = []
    for fresh in new:
        kept = known.pop(fresh.origin, [])
        reweighed = fresh.origin in heirs.reweighed or fresh.origin not in heirs.configured
        for endpoint in kept:
            endpoint.settle(fresh, share=reweighed)
        found += kept or [fresh]
    added = (kept for origin, kept in known.items() if origin not in heirs.configured)
    return [*found, *chain.from_iterable(added)]


def _take_rules(pool: Pool, new: Pool) -> None:
    """The new rules, with what the old ones have counted."""
    if new.retry is not NO_RETRY and pool.retry is not NO_RETRY:
        new.retry.budget.inherit(pool.retry.budget)
    if new.queue is not None or not pool.paused:  # else it is held in what it has until it is resumed
        pool.queue = successor(pool.queue, new.queue)
    if pool.hedge is None or new.hedge is None:
        pool.hedge = new.hedge
    pool.retry, pool.sticky, pool.timed, pool.rules = new.retry, new.sticky, new.timed, new.rules
    pool.timeouts.become(new.timeouts)
