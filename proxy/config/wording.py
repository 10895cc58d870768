"""How messages show what was given and suggest what was meant.

The rule of this room: whatever was given, a message stays one short line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

LONGEST = 60  # characters of a value that a message shows; longer ones get no suggestion either
MOST_NAMES = 24  # names that a message lists

_WORD = re.compile(r"[\w.:/~*-]{1,60}")


def shown(value: object) -> str:
    """A value as the user would recognise it from the file."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return quoted(value) if isinstance(value, str) else str(value)[:LONGEST]


def quoted(text: str, longest: int = LONGEST) -> str:
    """Text in quotes, on one line, cut where it is long."""
    return repr(str(text[:longest])) + ("..." if len(text) > longest else "")


def nearest(given: object, names: Iterable[str]) -> str:
    """`; did you mean 'x'?` where one of `names` is near, else nothing."""
    text = str(given).lower()
    if len(text) > LONGEST:
        return ""  # difflib is quadratic, and nobody mistypes that much
    return _nearest(text, tuple(names))


@lru_cache(64)  # one pool that was renamed may be named by a thousand routes
def _nearest(text: str, names: tuple[str, ...]) -> str:
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(text, by_lower, n=1)
    return f"; did you mean {quoted(by_lower[close[0]])}?" if close else ""


def choices(names: Iterable[object]) -> str:
    """The allowed names in brackets, for the end of a message."""
    listed = [str(name) for name in names]
    more = [f"... {len(listed) - MOST_NAMES} more"] if len(listed) > MOST_NAMES else []
    return f" ({', '.join(map(_word, listed[:MOST_NAMES] + more))})" if listed else ""


def key_path(parts: Iterable[str | int]) -> str:
    """`routes[1].match.path`; a key that does not read as one word is quoted."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{_word(part)}"
    return path.removeprefix(".")


def _word(name: str) -> str:
    return name if _WORD.fullmatch(name) or name.startswith("... ") else quoted(name)
