"""Who belongs to a pool, when the operator changes that while exchanges run.

The rule of this room: who comes is new and knows nothing; who goes finishes what runs. A pool keeps one
endpoint at least.
"""

from __future__ import annotations

from proxy.upstream.endpoint import Endpoint
from proxy.upstream.pool import Pool

UNCHECKED = "not checked yet"


def join(pool: Pool, endpoint: Endpoint, *, unchecked: bool) -> None:
    """Take in an endpoint, unless there is one of its name.

    Args:
        unchecked: active checks will tell whether it works; until then it has nothing to do.
    """
    if any(known.origin == endpoint.origin for known in pool.endpoints):
        return
    endpoint.probe_failure = UNCHECKED if unchecked else ""
    if pool.rules.slow_start and not unchecked:
        endpoint.warm_from = pool.loop.time()
    pool.endpoints = [*pool.endpoints, endpoint]
    pool.replaced(())


def part(pool: Pool, origin: str) -> None:
    """Let the endpoints of a configured name go."""
    before = pool.endpoints
    staying = [endpoint for endpoint in before if endpoint.origin != origin]
    if staying and len(staying) < len(before):
        pool.endpoints = staying
        pool.replaced(before)
