"""What one exchange finds when it looks at a pool: for people who ask why it went where it went.

The rule of this room: everything is read from where the pool and its strategy decide by it, and nothing is
changed; it is off the path of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.balancing.strategy import Explains, Score
from proxy.upstream.standing import standing

if TYPE_CHECKING:
    from proxy.http.exchange import Exchange
    from proxy.upstream.endpoint import Endpoint
    from proxy.upstream.pool import Pool


def consider(pool: Pool, exchange: Exchange) -> list[dict[str, Any]]:
    """All endpoints as it finds them: first those that the strategy may pick, the best first.

    Of each its state, what it has to do, the strategy's score (None where it has no say about it) and the
    reason for that, or why it is none of those that may be picked.
    """
    strategy = pool.strategy
    told = {score.endpoint: score for score in (
        strategy.explain(exchange) if isinstance(strategy, Explains) else ())}
    mine = set(pool.endpoints)
    ordered = [endpoint for endpoint in told if endpoint in mine]
    ordered += [endpoint for endpoint in pool.endpoints if endpoint not in told]
    return [_considered(pool, endpoint, told.get(endpoint)) for endpoint in ordered]


def _considered(pool: Pool, endpoint: Endpoint, score: Score | None) -> dict[str, Any]:
    about = standing(endpoint, pool.loop.time())
    return {
        "name": endpoint.name, "state": about["state"], "weight": endpoint.share,
        "priority": endpoint.priority,
        "in_flight": endpoint.in_flight, "max_connections": endpoint.most or None, "idle": len(endpoint.idle),
        "score": None if score is None else score.score,
        "reason": _reason(pool, endpoint, score, f"{about['state']}: {about['reason']}".rstrip(": "))}


def _reason(pool: Pool, endpoint: Endpoint, score: Score | None, state: str) -> str:
    if score is not None:
        return f"{score.reason}; passed over: {state}" if endpoint in pool.full else score.reason
    if not endpoint.is_available():
        return f"left out: {state}"
    if not pool.may_pick(endpoint):
        return f"priority {endpoint.priority}: asked while none of a lower number is to be had"
    return "the strategy does not say what it goes by"


def choice(pool: Pool, exchange: Exchange, name: str, considered: list[dict[str, Any]]) -> str:
    """In a sentence why the endpoint of that name was picked, of those that were considered."""
    found = next((one for one in considered if one["name"] == name), None)
    if found is None:
        return f"{name} is no endpoint of {pool.name} any more"
    home = None if pool.sticky is None else pool.sticky.find(exchange)
    if home is not None and home.name == name:
        return f"{name} is chosen: the client's cookie names it"
    if found["score"] is None:
        return f"{name} is chosen as a last resort: {found['reason']}"
    if pool.panic:
        return f"{name} is chosen: no endpoint is available, so those are tried that only rest"
    if sum(one["score"] is not None for one in considered) == 1:
        return f"{name} is chosen: no other may be picked"
    return f"{name} is chosen: {found['reason']}"
