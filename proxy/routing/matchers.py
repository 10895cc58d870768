"""Matchers: one condition each on a request, compiled from the configuration.

The rule of this room: a matcher compares what an application would understand. Hosts are
compared without case, port and a final dot (RFC 9110 section 4.2.3); paths, names and values of
a query percent-decoded; methods exactly (RFC 9110 section 9.1). A list means any of its
items; all matchers of a route must match. Matchers of `STABLE` look at nothing but host, method and
path, so that the table may remember what they said. What a matcher tells of itself (`account`) is found out
by the very tests by which it matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from proxy.http.addresses import AddressSet, Network
from proxy.http.exchange import Exchange
from proxy.observe.past import Past

Values = str | Sequence[str]
Wanted = Mapping[str, str | bool]
Test = Callable[[bytes | None], bool]


class Asked:
    """One reading of a request, also of one that is over: what matchers look at."""

    __slots__ = ("exchange", "host", "method", "path")

    def __init__(self, exchange: Exchange | Past, path: bytes) -> None:
        self.exchange = exchange
        self.host = normal_host(exchange.host)
        self.method = exchange.method
        self.path = path


class Condition(NamedTuple):
    """What a matcher wants of one part of a request, and what it saw there."""

    part: str
    wanted: str
    seen: str
    holds: bool


class Matcher(Protocol):
    """One condition, or several of one kind."""

    def matches(self, asked: Asked) -> bool:
        """Whether the request fulfils it."""

    def account(self, asked: Asked) -> list[Condition]:
        """The same for people: all of them hold exactly where it matches."""


class HostMatcher:
    """`a.example`, or `*.a.example` for every name below it, not for the name itself."""

    __slots__ = ("_wanted", "names", "suffixes")

    def __init__(self, hosts: Values) -> None:
        self._wanted = any_of(listed(hosts))
        names = [normal_host(host.encode()) for host in listed(hosts)]
        self.names = frozenset(name for name in names if not name.startswith(b"*."))
        self.suffixes = tuple(name[1:] for name in names if name.startswith(b"*."))

    def matches(self, asked: Asked) -> bool:
        host = asked.host
        return host in self.names or (host.endswith(self.suffixes) and not host.startswith(b"."))

    def account(self, asked: Asked) -> list[Condition]:
        return [Condition("host", self._wanted, text(asked.host), self.matches(asked))]


class PathMatcher:
    """`/a` exactly, `/a/*` with all below, or a regular expression `~^/u/[0-9]+$` to search for."""

    __slots__ = ("_exact", "_patterns", "_prefixes", "_wanted")

    def __init__(self, paths: Values) -> None:
        self._wanted = any_of(listed(paths))
        exact, prefixes, self._patterns = [], [], []
        for path in listed(paths):
            if path.startswith("~"):
                self._patterns.append(re.compile(path[1:]))
            elif path.endswith("*"):
                prefixes.append(prefix_of(path))
            else:
                exact.append(unquote_to_bytes(path))
        self._exact = frozenset(exact)
        self._prefixes = tuple(prefixes)

    def matches(self, asked: Asked) -> bool:
        path = asked.path
        if path in self._exact or path.startswith(self._prefixes):
            return True
        return bool(self._patterns) and self._searched(text(path))

    def _searched(self, path: str) -> bool:
        return any(pattern.search(path) for pattern in self._patterns)

    def account(self, asked: Asked) -> list[Condition]:
        return [Condition("path", self._wanted, text(asked.path), self.matches(asked))]


class MethodMatcher:
    """One of these methods. HEAD is not GET here: a route for GET alone leaves HEAD to others."""

    __slots__ = ("methods",)

    def __init__(self, methods: Values) -> None:
        self.methods = frozenset(method.encode() for method in listed(methods))

    def matches(self, asked: Asked) -> bool:
        return asked.method in self.methods

    def account(self, asked: Asked) -> list[Condition]:
        wanted = any_of(sorted(map(text, self.methods)))
        return [Condition("method", wanted, text(asked.method), self.matches(asked))]


class HeaderMatcher:
    """Fields of the request, several lines of one name joined as RFC 9110 section 5.3 says."""

    __slots__ = ("_tests", "_wanted")

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._tests = [(name.lower().encode(), value_test(value)) for name, value in wanted.items()]

    def matches(self, asked: Asked) -> bool:
        field = asked.exchange.headers.get
        return all(test(field(name)) for name, test in self._tests)

    def account(self, asked: Asked) -> list[Condition]:
        field = asked.exchange.headers.get
        return [Condition(f"header {spelled}", in_words(wanted), seen_value(field(name)), test(field(name)))
                for (spelled, wanted), (name, test) in zip(self._wanted.items(), self._tests, strict=True)]


class QueryMatcher:
    """Parameters of the query, decoded like a form's; where one is repeated, any may match.

    `false` (absent) needs every one of them to be missing, as the name says.
    """

    __slots__ = ("_tests", "_wanted")

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._tests = [(name.encode(), value_test(value)) for name, value in wanted.items()]

    def matches(self, asked: Asked) -> bool:
        parameters = parse_query(asked.exchange.target.query)
        return all(any(map(test, parameters.get(name, (None,)))) for name, test in self._tests)

    def account(self, asked: Asked) -> list[Condition]:
        parameters = parse_query(asked.exchange.target.query)
        found = [parameters.get(name, (None,)) for name, _ in self._tests]
        return [Condition(f"query {name}", in_words(wanted), ", ".join(map(seen_value, values)),
                          any(map(test, values)))
                for (name, wanted), (_, test), values in zip(
                    self._wanted.items(), self._tests, found, strict=True)]


class ClientMatcher:
    """The client's address is in one of these networks."""

    __slots__ = ("_networks", "_wanted")

    def __init__(self, networks: str | Iterable[str | Network]) -> None:
        wanted = [networks] if isinstance(networks, str) else list(networks)
        self._wanted = any_of(map(str, wanted))
        self._networks = AddressSet(wanted)

    def matches(self, asked: Asked) -> bool:
        return asked.exchange.client in self._networks

    def account(self, asked: Asked) -> list[Condition]:
        return [Condition("client", self._wanted, asked.exchange.client, self.matches(asked))]


class SchemeMatcher:
    """How the client came to us, or to a proxy before us that is trusted."""

    __slots__ = ("_schemes",)

    def __init__(self, schemes: Values) -> None:
        self._schemes = frozenset(scheme.encode() for scheme in listed(schemes))

    def matches(self, asked: Asked) -> bool:
        return _scheme(asked) in self._schemes

    def account(self, asked: Asked) -> list[Condition]:
        wanted = any_of(sorted(map(text, self._schemes)))
        return [Condition("scheme", wanted, text(_scheme(asked)), self.matches(asked))]


def _scheme(asked: Asked) -> bytes:
    exchange = asked.exchange
    return exchange.peer.origin_for(exchange.headers, exchange.host)[0]


STABLE: dict[str, Callable[[Any], Matcher]] = {
    "method": MethodMatcher,
    "host": HostMatcher,
    "path": PathMatcher,
}
CHANGING: dict[str, Callable[[Any], Matcher]] = {
    "client": ClientMatcher,
    "header": HeaderMatcher,
    "query": QueryMatcher,
    "scheme": SchemeMatcher,
}


def compile_matchers(match: object, registry: Mapping[str, Callable[[Any], Matcher]]) -> tuple[Matcher, ...]:
    """The matchers of `registry` that a route's `match` names; none for None."""
    values = [(make, getattr(match, key, None)) for key, make in registry.items()]
    return tuple(make(value) for make, value in values if value)


def prefixes_of(match: object) -> tuple[bytes, ...]:
    """For each of the paths of a `match`, what stands before its `*`; empty where it has none."""
    paths = getattr(match, "path", None)
    return tuple(prefix_of(path) for path in listed(paths)) if paths else ()


def prefix_of(path: str) -> bytes:
    return unquote_to_bytes(path[:-1]) if path.endswith("*") and not path.startswith("~") else b""


def listed(values: Values) -> Sequence[str]:
    return [values] if isinstance(values, str) else values


def normal_host(authority: bytes) -> bytes:
    """The host of an authority, in lower case, without port and without one final dot."""
    if authority.startswith(b"["):
        return authority[:authority.find(b"]") + 1].lower()
    return authority.partition(b":")[0].lower().removesuffix(b".")


def text(octets: bytes) -> str:
    """For regular expressions; octets that are not UTF-8 survive as lone surrogates."""
    return octets.decode("utf-8", "surrogateescape")


def parse_query(query: bytes) -> dict[bytes, list[bytes]]:
    """Names to values as `urllib.parse.parse_qs` has them, blank ones kept; on any bytes."""
    parameters: dict[bytes, list[bytes]] = {}
    for part in query.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            parameters.setdefault(unquote_to_bytes(name), []).append(unquote_to_bytes(value))
    return parameters


def value_test(wanted: str | bool) -> Test:
    """What `true` (present), `false` (absent), `~regex` or an exact value says of a value."""
    if isinstance(wanted, bool):
        return lambda value: (value is not None) is wanted
    if wanted.startswith("~"):
        search = re.compile(wanted[1:]).search
        return lambda value: value is not None and search(text(value)) is not None
    exact = wanted.encode()
    return lambda value: value == exact


def any_of(wanted: Iterable[str]) -> str:
    return " or ".join(wanted)


def in_words(wanted: str | bool) -> str:
    """What `value_test` makes of it."""
    if isinstance(wanted, bool):
        return "any value" if wanted else "none"
    return wanted or "an empty value"


def seen_value(value: bytes | None) -> str:
    return "absent" if value is None else text(value) or "empty"
