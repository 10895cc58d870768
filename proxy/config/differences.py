"""What differs between two configurations, in words, key by key.

The rule of this room: things that have an identity are compared by it, not by their place in a list: an
endpoint by its address, a route by its name or by what it is for. Secrets are never shown, but that one is
another one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from proxy.config.effective import HIDDEN, effective, sealed
from proxy.config.schema import Config

IDENTIFIED: Final = {"address", "certificate", "match"}  # by one of these an item of a list is known
LONGEST: Final = 80  # characters of a value that are shown

Node = Any  # what JSON can hold


class Difference(NamedTuple):
    """One key that differs; its text is the line that the user sees.

    Args:
        path: of the key, e.g. `pools.web.endpoints[127.0.0.1:8003]`.
        how: added, removed, changed or moved.
        old, new: values where both are plain.
    """

    path: str
    how: str
    old: Node = None
    new: Node = None

    def __str__(self) -> str:
        if self.how != "changed":
            return f"{self.path}: {self.how}"
        if HIDDEN in (str(self.old)[:3], str(self.new)[:3]):
            return f"{self.path}: changed (a secret)"
        return f"{self.path}: {_text(self.old)} -> {_text(self.new)}"


def outline(config: Config) -> Node:
    """A configuration, ready to be compared, also by another process; without secrets."""
    return effective(config, sealed)


def differences(old: Node, new: Node) -> list[Difference]:
    """Between two outlines, in the order of their keys."""
    return list(_compare("", old, new))


def _compare(path: str, old: Node, new: Node) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(path, old, new)
    elif (named := _named(old, new)) is not None:
        yield from _mappings(path, *named)
        first, second = ([key for key in one if key in other] for one, other in (named, named[::-1]))
        if first != second:
            yield Difference(path, "in another order")
    elif isinstance(old, dict) or isinstance(new, dict):
        yield Difference(path, "removed" if new in (None, False) else "added")
    else:
        yield Difference(path, "changed", old, new)


def _mappings(path: str, old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Difference]:
    for key in dict.fromkeys((*new, *old)):
        inner = key if not path else f"{path}{key}" if key.startswith("[") else f"{path}.{key}"
        if key not in old:
            yield Difference(inner, "added")
        elif key not in new:
            yield Difference(inner, "removed")
        else:
            yield from _compare(inner, old[key], new[key])


def _named(old: Node, new: Node) -> tuple[dict[str, Node], dict[str, Node]] | None:
    """Two lists by the identities of their items; None where these have none."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return None
    if not all(isinstance(item, dict) and IDENTIFIED & item.keys() for item in (*old, *new)):
        return None
    return _by_identity(old), _by_identity(new)


def _by_identity(items: Iterable[dict[str, Node]]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for item in items:
        name = str(item.get("address") or item.get("certificate") or _route(item))
        times = 1
        while (key := f"[{name}]" if times == 1 else f"[{name} ({times})]") in found:
            times += 1
        automatic = "match" in item and item["name"].startswith("route ")
        found[key] = {**item, "name": ""} if automatic else item
    return found


def _route(route: dict[str, Node]) -> str:
    """Its name if it was given one; else what it is for."""
    if not route["name"].startswith("route "):
        return str(route["name"])
    match = route["match"]
    host, path = (",".join(match[key]) for key in ("host", "path"))
    rest = {key: value for key, value in match.items() if value and key not in ("host", "path", "method")}
    others = [f"{key}={_text(value)}" for key, value in rest.items()]
    return " ".join(filter(None, [",".join(match["method"]), host + path, *others])) or "everything"


def _text(value: Node) -> str:
    if isinstance(value, list):
        value = ", ".join(map(_text, value)) or "none"
    elif isinstance(value, bool) or value is None:
        value = str(value).lower().replace("none", "null")
    text = str(value).replace("\n", "\\n")  # one line for each difference
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
