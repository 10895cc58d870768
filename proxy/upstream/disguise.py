"""Endpoint addresses in response heads: found, and replaced by what the client asked for (CONFIG.md).

What counts as an address: host and port anywhere; the host alone where it is an IP address, or stands
behind `//`; all of them also percent-encoded, as a parameter of another URL is, to any depth. Left alone
are this machine's names without a port (`localhost` gives nothing away), a host with another port (that
is another service), and names that a route answers to, which are the site's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from proxy.http.prepared import ResponseHead
from proxy.wire.status import status_line

LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]", "0.0.0.0"))
MOST_MARKS = 12  # searched for one by one; more by one pattern

_COLON = r"(?::|%(?:25)*3A)"
_PREFIX = rf"(?:https?{_COLON})?(?:/|%(?:25)*2F){{2}}"
_EDGE = r"(?:(?<![\w.-])|(?<=%[0-9A-F]{2}))"      # where a host can begin, should no prefix stand before it
_END = rf"(?![\w-]|\.\w|{_COLON}[0-9])"
_ESCAPE = re.compile(rb"(%(?:25)*)[0-9A-Fa-f]{2}")
_RESERVED = re.compile(rb"[:/\[\]]")

Place = tuple[str, int | None]  # host and port; (path, None) of a Unix socket


class Disguise:
    """Finds and replaces a pool's endpoint addresses in response heads.

    Args:
        addresses: host and port of each endpoint; (path, None) for a Unix socket.
        public: host names that clients ask for, in lower case.
    """

    def __init__(self, addresses: Iterable[Place], public: Collection[str] = ()) -> None:
        self._public = frozenset(public)
        self._known: frozenset[Place] = frozenset()
        self._take(patterns_of(self._known, self._public))
        self.learn(addresses)

    def become(self, other: Disguise) -> None:
        """Know what another one knows."""
        self._public, self._known = other._public, other._known
        self._take(other._patterns)

    def learn(self, addresses: Iterable[Place]) -> None:
        """These are the addresses from now on; those of before may stay hidden, too.

        So a reload prepares patterns for the old and the new ones, and none has to be made when it comes.
        """
        wanted = frozenset(addresses)
        if not wanted <= self._known:
            self._known = wanted
            self._take(patterns_of(wanted, self._public))

    def _take(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._found, self._domain, self._socket = patterns.found, patterns.domain, patterns.socket
        self._marks, self._mark = patterns.marks, patterns.mark

    def _suspects(self, lines: bytes) -> bool:
        """Whether a closer look pays; nearly no head has any of the marks.

        2 us for three endpoints (the patterns take 10, one search for all marks more).
        """
        lines = lines.lower()
        if len(self._marks) > MOST_MARKS:
            return self._mark.search(lines) is not None
        for mark in self._marks:  # noqa: SIM110 - `any` with a generator doubles the time
            if mark in lines:
                return True
        return False

    def sees(self, lines: bytes) -> bool:
        if not self._suspects(lines):
            return False
        return any(p is not None and p.search(lines) for p in (self._found, self._domain, self._socket))

    def rewrite(self, head: ResponseHead, scheme: bytes, host: bytes) -> ResponseHead:
        """`head` as if the application lived where the client asked for it."""
        lines = head.lines
        if self._domain is not None:  # before an address would become a host with a port
            lines = self._domain.sub(b"", lines)
        if self._found is not None:
            lines = self._found.sub(_replaced(scheme, host), lines)
        if self._socket is not None and self._socket.search(lines):
            first, *fields = lines.splitlines(keepends=True)
            kept = [line for line in fields if not self._socket.search(line)]
            lines = b"".join([status_line(head.status) if self._socket.search(first) else first, *kept])
        return ResponseHead(head.status, lines, head.length, dated=head.dated)


class Patterns(NamedTuple):
    """What is searched for; see `Disguise`."""

    found: re.Pattern[bytes] | None
    domain: re.Pattern[bytes] | None
    socket: re.Pattern[bytes] | None
    marks: tuple[bytes, ...]
    mark: re.Pattern[bytes]


@lru_cache(16)
def patterns_of(addresses: frozenset[Place], public: frozenset[str]) -> Patterns:
    """Remembered: a large pool's are made by a thread, and then looked up here."""
    sockets = {host for host, port in addresses if port is None}
    ports: dict[str, set[int]] = {}
    for host, port in addresses:
        for name in _names_of(host) if port is not None else ():
            ports.setdefault(name, set()).add(port or 0)
    hidden = ports.keys() - public
    names = {name for name in hidden - LOOPBACK if not _is_address(name)}  # an address only behind `//`
    found = [f"({_PREFIX}|{_EDGE}){_any_of(_places(ports, hidden))}{_END}"] if ports else []
    found += [f"({_PREFIX}){_any_of(map(_escaped, names))}{_END}"] if names else []
    cookies = _any_of(map(_escaped, hidden))
    marks = (*(mark.encode() for mark in sorted(_marks(sockets, ports, hidden))), b"domain=")
    return Patterns(
        _compiled("|".join(found)),
        _compiled(rf";[ \t]*domain=\.?{cookies}(?=[ \t]*(?:;|\r))" if hidden else ""),
        _compiled(_any_of(map(_escaped, sockets)) if sockets else ""),
        marks, re.compile(b"|".join(map(re.escape, marks))))


def _places(ports: Mapping[str, set[int]], hidden: Collection[str]) -> Iterator[str]:
    """Patterns of host and port, or of a host that is an address by itself.

    Hosts that have the same ports share one: what 500 endpoints take to compile is 20 ms, by pairs 300.
    """
    groups: dict[tuple[frozenset[int], bool], list[str]] = {}
    for name, numbers in ports.items():
        alone = name in hidden and name not in LOOPBACK and _is_address(name)
        groups.setdefault((frozenset(numbers), alone), []).append(_escaped(name))
    for (same, alone), hosts in groups.items():
        yield f"{_any_of(hosts)}(?:{_COLON}{_any_of(map(str, same))}){'?' if alone else ''}"


def _marks(sockets: Iterable[str], ports: Mapping[str, set[int]], hidden: Collection[str]) -> Iterator[str]:
    """What a head in which an address stands has in any case, in lower case."""
    yield from {socket.lower() for socket in sockets}
    for port in {port for numbers in ports.values() for port in numbers}:
        yield from (f":{port}", f"3a{port}")
    for name in set(hidden) - LOOPBACK:
        if not _is_address(name):
            yield from (f"//{name}", f"2f{name}")
        else:
            yield name
            if name.startswith("["):
                yield name[1:5]


def _is_address(name: str) -> bool:
    return name.startswith("[") or name.replace(".", "").isdigit()


def _replaced(scheme: bytes, host: bytes) -> Callable[[re.Match[bytes]], bytes]:
    def replace(found: re.Match[bytes]) -> bytes:
        before = found[found.lastindex or 1]
        if before[:4].lower() == b"http":
            before = _spelled(scheme + b"://", found[0])  # `//` stays, also that of `ws://`
        return before + _spelled(host, found[0])
    return replace


def _spelled(text: bytes, like: bytes) -> bytes:
    """`text` percent-encoded as often as `like` is."""
    escape = _ESCAPE.search(like)
    if escape is None:
        return text
    return _RESERVED.sub(lambda found: b"%b%02X" % (escape[1], ord(found[0])), text)


def _names_of(host: str) -> set[str]:
    """A host in lower case; for this machine itself, all the names that an application may know it by."""
    name = f"[{host}]".lower() if ":" in host else host.lower()
    return set(LOOPBACK) if name in LOOPBACK or name in ("[::]", "::") or host.startswith("127.") else {name}


def _escaped(name: str) -> str:
    """A pattern for a name, percent-encoded or not."""
    encoded = {":": _COLON, "[": r"(?:\[|%(?:25)*5B)", "]": r"(?:\]|%(?:25)*5D)"}
    return "".join(encoded.get(character) or re.escape(character) for character in name)


def _any_of(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted(patterns, key=len, reverse=True)) + ")"


def _compiled(pattern: str) -> re.Pattern[bytes] | None:
    return re.compile(pattern.encode(), re.IGNORECASE) if pattern else None
