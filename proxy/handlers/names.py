"""Which names below a root may be asked for at all, whether they are there or not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

_ENCODED_SLASH = re.compile(rb"(?i)%2f|%5c|\\")
# What Windows takes for a device in any folder and with any extension. The folder may be one that it shares.
_DEVICE = re.compile(rb"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[.: ].*)?", re.DOTALL)


class Names:
    """From a request's path to the names below the root.

    Args:
        prefix: what the path begins with.
        hide: patterns of names that are not served, nor what lies below them.
        hidden: names that begin with a dot are served.
    """

    __slots__ = ("_hidden", "_hide", "prefix")

    def __init__(self, prefix: bytes, hide: Iterable[str] = (), *, hidden: bool = False) -> None:
        self.prefix = prefix
        self._hidden = hidden
        patterns = "|".join(translate(pattern) for pattern in hide)
        self._hide = re.compile(patterns.encode()) if patterns else None

    def segments(self, path: bytes) -> list[bytes] | None:
        """None for what is not served."""
        if not path.startswith(self.prefix):
            return None
        segments = [segment for segment in path[len(self.prefix):].split(b"/") if segment]
        # `/.well-known/` (RFC 8615) is there to be asked for, and is never hidden.
        first = 1 if len(self.prefix) <= 1 and segments[:1] == [b".well-known"] else 0
        return None if any(map(self.is_hidden, segments[first:])) else segments

    def is_hidden(self, name: bytes) -> bool:
        if name[:1] == b"." and (not self._hidden or name in (b".", b"..")):
            return True
        if self._hide is not None and self._hide.match(name):
            return True
        return _DEVICE.fullmatch(name) is not None


def is_doubtful(path_query: bytes) -> bool:
    """A separator to some readers, a character to others; no file's name has it."""
    return _ENCODED_SLASH.search(path_query.partition(b"?")[0]) is not None
