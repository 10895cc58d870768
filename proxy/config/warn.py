"""What a configuration may say but hardly means: warnings, never errors.

Being wrong here costs trust: a warning is given only where the matching rules leave no doubt.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from time import time

from proxy import machine
from proxy.certificates import trouble
from proxy.config.admin_schema import is_of_this_machine
from proxy.config.file_rules import LONGEST_PATH
from proxy.config.match_schema import Match
from proxy.config.plain import Finding
from proxy.config.schema import Config, RouteConfig
from proxy.config.tls_schema import certificate_of
from proxy.config.wording import key_path, quoted


def warn(config: Config) -> Iterator[Finding]:
    """Routes that never match, pools that nothing uses or whose checks mislead, and what is not there."""
    yield from _unreachable(config.routes)
    yield from _missing_codings(config.routes)
    yield from _missing_manifests(config.routes)
    yield from _certificates(config)
    if config.admin is not None and not is_of_this_machine(config.admin.address):
        yield ("admin", "address"), "the token goes over the network without TLS; put TLS before it"
    used = {route.reverse_proxy for route in config.routes}
    for name, pool in config.pools.items():
        if name not in used:
            yield ("pools", name), "no route uses this pool"
        if pool.sticky is not None and pool.sticky.secret is None and not machine.has_id():
            yield ("pools", name, "sticky"), (
                "this machine has no id of its own (/etc/machine-id), so browsers lose their endpoint with "
                "each restart; give it a secret")
        if pool.health_check is not None and pool.health_check.tls:
            yield ("pools", name, "health_check", "tls"), "requests go to endpoints without TLS all the same"


def _certificates(config: Config) -> Iterator[Finding]:
    """Those that browsers refuse, or soon will, and names that another certificate has taken."""
    for index, listener in enumerate(config.listen):
        taken: dict[str, int] = {}
        for number, tls in enumerate(listener.tls):
            loc, shown = ("listen", index, "tls", number, "certificate"), certificate_of(tls)
            if why := trouble(shown.begins, shown.expires, time()):
                yield loc, f"{tls.certificate.name} {why}"
            if _is_for_everybody(tls.key):
                yield ("listen", index, "tls", number, "key"), (
                    f"everybody on this machine may read {tls.key.name}; chmod o= {tls.key.name}")
            if not shown.names:
                yield loc, f"{tls.certificate.name} has no name (subjectAltName), so browsers refuse it"
            for name in shown.names:
                if taken.setdefault(name, number) != number:
                    yield loc, f"{key_path(('listen', index, 'tls', taken[name]))} is shown for {name}"


def _is_for_everybody(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # it is gone since it was read


def _missing_codings(routes: list[RouteConfig]) -> Iterator[Finding]:
    """Those that the file names itself: by default it is whatever is installed."""
    for index, route in enumerate(routes):
        if route.compress is not None and "codings" in route.compress.model_fields_set:
            from proxy.compression.codecs import AVAILABLE

            for coding in route.compress.codings:
                if coding.encode() not in AVAILABLE:
                    loc = ("routes", index, "compress", "codings")
                    yield loc, f"{coding} is not installed: pip install 'pyfront[compress]'"


def _missing_manifests(routes: list[RouteConfig]) -> Iterator[Finding]:
    """They may come later, with the first build."""
    for index, route in enumerate(routes):
        for number, path in enumerate(route.static.manifest if route.static else ()):
            if not path.exists():
                loc = ("routes", index, "static", "manifest", number)
                yield loc, f"{quoted(str(path), LONGEST_PATH)} is not there, so nothing is immutable yet"


def _unreachable(routes: list[RouteConfig]) -> Iterator[Finding]:
    taken: dict[str, int] = {}  # by pattern: the first route that takes all of it
    for index, route in enumerate(routes):
        first = _taken_by(route.match, taken)
        if first is not None:
            taker = f"{key_path(('routes', first))} ({quoted(routes[first].name)})"
            yield ("routes", index), f"never answers: {taker} takes all of it before"
        for pattern in _whole_paths(route.match):
            taken.setdefault(pattern, index)


def _whole_paths(match: Match) -> list[str]:
    """Patterns that the route takes without looking at anything else."""
    if match.host or match.method or match.header or match.query or match.scheme or match.client:
        return []
    return match.path or ["/*"]


def _taken_by(match: Match, taken: dict[str, int]) -> int | None:
    """The earlier route that takes everything that this one could, if one route does."""
    if "/*" in taken:
        return taken["/*"]
    takers = [_taker(path, taken) for path in match.path]
    return takers[0] if takers and takers[0] is not None and set(takers) == {takers[0]} else None


def _taker(path: str, taken: dict[str, int]) -> int | None:
    if path in taken:
        return taken[path]
    if path.startswith("~"):
        return None
    # `/a/*` takes `/a/`, `/a/b` and `/a/b/*`, but not `/a`.
    ends = [end for end, character in enumerate(path) if character == "/"]
    return min((taken[prefix] for end in ends if (prefix := f"{path[:end]}/*") in taken), default=None)
