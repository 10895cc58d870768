"""Endpoint addresses in response heads: found, and replaced by what the client asked for (CONFIG.md).

What counts as an address: host and port anywhere; the host alone where it is an IP address, or stands
behind `//`; all of them also percent-encoded, as a parameter of another URL is, to any depth. Left alone
are this machine's names without a port (`localhost` gives nothing away), a host with another port (that
is another service), and names that a route answers to, which are the site's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

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


class Disguise:
    """Finds and replaces a pool's endpoint addresses in response heads.

    Args:
        addresses: host and port of each endpoint; (path, None) for a Unix socket.
        public: host names that clients ask for, in lower case.
    """

    def __init__(self, addresses: Iterable[tuple[str, int | None]], public: Collection[str] = ()) -> None:
        self._public = public
        self.learn(addresses)

    def allow(self, public: Collection[str]) -> None:
        """These are the names of the site from now on; `learn` anew."""
        self._public = public

    def learn(self, addresses: Iterable[tuple[str, int | None]]) -> None:
        """These are the addresses from now on."""
        public = self._public
        whole: set[str] = set()    # host and port, or a host that is an address by itself
        names: set[str] = set()    # an address only behind `//`
        cookies: set[str] = set()
        sockets: set[str] = set()
        marks: set[str] = set()
        for host, port in addresses:
            if port is None:
                sockets.add(_escaped(host))
                marks.add(host.lower())
                continue
            marks |= {f":{port}", f"3a{port}"}
            for name in _names_of(host):
                whole.add(f"{_escaped(name)}{_COLON}{port}")
                if name not in public:
                    cookies.add(_escaped(name))
                if name in LOOPBACK or name in public:
                    continue
                if name.startswith("[") or name.replace(".", "").isdigit():
                    whole.add(_escaped(name))
                    marks |= {name, *([name[1:5]] if name.startswith("[") else [])}
                else:
                    names.add(_escaped(name))
                    marks |= {f"//{name}", f"2f{name}"}
        found = [f"({_PREFIX}|{_EDGE}){_any_of(whole)}{_END}"] if whole else []
        found += [f"({_PREFIX}){_any_of(names)}{_END}"] if names else []
        self._found = _compiled("|".join(found))
        self._domain = _compiled(rf";[ \t]*domain=\.?{_any_of(cookies)}(?=[ \t]*(?:;|\r))" if cookies else "")
        self._socket = _compiled(_any_of(sockets) if sockets else "")
        self._marks = (*(mark.encode() for mark in sorted(marks)), b"domain=")
        self._mark = re.compile(b"|".join(map(re.escape, self._marks)))

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


def _any_of(patterns: set[str]) -> str:
    return "(?:" + "|".join(sorted(patterns, key=len, reverse=True)) + ")"


def _compiled(pattern: str) -> re.Pattern[bytes] | None:
    return re.compile(pattern.encode(), re.IGNORECASE) if pattern else None
