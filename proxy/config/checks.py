"""What only more than one key together can tell: names that must exist, things that must differ.

These look at the plain values, not at the models, so that they are reported together with what is
wrong in single values; a value of the wrong kind is passed over here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy.config.admin_schema import check_admin, values_of
from proxy.config.cases import check_cases
from proxy.config.log_checks import check_log, check_rotation
from proxy.config.plain import Finding, Values, items_of, mapping_of, text_in, twice
from proxy.config.pool_checks import check_pool
from proxy.config.schema import HANDLERS
from proxy.config.static_checks import check_static
from proxy.config.wording import choices, nearest, quoted

OPTIONS = ("strip_prefix", "buffer_request", "buffer_response", "urgent", "send_files")  # of reverse_proxy


def check(data: Values, folder: Path) -> Iterator[Finding]:
    """Everything that is wrong between the keys: where it is, and what.

    Strategies of the user's own are imported, with `folder` beside what Python searches anyway.
    """
    yield from twice(items_of(data, "listen"), ("listen",), "a listener")
    for loc, message in check_log(mapping_of(data.get("access_log")), folder):
        yield ("access_log", *loc), message
    for loc, message in check_rotation(mapping_of(data.get("error_log")), folder):
        yield ("error_log", *loc), message
    for loc, message in check_admin(values_of(data.get("admin"))):
        yield ("admin", *loc), message
    pools = mapping_of(data.get("pools"))
    for name, pool in pools.items():
        if not name.strip() or not name.isprintable():
            yield ("pools", name), f"{quoted(name)} is not a pool's name"
        yield from twice(items_of(mapping_of(pool), "endpoints"), ("pools", name, "endpoints"), "an endpoint")
        for loc, message in check_pool(mapping_of(pool), folder):
            yield ("pools", name, *loc), message
    for index, route in enumerate(items_of(data, "routes")):
        if isinstance(route, dict):
            for loc, message in _route(route, pools):
                yield ("routes", index, *loc), message
    yield from check_cases(data)


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
    if handlers and route.get("compress") and handlers[0] not in ("reverse_proxy", "respond"):
        hint = "; files have static.compress" if "static" in handlers else ""
        yield ("compress",), f"means nothing beside {handlers[0]}; it is for reverse_proxy and respond{hint}"
    yield from _redirect(route)
    yield from _respond(mapping_of(route.get("respond")))
    for loc, message in check_static(mapping_of(route.get("static"))):
        yield ("static", *loc), message


def _proxying(route: Values, pools: Values) -> Iterator[Finding]:
    pool = text_in(route["reverse_proxy"])
    if pool is not None and pool not in pools:
        known = choices(pools) or "; the file has no pools"
        yield ("reverse_proxy",), f"{quoted(pool)} is not a pool{nearest(pool, pools)}{known}"
    if route.get("strip_prefix") is True and not any(path.endswith("/*") for path in paths_of(route)):
        yield ("strip_prefix",), "there is no prefix to strip; match.path ends in /* where there is one"


def _redirect(route: Values) -> Iterator[Finding]:
    target = text_in(mapping_of(route.get("redirect")).get("to")) or ""
    if "{rest}" in target and not any(path.endswith("/*") for path in paths_of(route)):
        yield ("redirect", "to"), "{rest} is what the * of match.path matched, and no path here ends in /*"


def _respond(respond: Values) -> Iterator[Finding]:
    status = text_in(respond.get("status"))  # RFC 9110 sections 6.4.1 and 15.3.6
    if status in ("204", "205", "304") and respond.get("body"):
        yield ("respond", "body"), f"a response with status {status} has no body"


def paths_of(route: Values) -> list[str]:
    """The patterns of `match.path`, leaving out regular expressions."""
    paths = items_of(mapping_of(route.get("match")), "path")
    return [path for path in paths if isinstance(path, str) and not path.startswith("~")]
