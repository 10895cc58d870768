"""Patterns of files below a root: `*.html`, `assets/*`, `assets/**`, `~` and an expression.

As in .gitignore: a pattern without a slash is one for names in any folder, one with a slash is read
from the root on; `*` and `?` stand for characters of one name, `**` for any number of folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_PARTS = {"*": "[^/]*", "?": "[^/]", "**/": "(?:[^/]+/)*", "**": ".+"}
_PART = re.compile(r"\*\*/|\*\*|[*?]")


def matcher(patterns: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether one of the patterns, which the configuration has checked, has a name such as b"js/app.js"."""
    expressions = [re.compile(_expression(pattern), re.DOTALL) for pattern in patterns]

    def matches(name: bytes) -> bool:
        text = name.decode("utf-8", "surrogateescape")
        return any(expression.search(text) for expression in expressions)

    return matches


def _expression(pattern: str) -> str:
    if pattern.startswith("~"):
        return pattern[1:]
    start = r"\A" if "/" in pattern else r"(?:\A|/)"
    pattern = pattern.removeprefix("/")
    inside = "".join(_PARTS.get(part) or re.escape(part) for part in _split(pattern))
    return start + inside + r"\Z"


def _split(pattern: str) -> list[str]:
    """The wildcards, and what stands between them."""
    pieces, at = [], 0
    for match in _PART.finditer(pattern):
        pieces += [pattern[at:match.start()], match[0]]
        at = match.end()
    return [*pieces, pattern[at:]]
