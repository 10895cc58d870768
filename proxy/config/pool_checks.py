"""What only more than one key of a pool together can tell; plain values, as in `checks`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from proxy.balancing import STRATEGIES
from proxy.config.address import is_service
from proxy.config.own_strategy import problem_of
from proxy.config.plain import Finding, Values, address_of, is_true, items_of, mapping_of, text_in
from proxy.config.pool_rules import CLASS_PATTERN
from proxy.config.wording import quoted

# Of a probe that asks something; a connection, with or without TLS, has nothing of this.
OF_HTTP: Final = ("path", "method", "proto", "headers", "status", "body")


def check_pool(pool: Values, folder: Path) -> Iterator[Finding]:
    """What is wrong between the keys of one pool."""
    strategy = text_in(pool.get("strategy", "round_robin"))
    if strategy is not None:
        yield from _strategy(pool, strategy, folder)
    endpoints = items_of(pool, "endpoints")
    for index, endpoint in enumerate(endpoints):
        for loc, message in _endpoint(mapping_of(endpoint) or {"address": endpoint}):
            yield ("endpoints", index, *loc), message
    if endpoints and all(is_true(mapping_of(endpoint).get("backup")) for endpoint in endpoints):
        yield ("endpoints",), "every endpoint is a backup; one at least must be what the others stand in for"
    yield from _health_check(mapping_of(pool.get("health_check")))


def _strategy(pool: Values, strategy: str, folder: Path) -> Iterator[Finding]:
    own = re.fullmatch(CLASS_PATTERN, strategy, re.ASCII)
    if (own or strategy in STRATEGIES) and "hash_key" in pool and strategy != "consistent_hash":
        yield ("hash_key",), f"means nothing beside {strategy}; it is for strategy: consistent_hash"
    if own and (problem := problem_of(strategy, folder)):
        yield ("strategy",), problem


def _endpoint(endpoint: Values) -> Iterator[Finding]:
    if is_true(endpoint.get("backup")) and "priority" in endpoint:
        yield ("priority",), "means nothing beside backup: true, which is priority 1; give one of the two"
    address = address_of(endpoint.get("address"))
    if address is None:
        return
    if is_service(address.host) and not address.port and not is_true(endpoint.get("resolve")):
        yield ("address",), f"{quoted(address.host)} has no port; with resolve: true its SRV records tell"
    if is_true(endpoint.get("resolve")):
        if address.path is not None:
            yield ("resolve",), "a Unix socket has no name to resolve; leave the key out"
        elif _is_ip(address.host):
            yield ("resolve",), f"{quoted(address.host)} is an IP address, not a name; leave the key out"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _health_check(check: Values) -> Iterator[Finding]:
    if check.get("type") == "tcp":
        for name in OF_HTTP:
            if name in check:
                yield ("health_check", name), "means nothing beside type: tcp; it is for type: http"
    elif check.get("method") == "HEAD" and check.get("body") is not None:  # RFC 9110 section 9.3.2
        yield ("health_check", "body"), "an answer to HEAD has no body"
