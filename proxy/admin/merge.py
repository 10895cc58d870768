"""One picture of the pools from what each worker knows of them.

The rule of this room: numbers are added, of states the worst counts, and where workers do not agree
all their words are there to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.upstream.standing import STATES

Told = dict[str, Any]

RANK: Final = {state: rank for rank, state in enumerate(STATES)}
SHARED: Final = ("address", "origin", "order", "weight", "priority", "max_connections")
OWN: Final = ("state", "reason", "since", "seconds")  # what each worker finds for itself
SERVING: Final = frozenset(("up", "warming", "full", "trial"))


def merged(told: Mapping[str, Sequence[Told]]) -> list[Told]:
    """All pools, by what the workers have told, by their names."""
    pools: dict[str, dict[str, Told]] = {}
    for worker, some in sorted(told.items()):
        for pool in some:
            pools.setdefault(pool["name"], {})[worker] = pool
    return [_pool(views) for views in pools.values()]


def newest(told: Mapping[str, Told]) -> Told:
    """The requests that workers remember, as one list of each kind, by when they were over."""
    return {kind: sorted(({**one, "from": worker} for worker, kinds in told.items() for one in kinds[kind]),
                         key=lambda one: one["ended"], reverse=True)
            for kind in ("last", "remarkable")}


def _pool(views: dict[str, Told]) -> Told:
    first = next(iter(views.values()))
    by_address: dict[str, dict[str, Told]] = {}
    for worker, pool in views.items():
        for endpoint in pool["endpoints"]:
            by_address.setdefault(endpoint["address"], {})[worker] = endpoint
    endpoints = [_endpoint(seen) for seen in by_address.values()]
    return {
        "name": first["name"], "strategy": first["strategy"],
        "paused": any(pool["paused"] for pool in views.values()),
        "queue": sum(pool["queue"] for pool in views.values()),
        "in_flight": sum(endpoint["in_flight"] for endpoint in endpoints),
        "available": sum(endpoint["state"] in SERVING for endpoint in endpoints),
        "endpoints": endpoints}


def _endpoint(seen: dict[str, Told]) -> Told:
    worst = min(seen.values(), key=lambda endpoint: RANK[endpoint["state"]])
    latencies = [endpoint["latency"] for endpoint in seen.values() if endpoint["latency"] is not None]
    agreed = len({endpoint["state"] for endpoint in seen.values()}) == 1
    return {
        **{name: worst[name] for name in (*SHARED, *OWN)},
        "in_flight": sum(endpoint["in_flight"] for endpoint in seen.values()),
        "idle": sum(endpoint["idle"] for endpoint in seen.values()),
        "latency": round(sum(latencies) / len(latencies), 6) if latencies else None,
        "workers": [] if agreed else [
            {"worker": worker, **{name: found[name] for name in OWN}} for worker, found in seen.items()]}
