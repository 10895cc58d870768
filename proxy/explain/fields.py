"""What became of header fields on their way through the proxy, and why."""

from __future__ import annotations

from collections.abc import Collection

from proxy.errors import RequestError
from proxy.wire.headers import HIDDEN, HOP_BY_HOP, OURS, split_fields

Pairs = list[tuple[str, str, str]]  # name in lower case, name as spelled, values

MOST_FIELDS = 10_000


def fields_of(section: bytes) -> Pairs:
    """The fields of a head behind its first line; several lines of one name are joined."""
    found: dict[str, tuple[str, str]] = {}
    try:
        parsed = split_fields(section, MOST_FIELDS)
    except RequestError:
        return []
    for key, value, line, _ in parsed:
        name, text = key.decode(), value.decode("latin-1")
        if name in found:
            spelled, before = found[name]
            found[name] = (spelled, f"{before}, {text}")
        else:
            found[name] = (line.partition(b":")[0].decode(), text)
    return [(name, spelled, value) for name, (spelled, value) in found.items()]


def head_of(octets: bytes) -> tuple[str, Pairs]:
    """First line and fields of a message."""
    head = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    first, _, section = head.partition(b"\r\n")
    return first.decode("latin-1"), fields_of(section)


def compare(before: Pairs, after: Pairs) -> dict[str, list[list[str]]]:
    """`added` (name, value), `changed` (name, old, new), `removed` (name, value) and `kept` (name, value)."""
    old = {name: value for name, _, value in before}
    new = {name for name, _, _ in after}
    changes: dict[str, list[list[str]]] = {"added": [], "changed": [], "removed": [], "kept": []}
    for name, spelled, value in after:
        if name not in old:
            changes["added"].append([spelled, value])
        elif old[name] != value:
            changes["changed"].append([spelled, old[name], value])
        else:
            changes["kept"].append([spelled, value])
    changes["removed"] = [[spelled, value] for name, spelled, value in before if name not in new]
    return changes


def why_not_forwarded(name: str, options: Collection[str], *, trusted: bool) -> str:
    """Why a request's field does not reach the application.

    Args:
        options: those that the request's Connection names.
    """
    key = name.lower().encode()
    if key in HOP_BY_HOP:
        return "is for this hop alone (RFC 9110 section 7.6.1)"
    if name.lower() in options:
        return "is named by Connection (RFC 9110 section 7.6.1)"
    if b"_" in key:
        return "has a _ in its name: applications could take it for another field"
    if key.startswith(b"x-forwarded-") or key in OURS:
        return "is told by the proxy itself" + ("" if trusted else "; this client is not in trusted_proxies")
    return "does not get through"


def why_not_shown(name: str) -> str:
    """Why an answer's field does not reach the client."""
    key = name.lower().encode()
    if key in HOP_BY_HOP:
        return "is for the application's hop alone (RFC 9110 section 7.6.1)"
    if key in HIDDEN or key.startswith((b"x-accel-", b"x-sendfile")):
        return "tells of the inside, which clients do not see"
    return "holds for the form that it was sent in" if key == b"content-length" else "names an endpoint"
