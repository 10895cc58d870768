"""What a YAML error means to somebody who writes a proxy's configuration."""

from __future__ import annotations

import re

import yaml

# What the parser says, what the line looks like, and what to do about it; the first that fits.
_HINTS = (
    ("cannot start any token", r"^\s*\t| \t", "a tab cannot indent in YAML; use spaces"),
    ("cannot start any token", r"[\[\s:,-][@`%]", "a value that begins with '@', '`' or '%' needs quotes"),
    ("alphabetic or numeric", r"\*", "a value that begins with '*' needs quotes, as in '*.example.com'"),
    ("alphabetic or numeric", r"&", "a value that begins with '&' needs quotes"),
    ("", r"[{\[,].*\$\{", 'inside {} and [] a reference needs quotes, as in "${NAME}"'),
    ("mapping values", r": .*: ", "a value with ': ' in it needs quotes"),
    ("mapping values", r"^ ", "does this line begin in the same column as the keys beside it?"),
    ("expected <block end>", r"", "does this line begin in the same column as the keys beside it?"),
    ("did not find expected key", r"", "does this line begin in the same column as the keys beside it?"),
    ("expected '-' indicator", r"", "does this line begin in the same column as the items beside it?"),
    ("could not find expected ':'", r"", "a key is followed by ': ' and its value"),
)


def explain(error: yaml.MarkedYAMLError, line: list[str]) -> str:
    """The parser's problem, where it was noticed, and a hint where one fits."""
    problem = (error.problem or "it cannot be read").replace("\n", " ")
    began, noticed = error.context_mark, error.problem_mark
    context = ""
    if error.context and began and noticed and began.line != noticed.line:
        context = f" {error.context} that begins in line {began.line + 1}"
    return f"this is not YAML: {problem}{context}{_hint(problem, line[0] if line else '')}"


def _hint(problem: str, line: str) -> str:
    for says, looks, hint in _HINTS:
        if says in problem and re.search(looks, line[:500]):
            return f"; {hint}"
    return ""
