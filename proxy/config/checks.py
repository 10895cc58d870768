"""What only more than one key together can tell: names that must exist, things that must differ.

These look at the plain values, not at the models, so that they are reported together with what is
wrong in single values; a value of the wrong kind is passed over here.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.config.address import Address
from proxy.config.document import BROKEN, Key
from proxy.config.scalars import Numeral
from proxy.config.schema import HANDLERS
from proxy.config.wording import choices, key_path, nearest, quoted

Finding = tuple[tuple[Key, ...], str]
Values = dict[str, object]

OPTIONS = ("strip_prefix", "buffer_request", "buffer_response")  # of reverse_proxy


def check(data: Values) -> Iterator[Finding]:
    """Everything that is wrong between the keys: where it is, and what."""
    yield from _twice(_items(data, "listen"), ("listen",), "a listener")
    pools = _mapping(data.get("pools"))
    for name, pool in pools.items():
        yield from _pool(name, _mapping(pool))
    for index, route in enumerate(_items(data, "routes")):
        if isinstance(route, dict):
            for loc, message in _route(route, pools):
                yield ("routes", index, *loc), message


def _pool(name: str, pool: Values) -> Iterator[Finding]:
    if not name.strip() or not name.isprintable():
        yield ("pools", name), f"{quoted(name)} is not a pool's name"
    yield from _twice(_items(pool, "endpoints"), ("pools", name, "endpoints"), "an endpoint")


def _route(route: Values, pools: Values) -> Iterator[Finding]:
    handlers = [name for name in HANDLERS if route.get(name) is not None]
    if not handlers:
        yield (), f"has no handler; give it one{choices(HANDLERS)}"
    for name in handlers[1:]:
        yield (name,), f"a second handler beside {handlers[0]}; a route has one{choices(HANDLERS)}"
    if "reverse_proxy" in handlers:
        yield from _proxying(route, pools)
    elif handlers:
        for name in OPTIONS:
            if name in route:
                yield (name,), f"means nothing beside {handlers[0]}; it is for reverse_proxy"
    yield from _redirect(route)
    yield from _respond(_mapping(route.get("respond")))


def _proxying(route: Values, pools: Values) -> Iterator[Finding]:
    pool = _text(route["reverse_proxy"])
    if pool is not None and pool not in pools:
        known = choices(pools) or "; the file has no pools"
        yield ("reverse_proxy",), f"{quoted(pool)} is not a pool{nearest(pool, pools)}{known}"
    if route.get("strip_prefix") is True and not any(path.endswith("/*") for path in paths_of(route)):
        yield ("strip_prefix",), "there is no prefix to strip; match.path ends in /* where there is one"


def _redirect(route: Values) -> Iterator[Finding]:
    target = _text(_mapping(route.get("redirect")).get("to")) or ""
    if "{rest}" in target and not any(path.endswith("/*") for path in paths_of(route)):
        yield ("redirect", "to"), "{rest} is what the * of match.path matched, and no path here ends in /*"


def _respond(respond: Values) -> Iterator[Finding]:
    status = _text(respond.get("status"))  # RFC 9110 sections 6.4.1 and 15.3.6
    if status in ("204", "205", "304") and respond.get("body"):
        yield ("respond", "body"), f"a response with status {status} has no body"


def paths_of(route: Values) -> list[str]:
    """The patterns of `match.path`, leaving out regular expressions."""
    paths = _items(_mapping(route.get("match")), "path")
    return [path for path in paths if isinstance(path, str) and not path.startswith("~")]


def _twice(items: list[object], loc: tuple[Key, ...], noun: str) -> Iterator[Finding]:
    """Addresses that an earlier item has already, however they are written."""
    seen: dict[Address, int] = {}
    for index, item in enumerate(items):
        short = not isinstance(item, dict)
        address = _address(item if short else _mapping(item).get("address"))
        if address is None or (address.path is None and not address.port):
            continue
        first = seen.setdefault(address, index)
        if first != index:
            path = key_path((*loc, first))
            yield (*loc, index, "address"), f"{quoted(str(address))} is {noun} already, see {path}"


def _address(value: object) -> Address | None:
    try:
        return Address.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, Numeral)) else None


def _mapping(value: object) -> Values:
    return value if isinstance(value, dict) else {}


def _items(values: Values, key: str) -> list[object]:
    """A list, or what stands in its place where one item needs no list."""
    value = values.get(key)
    return value if isinstance(value, list) else [] if value in (None, BROKEN) else [value]
