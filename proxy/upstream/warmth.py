"""The share of an endpoint that has just come, or come back: it grows, as it may have caches to fill."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from proxy.upstream.endpoint import Endpoint

STEPS = 10  # in which it gets its share


def warm_up(endpoints: Sequence[Endpoint], seconds: float, loop: asyncio.AbstractEventLoop) -> None:
    """Make the weights of all finer while one has but a part of its own.

    Args:
        seconds: that it takes.
    """
    if any(endpoint.warm_from for endpoint in endpoints):
        for endpoint in endpoints:
            endpoint.weight *= _step(endpoint, seconds, loop.time())


def _step(endpoint: Endpoint, seconds: float, now: float) -> int:
    if not endpoint.warm_from or not seconds:
        return STEPS
    return min(int((now - endpoint.warm_from) / seconds * STEPS) + 1, STEPS)
