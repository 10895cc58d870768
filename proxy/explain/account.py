"""What came of a question, as JSON can hold it; `words` makes text of the same."""

from __future__ import annotations

from typing import Any

from proxy.explain.fields import compare, head_of, why_not_forwarded, why_not_shown
from proxy.explain.rehearsal import Outcome, Stage
from proxy.http.prepared import ResponseHead
from proxy.routing.table import Trial
from proxy.runtime.recall import trials_told
from proxy.upstream.answer import parse_answer
from proxy.upstream.consider import choice
from proxy.upstream.pool import Pool

Account = dict[str, Any]


def account(stage: Stage, outcome: Outcome) -> Account:
    """Everything; what there is nothing to say of is left out."""
    told: Account = {"request": _request(stage, outcome)}
    exchange = outcome.exchange
    if outcome.refused is not None:
        told["refused"] = _refusal(outcome)
        return told
    if exchange is None:
        told["refused"] = {"status": None, "reason": "this is no whole request", "rule": ""}
        return told
    told["routes"] = trials_told(outcome.trials, stage.runtime.table.routes)
    if outcome.readings:
        told["readings"] = [
            {"path": path.decode("utf-8", "backslashreplace"), "route": _name(found)}
            for path, found in outcome.readings]
    told["answer"] = _answer(outcome)
    if outcome.trials and outcome.trials[-1].matched:
        told["handler"] = outcome.trials[-1].route.handler.describe(exchange)
        told.update(_forwarding(stage, outcome))
        told["compression"] = _compression(outcome, told["handler"])
    return told


def _request(stage: Stage, outcome: Outcome) -> Account:
    question = outcome.question
    first, fields = head_of(question.octets(stage.authority_for(question)))
    notes = []
    if question.scheme() == "https" != outcome.peer.scheme:
        notes.append("no listener here speaks TLS: what does so in front of it says X-Forwarded-Proto: "
                     "https, and is believed if it is in trusted_proxies")
    if question.scheme() == "http" != outcome.peer.scheme:
        notes.append("every listener here speaks TLS: who comes without it is answered 400")
    client = outcome.exchange.client if outcome.exchange else question.client
    return {"line": first, "fields": [[spelled, value] for _, spelled, value in fields],
            "from": question.client, "client": client, "trusted": outcome.peer.trusted, "notes": notes}


def _refusal(outcome: Outcome) -> Account:
    error = outcome.refused
    assert error is not None
    return {"status": error.status, "reason": error.reason, "rule": error.rule,
            "then": "the connection is closed, for nobody can tell where the next request would begin"}


def _name(found: list[Trial]) -> str | None:
    return found[-1].route.name if found and found[-1].matched else None


def _answer(outcome: Outcome) -> Account:
    """What the client gets."""
    exchange = outcome.exchange
    assert exchange is not None
    first, fields = head_of(outcome.answer)
    head = outcome.answer.find(b"\r\n\r\n") + 4
    why = getattr(exchange, "why", "")
    return {
        "status": exchange.status, "line": first,
        "fields": [[spelled, value] for _, spelled, value in fields],
        "octets": max(0, outcome.octets - head), "why": why,
        "from": "the application" if outcome.asked and not why else "the proxy"}


def _forwarding(stage: Stage, outcome: Outcome) -> Account:
    """The pool, its endpoints, the choice, and both directions of the exchange."""
    exchange = outcome.exchange
    assert exchange is not None
    pool = stage.runtime.pools.get(exchange.pool)
    if pool is None:
        return {}
    told: Account = {"pool": {
        "name": pool.name, "strategy": stage.config.pools[pool.name].strategy, "panic": pool.panic,
        "endpoints": outcome.considered}}
    if not outcome.asked:
        return told
    actor = outcome.asked[-1]
    told["pool"]["chosen"] = actor.endpoint
    told["pool"]["choice"] = choice(pool, exchange, actor.endpoint, outcome.considered)
    told["to_endpoint"] = _to_endpoint(outcome)
    told["to_client"] = _to_client(pool, outcome)
    return told


def _to_endpoint(outcome: Outcome) -> Account:
    exchange, actor = outcome.exchange, outcome.asked[-1]
    assert exchange is not None
    _, sent = head_of(outcome.question.octets(exchange.host.decode("latin-1")))
    line, forwarded = head_of(actor.head)
    listed = (exchange.headers.get(b"connection") or b"").decode("latin-1")
    options = {option.strip().lower() for option in listed.split(",")}
    changes = compare(sent, forwarded)
    changes["removed"] = [
        [name, value, why_not_forwarded(name, options, trusted=outcome.peer.trusted)]
        for name, value in changes["removed"]]
    return {"line": line, **changes, "octets": actor.body}


def _to_client(pool: Pool, outcome: Outcome) -> Account:
    actor = outcome.asked[-1]
    line, answered = head_of(actor.answer)
    _, shown = head_of(outcome.answer)
    changes: Account = compare(answered, shown)
    changes["removed"] = [[name, value, why_not_shown(name)] for name, value in changes["removed"]]
    head = parse_answer(actor.answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", pool.disguise)
    return {"line": line, **changes, "streams": head.stream}


def _compression(outcome: Outcome, described: Account) -> str:
    """What was done, or why not; empty where there is nothing to be compressed."""
    exchange = outcome.exchange
    assert exchange is not None
    about = {name: value for name, _, value in head_of(outcome.answer)[1]}
    if coding := about.get("content-encoding"):
        beside = coding in described.get("beside", ())
        return f"{coding}, from the file beside it" if beside else coding
    if described["kind"] == "redirect" or exchange.status == 101:
        return ""
    if described["kind"] == "static":
        if "file" not in described:
            return ""
        return "none: " + ("the client takes no coding on offer" if described["codings"] else
                           "there is nothing to gain, or static.compress is off")
    if "compress" not in described:
        return f"none: the route has no compress (it is {described['kind']})"
    length = about.get("content-length")
    handler: Any = outcome.trials[-1].route.handler
    head = ResponseHead(exchange.status, outcome.answer.partition(b"\r\n\r\n")[0] + b"\r\n", None)
    return f"none: {handler.why_plain(exchange, head, int(length) if length else None)}"
