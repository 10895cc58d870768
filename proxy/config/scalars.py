"""What one scalar of the file means: environment references, then YAML 1.2 core types.

The rule of this room: nothing is guessed. YAML 1.1 turns `no` into false, `22:22` into 1342
and `010` into 8; the core schema of YAML 1.2 (section 10.3.2) does none of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.config.wording import quoted

LONGEST_NUMBER = 100  # characters; Python's int refuses thousands of digits, and none are meant as a number

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as the file has it: where text is expected `1.10` stays `1.10`."""

    text: str
    whole: bool

    def __str__(self) -> str:
        return self.text

    @property
    def number(self) -> int:
        """Its value, where it is whole."""
        base = {"0o": 8, "0x": 16}.get(self.text[:2], 10)
        return int(self.text, base)


class Expanded(str):
    """A quoted scalar with a reference in it.

    Inside `{}` and `[]` a reference needs quotes, so that quotes alone do not say that text is
    meant: `{headers: "${HEADERS}"}` is a number if the key wants one (see `retype`).
    """

    __slots__ = ()


def resolve(text: str) -> object:
    """The value of a plain scalar: None, a bool, a Numeral or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= LONGEST_NUMBER:
        if _WHOLE.fullmatch(text):
            return Numeral(text, whole=True)
        if _DECIMAL.fullmatch(text):
            return Numeral(text, whole=False)
    return text


def retype(value: object) -> object:
    """What a value is where no text is expected."""
    return resolve(str(value)) if isinstance(value, Expanded) else value


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace `${NAME}` and `${NAME:-default}`; `$${` stands for `${` itself.

    Raises:
        ValueError: a variable that is not set, or a reference that is none.
    """
    return _REFERENCE.sub(lambda match: _value(match, environ), text)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    inside, end = match.groups()
    if inside is None:
        return "${"
    name, with_default, default = inside.partition(":-")
    if not end or "${" in default or not _NAME.fullmatch(name):
        raise ValueError(
            f"{quoted(match[0])} is not a reference; write ${{NAME}} or ${{NAME:-default}}, "
            "and $${ where ${ itself is meant"
        )
    value = environ.get(name)
    if with_default:
        return value or default  # as in a shell, where :- also stands in for an empty value
    if value is None:
        raise ValueError(f"{name} is not set in the environment; set it, or write ${{{name}:-default}}")
    return value
