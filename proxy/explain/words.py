"""An account in words, for a terminal.

The rule of this room: every line says one thing, what decided comes first, and colour says nothing that the
words do not say too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Account = dict[str, Any]

WIDTH = 110
INDENT = "  "
MOST_FAILED = 40     # routes that did not match; of more the last ones
MOST_ENDPOINTS = 24  # of more the first ones, and the one that is chosen
_STYLES = {"head": "1", "good": "32", "bad": "31", "dim": "2", "": "0"}


def in_words(account: Account, *, colour: bool = False) -> str:
    """The whole account, ending in a line break."""
    lines = [_painted(style, line) if colour and style else line for style, line in _lines(account)]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode() + "\n"


def _painted(style: str, line: str) -> str:
    return f"\033[{_STYLES[style]}m{line}\033[0m"


Line = tuple[str, str]  # style and text


def _lines(account: Account) -> Iterator[Line]:
    yield from _request(account["request"])
    for part, title, told in _PARTS:
        if account.get(part):
            yield "", ""
            yield "head", title
            yield from told(account)


def _request(request: Account) -> Iterator[Line]:
    came = "" if request["client"] == request["from"] else f", for {request['client']}"
    yield "head", f"{request['line']}   from {request['from']}{came}"
    for note in request["notes"]:
        yield from _wrapped("dim", note)


def _refused(account: Account) -> Iterator[Line]:
    refused = account["refused"]
    status = f"{refused['status']}: " if refused["status"] else ""
    rule = f" ({refused['rule']})" if refused["rule"] else ""
    yield from _wrapped("bad", f"{status}{refused['reason']}{rule}")
    if refused.get("then"):
        yield from _wrapped("", refused["then"])


def _routes(account: Account) -> Iterator[Line]:
    routes = account["routes"]
    width = max(len(route["name"]) for route in routes)
    left = 0
    failed = [route for route in routes if route["matched"] is False]
    hidden = {id(route) for route in failed[:-MOST_FAILED]}
    if hidden:
        yield "dim", f"{INDENT}  {len(hidden)} did not match"
    for route in routes:
        if id(route) in hidden:
            continue
        if route["matched"] is None:
            left += 1
        elif route["matched"]:
            because = "; ".join(_condition(one) for one in route["conditions"]) or "it is for everything"
            yield "good", f"{INDENT}> {route['name']:{width}}  {because}"
        else:
            because = "; ".join(_condition(one) for one in route["conditions"] if not one["holds"])
            yield "dim", f"{INDENT}x {route['name']:{width}}  {because}"
    if left:
        yield "dim", f"{INDENT}  {left} more, not tried"
    if not any(route["matched"] for route in routes):
        yield "bad", f"{INDENT}no route matches"


def _condition(one: Account) -> str:
    if one["holds"]:
        fits = "" if one["seen"] == one["wanted"] else f" fits {one['wanted']}"
        return f"{one['part']} {one['seen']}{fits}"
    return f"{one['part']} is {one['seen']}, not {one['wanted']}"


def _readings(account: Account) -> Iterator[Line]:
    for reading in account["readings"]:
        yield "", f"{INDENT}{reading['path']}  ->  {reading['route'] or 'no route'}"


def _handler(account: Account) -> Iterator[Line]:
    handler = account["handler"]
    yield from _wrapped("", _describe(handler))


def _describe(handler: Account) -> str:
    match handler["kind"]:
        case "reverse_proxy":
            return _reverse_proxy(handler)
        case "static":
            return _static(handler)
        case "redirect":
            return f"redirect to {handler['to']}, {handler['status']}"
    return f"respond, {handler['status']} with {handler['octets']} octets"


def _reverse_proxy(handler: Account) -> str:
    stripped = f", without the prefix {handler['strip_prefix']}" if handler["strip_prefix"] else ""
    return f"reverse_proxy to the pool {handler['pool']}{stripped}"


def _static(handler: Account) -> str:
    if "file" not in handler:
        return f"static, files below {handler['root']}"
    beside = f", beside it: {', '.join(handler['beside'])}" if handler["beside"] else ""
    return f"static, the file {handler['file']} ({handler['size']} octets{beside})"


def _pool(account: Account) -> Iterator[Line]:
    pool = account["pool"]
    now = ", as things are now" if pool.get("now") else ""
    yield "", f"{INDENT}{pool['name']}, strategy {pool['strategy']}{now}"
    rows = [("", "endpoint", "state", "weight", "priority", "in flight", "score", "")]
    chosen = pool.get("chosen")
    shown = [one for place, one in enumerate(pool["endpoints"])
             if place < MOST_ENDPOINTS or one["name"] == chosen]
    rows += [
        (">" if one["name"] == chosen else "", one["name"], one["state"], str(one["weight"]),
         str(one["priority"]), _of(one), "" if one["score"] is None else f"{one['score']:g}", one["reason"])
        for one in shown]
    yield from _table(rows)
    if len(shown) < len(pool["endpoints"]):
        yield "dim", f"{INDENT}   {len(pool['endpoints']) - len(shown)} more"
    if pool.get("choice"):
        yield from _wrapped("good", pool["choice"] + ".")


def _of(endpoint: Account) -> str:
    most = endpoint["max_connections"]
    return f"{endpoint['in_flight']} of {most}" if most else str(endpoint["in_flight"])


def _table(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        yield "dim" if not number else "good" if row[0] else "", INDENT + cells


def _to_endpoint(account: Account) -> Iterator[Line]:
    told = account["to_endpoint"]
    yield "", f"{INDENT}{told['line']}"
    yield from _changes(told)
    handler = account["handler"]
    if told["octets"]:
        yield from _wrapped("", f"body: {told['octets']} octets, " + (
            "taken in full before an endpoint is asked (buffer_request)" if handler["buffer_request"]
            else "passed on as they come (buffer_request: false)"))


def _to_client(account: Account) -> Iterator[Line]:
    yield from _changes(account["to_client"])
    if account["to_client"]["streams"]:
        text = "streamed: it is an event stream, or says X-Accel-Buffering: no, so that nothing of it waits"
    elif account["handler"]["buffer_response"]:
        text = ("buffered: it is taken off the endpoint as fast as it comes, into memory and then a file, "
                "however slow the client is")
    else:
        text = "not buffered: the endpoint is as slow as the client (buffer_response: false)"
    yield from _wrapped("", text)


def _changes(told: Account) -> Iterator[Line]:
    for name, value in told["kept"]:
        yield "dim", f"{INDENT}  {name}: {value}"
    for name, value in told["added"]:
        yield "good", f"{INDENT}+ {name}: {value}"
    for name, old, new in told["changed"]:
        yield "", f"{INDENT}~ {name}: {new}   (was {old})"
    for name, value, why in told["removed"]:
        yield "bad", f"{INDENT}- {name}: {value}   ({why})"


def _attempts(account: Account) -> Iterator[Line]:
    width = max(len(one["endpoint"]) for one in account["attempts"])
    for number, one in enumerate(account["attempts"], 1):
        last = number == len(account["attempts"])
        yield ("" if last else "bad"), (
            f"{INDENT}{number}. {one['endpoint']:{width}}  {one['outcome']}   (after {one['after']:g} ms)")


def _phases(account: Account) -> Iterator[Line]:
    for name, milliseconds in account["phases"].items():
        yield "", f"{INDENT}{milliseconds:10.3f} ms  {_PHASES[name]}"


_PHASES = {
    "queued": "until it was sent to who answered: its body, a place, a connection, attempts that failed",
    "head": "until the head of the answer",
    "body": "until its last octet was passed on",
    "lost": "until it was given up",
    "total": "in all",
}


def _past_answer(account: Account) -> Iterator[Line]:
    answer = account["answer"]
    why = f": {answer['why']}" if answer["why"] else ""
    style = "bad" if answer["status"] >= 400 else "good"
    yield style, f"{INDENT}{answer['status']}, {answer['octets']} octets{why}"


def _answer(account: Account) -> Iterator[Line]:
    answer = account["answer"]
    if "line" not in answer:
        yield from _past_answer(account)
        return
    style = "bad" if answer["status"] >= 400 else "good"
    why = f": {answer['why']}" if answer["why"] else ""
    yield style, f"{INDENT}{answer['line']}{why}"
    if not account.get("to_client"):
        for name, value in answer["fields"]:
            yield "", f"{INDENT}  {name}: {value}"
    if account.get("compression"):
        yield "", f"{INDENT}compression: {account['compression']}"


def _wrapped(style: str, text: str) -> Iterable[Line]:
    return [(style, line) for line in textwrap.wrap(
        text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False)]


_PARTS = (
    ("refused", "Refused", _refused),
    ("routes", "Routes", _routes),
    ("readings", "Other readings of the path", _readings),
    ("handler", "Handler", _handler),
    ("pool", "Endpoints", _pool),
    ("attempts", "Attempts", _attempts),
    ("to_endpoint", "What the application gets", _to_endpoint),
    ("to_client", "What the client gets of an answer of the application (a sample)", _to_client),
    ("answer", "Answer", _answer),
    ("phases", "Time", _phases),
)
