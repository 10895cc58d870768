"""What time does to a pool: rests and ejections end, shares grow, those who wait too long are told.

The rule of this room: it runs with every tick of the wheel, in every worker and for every pool, so
nothing is done that is not due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.upstream import ejection
from proxy.upstream.standing import changed

if TYPE_CHECKING:
    from proxy.upstream.pool import Pool


class Course:
    """When things are due next."""

    __slots__ = ("_next_fade", "_next_second")

    def __init__(self) -> None:
        self._next_second = self._next_fade = 0.0

    def tick(self, pool: Pool, now: float) -> None:
        wake(pool)
        if any(endpoint.warm_from for endpoint in pool.endpoints):
            rewarm(pool)
        if pool.queue:
            serve_queue(pool, now)
        review(pool)
        if pool.rules.ejection is not None and now >= self._next_fade:
            self._next_fade = now + pool.rules.ejection.window / 4
            ejection.fade(pool.endpoints)
        if now >= self._next_second:
            self._next_second = now + 1.0
            second(pool)
        pool.flights.show(len(pool.queue or ()))


def serve_queue(pool: Pool, now: float) -> None:
    assert pool.queue is not None
    pool.queue.expire(now)
    if pool.panic and not pool.paused and (waiter := pool.queue.take()) is not None:
        waiter.turn()  # one tries whether an endpoint is back
    elif pool.queue:
        pool.admit()  # who had tried all that were there, one of which is back since


def second(pool: Pool) -> None:
    if pool.rules.ejection is not None:
        pool.rules.ejection.forgive(pool.endpoints, pool.loop.time())
    pool.retry.budget.fade()
    if pool.hedge is not None:
        pool.hedge.settle()
    pool.complaints.second()
    if not pool.paused and not pool.queue:
        pool.queue = pool.rules.queue  # a pause gives it one


def review(pool: Pool) -> None:
    """Eject who fails much more often than the others."""
    rules = pool.rules.ejection
    if rules is not None and (found := rules.outlier(pool.active)) is not None:
        endpoint, share, others = found
        pool.eject(endpoint, rules, f"{share:.0%} of its answers failed, {others:.0%} of the others'")


def wake(pool: Pool) -> None:
    """Let those try again whose time is over."""
    now = pool.loop.time()
    back = [e for e in pool.endpoints if 0.0 < e.down_until <= now or 0.0 < e.ejected_until <= now]
    for endpoint in back:
        if 0.0 < endpoint.ejected_until <= now:
            ejection.end(endpoint, now)
            changed(pool, endpoint, "returned", "is back from ejection")
        if endpoint.down_until <= now:
            endpoint.down_until = 0.0
        endpoint.try_out(now)
        pool.warm(endpoint)
    if back:
        pool.rebuild()


def rewarm(pool: Pool) -> None:
    before = [endpoint.weight for endpoint in pool.endpoints]
    now = pool.loop.time()
    for endpoint in pool.endpoints:
        if endpoint.warm_from and now - endpoint.warm_from >= pool.rules.slow_start:
            endpoint.warm_from = 0.0
    pool.weigh_anew()
    if before != [endpoint.weight for endpoint in pool.endpoints]:
        pool.rebuild()
