"""An endpoint's standing in one word for those who look from outside, and the news of its changes.

The rule of this room: the words are for people and programs alike, so they stay as they are; the
order in which they are asked for is that in which they keep exchanges away.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from proxy.observe.events import event
from proxy.upstream.endpoint import Endpoint, Order

if TYPE_CHECKING:
    from proxy.upstream.pool import Pool

log = logging.getLogger("proxy.upstream")

# From the worst to the best; what each means.
STATES: Final = {
    "disabled": "the operator wants it to finish what runs, and to have nothing new",
    "draining": "the same, but clients that are stuck to it stay",
    "down": "active checks fail",
    "ejected": "real traffic failed; it is left out for a while",
    "unreachable": "connects failed; it rests for a moment",
    "trial": "it is back, and one exchange finds out whether it works",
    "warming": "it is back, and its share grows",
    "full": "it works on as many exchanges as it may",
    "up": "it works",
}
ORDERS: Final = {Order.DISABLED: "disabled", Order.DRAIN: "draining"}


def changed(pool: Pool, endpoint: Endpoint, kind: str, text: str, **figures: float) -> None:
    """Say what has become of an endpoint and why, in the log and as an event with the evidence."""
    log.warning("%s %s %s", pool.name, endpoint.name, text)
    record = event(kind, text, pool=pool.name, endpoint=endpoint.name, **figures, **evidence(endpoint))
    noted(endpoint, text)
    pool.report(record)


def ordered(pool: Pool, endpoint: Endpoint, order: Order, *, of_name: bool) -> None:
    """Do with an endpoint as the operator wants; the pool has to be rebuilt after that.

    Args:
        of_name: whether that is meant for all addresses that its name has or will have.
    """
    if of_name:
        endpoint.name_order = order
    if endpoint.order is order:
        return
    endpoint.order = order
    log.warning("%s %s: %s", pool.name, endpoint.name, order.value)
    noted(endpoint, f"order: {order.value}")
    if order is Order.READY:
        pool.warm(endpoint)
    elif order is Order.DISABLED:
        endpoint.close_idle()


def noted(endpoint: Endpoint, text: str) -> None:
    """Remember why its standing has just changed."""
    endpoint.why, endpoint.since = text, round(time.time(), 3)


def evidence(endpoint: Endpoint) -> dict[str, float]:
    """What was known of an endpoint when its standing changed."""
    return {
        "in_flight": endpoint.in_flight, "latency": round(endpoint.latency, 6),
        "answers": round(endpoint.answers, 1), "errors": round(endpoint.errors, 1),
        "failures": endpoint.failures, "refusals": endpoint.refusals, "ejections": endpoint.ejections}


def standing(endpoint: Endpoint, now: float) -> dict[str, Any]:
    """Its state, why, since when (seconds since 1970) and for how many seconds to come, as far as known.

    Args:
        now: of the loop's clock.
    """
    state, reason, until = _state(endpoint)
    return {"state": state, "reason": reason, "since": endpoint.since or None,
            "seconds": round(max(0.0, until - now), 1) if until else None}


def state_of(endpoint: Endpoint) -> str:
    """One of `STATES`."""
    return _state(endpoint)[0]


def _state(endpoint: Endpoint) -> tuple[str, str, float]:
    if endpoint.order is not Order.READY:
        return ORDERS[endpoint.order], "the operator wants it", 0.0
    if endpoint.probe_failure:
        return "down", endpoint.probe_failure, 0.0
    if endpoint.ejected_until:
        return "ejected", endpoint.why, endpoint.ejected_until
    if endpoint.down_until:
        return "unreachable", endpoint.why, endpoint.down_until
    if endpoint.trial_from:
        return "trial", endpoint.why, 0.0
    if endpoint.warm_from:
        return "warming", endpoint.why, 0.0
    if endpoint.most and endpoint.in_flight >= endpoint.most:
        return "full", f"{endpoint.in_flight} of {endpoint.most} exchanges", 0.0
    return "up", endpoint.why, 0.0
