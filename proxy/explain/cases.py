"""Runs a configuration's tests: each is a question, and what shall become of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxy.explain.account import account
from proxy.explain.question import Question
from proxy.explain.rehearsal import Stage

if TYPE_CHECKING:
    from proxy.config.cases import Case, Wanted
    from proxy.config.schema import Config

Account = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """How a test went.

    Attributes:
        differences: what was wanted, and what there was; none where it passed.
        account: of what happened.
    """

    case: Case
    differences: tuple[tuple[str, str], ...]
    account: Account

    @property
    def passed(self) -> bool:
        return not self.differences


async def run(config: Config) -> list[Result]:
    """All of them, in their order."""
    stage = Stage(config)
    try:
        return [await _result(stage, case) for case in config.tests]
    finally:
        await stage.close()


async def _result(stage: Stage, case: Case) -> Result:
    body = None if case.body is None else b"x" * case.body
    told = account(stage, await stage.rehearse(
        Question(case.method, case.url, case.fields, case.client, body)))
    return Result(case, tuple(_differences(case.wanted, told)), told)


def _differences(wanted: Iterable[Wanted], told: Account) -> Iterator[tuple[str, str]]:
    for one in wanted:
        got = _LOOKS[one.what](one, told)
        if got is not None:
            yield str(one), got


def _status(wanted: Wanted, told: Account) -> str | None:
    status = told.get("refused", {}).get("status") or told.get("answer", {}).get("status")
    return None if status == int(wanted.name) else str(status)


def _handled(wanted: Wanted, told: Account) -> str | None:
    handler = told.get("handler", {})
    kind = "pool" if handler.get("kind") == "reverse_proxy" else handler.get("kind")
    named = handler.get({"pool": "pool", "static": "file", "redirect": "to"}.get(kind or "", ""), "")
    if kind == wanted.what and (not wanted.name or _fits(kind, wanted.name, named)):
        return None
    return f"{kind} {named}".strip() if kind else _no_handler(told)


def _fits(kind: str, wanted: str, named: str) -> bool:
    return named == wanted or (kind == "static" and named.endswith("/" + wanted.lstrip("/")))


def _no_handler(told: Account) -> str:
    refused = told.get("refused")
    if refused:
        return f"refused, {refused['status']}: {refused['reason']}"
    return f"{told['answer']['status']}: {told['answer']['why']}"


def _refused(wanted: Wanted, told: Account) -> str | None:
    """By the proxy, before any handler had a say."""
    if "refused" in told or (told["answer"]["status"] >= 400 and told["answer"]["why"] and "pool" not in told
                             and told["answer"]["status"] != 404):
        return None
    return _no_handler(told) if "handler" not in told else f"{told['handler']['kind']}"


def _route(wanted: Wanted, told: Account) -> str | None:
    matched = next((route["name"] for route in told.get("routes", ()) if route["matched"]), None)
    return None if matched == wanted.name else f"route {matched}" if matched else "no route"


def _header(wanted: Wanted, told: Account) -> str | None:
    return _field(wanted, told.get("answer", {}).get("fields", ()))


def _sends(wanted: Wanted, told: Account) -> str | None:
    sent = told.get("to_endpoint")
    if sent is None:
        return "nothing is sent to an endpoint"
    return _field(wanted, [*sent["kept"], *sent["added"], *([name, new] for name, _, new in sent["changed"])])


def _field(wanted: Wanted, fields: Iterable[Iterable[str]]) -> str | None:
    found = [value for name, value in fields if name.lower() == wanted.name.lower()]
    if found and wanted.value in (None, *found):
        return None
    return f"{wanted.what} {wanted.name} {found[0]}" if found else f"no {wanted.name}"


_LOOKS = {
    "status": _status, "static": _handled, "pool": _handled, "redirect": _handled, "respond": _handled,
    "refused": _refused, "route": _route, "header": _header, "sends": _sends}
