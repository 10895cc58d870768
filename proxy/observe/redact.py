"""What is a secret in a request, and how it is written down: `***`.

The rule of this room: what a client may have spelled otherwise (`%74oken`, `user[token]`, `Access-Token`)
is hidden as well, and where one cannot tell where a secret ends, more of the text goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.config.log_schema import SECRET_HEADERS, SECRET_QUERY

HIDDEN: Final = b"***"


class Redaction:
    """Hides parameters of queries, and header fields, by their names.

    Args:
        query: names of parameters, however they are spelled: case, `-` or `_`, percent-encoding.
        headers: names of header fields.
    """

    __slots__ = ("_headers", "_names", "_stems")

    def __init__(self, query: Iterable[str] = SECRET_QUERY,
                 headers: Iterable[str] = SECRET_HEADERS) -> None:
        self._names = frozenset(_plain(name.encode()) for name in query)
        self._headers = frozenset(name.lower().encode() for name in headers)
        # Most queries have nothing of this in them, and are done by these few looks: a third of one regular
        # expression. A `%` may be any letter.
        self._stems = [b"%"] * bool(self._names) + [
            name for name in self._names if not any(other in name for other in self._names - {name})]

    def target(self, raw: bytes) -> bytes:
        """A request target or URL, as it may be shown."""
        at = raw.find(b"?")
        if at < 0:
            return raw
        query = _plain(raw[at + 1:])
        for stem in self._stems:
            if stem in query:
                return raw[:at + 1] + b"&".join(map(self._parameter, raw[at + 1:].split(b"&")))
        return raw

    def line(self, raw: bytes) -> bytes:
        """The same of a whole request line, or what was sent in its place."""
        return b" ".join(map(self.target, raw.split(b" ")))

    def field(self, name: bytes, value: bytes) -> bytes:
        """A header field's value, as it may be shown; `name` is in lower case."""
        if name in self._headers:
            return HIDDEN
        return self.target(value) if name == b"referer" else value

    def _parameter(self, part: bytes) -> bytes:
        """What stands between two `&`; some programs separate by `;` too, and in others it is the value's."""
        at = 0
        while True:
            equals = part.find(b"=", at)
            if equals < 0:
                return part
            if self._is_secret(part[at:equals].rpartition(b";")[2]):
                return part[:equals + 1] + HIDDEN
            at = equals + 1

    def _is_secret(self, name: bytes) -> bool:
        name = _plain(unquote_to_bytes(name))
        return name in self._names or (name.endswith(b"]") and name[:-1].rpartition(b"[")[2] in self._names)


def _plain(name: bytes) -> bytes:
    return name.strip().lower().replace(b"-", b"_")
