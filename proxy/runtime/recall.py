"""Why did a real request go there? Told of what the ring keeps, by the runtime that serves now.

What happened (attempts, times, who answered) is as it was; what routes and the strategy say of such a
request is as they are now, and is marked so. The rule of this room: it looks and changes nothing, and tells
no secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from proxy.config.log_schema import SECRET_HEADERS, SECRET_QUERY
from proxy.observe.past import Past
from proxy.observe.redact import Redaction
from proxy.observe.ring import LONGEST, Ring, field_told, fields_told, phases, summary
from proxy.routing.matchers import in_words
from proxy.runtime.answers import strategy_name
from proxy.upstream.consider import choice, consider

if TYPE_CHECKING:
    from proxy.config.schema import Config
    from proxy.http.exchange import Exchange
    from proxy.routing.matchers import Condition
    from proxy.routing.table import Trial
    from proxy.runtime.runtime import Runtime

Told = dict[str, Any]

MOST_LISTED = 100


def redaction_for(config: Config) -> Redaction:
    """What always is a secret, and what the log's configuration calls one."""
    if config.access_log is None:
        return Redaction(SECRET_QUERY, SECRET_HEADERS)
    redact = config.access_log.redact
    return Redaction({*SECRET_QUERY, *redact.query}, {*SECRET_HEADERS, *redact.headers})


def requests_told(ring: Ring | None, redaction: Redaction) -> Told:
    """The last ones and the remarkable ones, the newest first."""
    if ring is None:
        return {"last": [], "remarkable": []}
    return {"last": [summary(past, redaction) for past in ring.last()][:MOST_LISTED],
            "remarkable": [summary(past, redaction) for past in ring.remarkable()][:MOST_LISTED]}


def explained(name: str, ring: Ring | None, runtime: Runtime, redaction: Redaction) -> Told | None:
    """All there is to say about the request of that id; None where it is not known (any more)."""
    past = None if ring is None else ring.find(name)
    return None if past is None else _story(past, runtime, redaction)


def _story(past: Past, runtime: Runtime, redaction: Redaction) -> Told:
    exchange = cast("Exchange", past)
    trials = runtime.table.account(exchange)
    routes = trials_told(trials, runtime.table.routes, redaction)
    told: Told = {
        "id": past.name, "summary": summary(past, redaction),
        "request": {
            "line": _line(past, redaction), "fields": fields_told(past, redaction), "from": past.peer.address,
            "client": past.client, "trusted": past.peer.trusted, "notes": []},
        "routes": routes, "route": past.route or None, "phases": phases(past), "attempts": _attempts(past),
        "answer": {"status": past.status, "octets": past.sent, "why": past.why}}
    found = trials[-1].route if trials and trials[-1].matched else None
    if (found.name if found else "") != past.route:
        told["request"]["notes"].append(
            f"the routes are others than when it came: {past.route or 'no route'} answered it")
    elif found is not None:
        told["handler"] = found.handler.describe(exchange)
        _add_pool(told, past, runtime)
    return told


def _line(past: Past, redaction: Redaction) -> str:
    line: bytes = b"%b %b HTTP/%b" % (
        past.method, redaction.target(past.target.raw)[:LONGEST], b"1.1" if past.version == 11 else b"1.0")
    return line.decode("latin-1")


def _add_pool(told: Told, past: Past, runtime: Runtime) -> None:
    """Its endpoints as they are now."""
    pool = runtime.pools.get(past.pool)
    if pool is None:
        return
    considered = consider(pool, cast("Exchange", past))
    told["pool"] = {"name": pool.name, "strategy": strategy_name(pool.strategy), "endpoints": considered,
                    "chosen": past.endpoint or None, "now": True}
    if past.endpoint:
        why = choice(pool, cast("Exchange", past), past.endpoint, considered).partition(": ")[2]
        told["pool"]["choice"] = f"{past.endpoint} was the last that was asked; for the next one holds: {why}"


def _attempts(past: Past) -> list[Told]:
    """One after the other: who was asked, and what came of it."""
    told = [{"endpoint": endpoint, "outcome": why, "after": round((moment - past.started) * 1000, 3)}
            for endpoint, why, moment in past.trail or ()]
    if past.endpoint and (not told or past.attempts > len(told)):
        outcome = past.why.removeprefix(f"{past.endpoint}: ") or (
            "the client went away" if past.status == 499 else f"HTTP {past.status}")
        told.append({"endpoint": past.endpoint, "outcome": outcome, "after": phases(past).get("total", 0.0)})
    return told


def trials_told(
    trials: list[Trial], routes: tuple[Any, ...], redaction: Redaction | None = None
) -> list[Told]:
    """Of each route how its turn went; those behind the one that matched had none.

    Args:
        redaction: None: secrets are shown, to who has written them down himself.
    """
    told = [
        {"name": trial.route.name, "matched": trial.matched,
         "conditions": [_told(condition, redaction)._asdict() for condition in trial.conditions]}
        for trial in trials]
    return told + [{"name": route.name, "matched": None, "conditions": []} for route in routes[len(trials):]]


def _told(condition: Condition, redaction: Redaction | None) -> Condition:
    """What is wanted may be the very secret that is seen."""
    kind, _, name = condition.part.partition(" ")
    if redaction is None or kind not in ("header", "query"):
        return condition
    wanted = condition.wanted
    if wanted not in (in_words(True), in_words(False)):
        wanted = _value_told(kind, name, wanted, redaction)
    return condition._replace(wanted=wanted, seen=_value_told(kind, name, condition.seen, redaction))


def _value_told(kind: str, name: str, value: str, redaction: Redaction) -> str:
    octets = value.encode("utf-8", "surrogateescape")
    if kind == "header":
        shown = field_told(name.lower().encode(), octets, redaction)
    else:
        shown = redaction.target(b"?%b=%b" % (name.encode(), octets)).partition(b"=")[2]
    return shown.decode("utf-8", "surrogateescape")


def ring_of(config: Config, old: Ring | None) -> Ring | None:
    """What remembers under this configuration; the old one goes on where there was one."""
    recent = config.recent
    if recent is None:
        return None
    if old is None:
        return Ring(recent.requests, recent.remarkable, recent.slow)
    old.become(recent.requests, recent.remarkable, recent.slow)
    return old
