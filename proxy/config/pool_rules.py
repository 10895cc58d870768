"""Values that only pools have: strategies, what is hashed, what a probe asks and expects, retries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.config.http_rules import OWN_FIELDS, TOKEN, FieldName, HostPattern, check_regex
from proxy.config.rules import Json, OneOf, Rule, text_of
from proxy.config.scalars import Numeral
from proxy.config.wording import choices, nearest, quoted, shown

CLASS_PATTERN: Final = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
HASH_KEYS: Final = ("client", "path", "query:NAME", "header:NAME", "cookie:NAME")
RETRY_CAUSES: Final = ("connect", "reset", "timeout")
STATUS_FORMS: Final = "(200, 2xx, 200-399 or 200,204,300-399; statuses are 100 to 599)"

_RANGE = re.compile(r"\s*([1-5][0-9]{2})(?:\s*-\s*([1-5][0-9]{2}))?\s*")
_CLASS = re.compile(r"\s*([1-5])[xX]{2}\s*")
_PORT = re.compile(r":[0-9]{1,5}\Z")


@dataclass(frozen=True)
class StrategyName(OneOf):
    """A strategy of ours by its name, or one of the user's as `package.module:Class`."""

    def decode(self, value: object, folder: Path) -> str | int:
        if isinstance(value, str) and re.fullmatch(CLASS_PATTERN, value, re.ASCII):
            return str(value)
        try:
            return super().decode(value, folder)
        except ValueError as error:
            raise ValueError(f"{error}, or package.module:Class") from None

    def json(self) -> Json:
        return {"anyOf": [super().json(), {"type": "string", "pattern": f"^{CLASS_PATTERN}$"}]}


@dataclass(frozen=True)
class HashKey(Rule):
    """What of a request is hashed."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, f"a key to hash{choices(HASH_KEYS)}")
        kind, colon, name = text.partition(":")
        if text in HASH_KEYS[:2] or (kind == "query" and name):
            return text
        if kind in ("header", "cookie") and colon:
            if not TOKEN.fullmatch(name):
                raise ValueError(f"{shown(value)} names no {kind}; {quoted(name)} is not a {kind}'s name")
            return text
        raise ValueError(f"{shown(value)} is not a key to hash{nearest(text, HASH_KEYS)}{choices(HASH_KEYS)}")

    def json(self) -> Json:
        return {"type": "string", "pattern": "^(client|path|(query|header|cookie):.+)$"}


@dataclass(frozen=True)
class ProbePath(Rule):
    """What a probe asks for: a path, perhaps with a query (RFC 9112 section 3.2.1)."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a path")
        if not text.startswith("/"):
            meant = f"; did you mean {quoted('/' + text)}?" if re.match(r"\w", text) else ""
            raise ValueError(f"{shown(value)} is not a path{meant} (/health)")
        if bad := re.search(r"[^\x21-\x7e]|#", text):
            raise ValueError(f"{shown(value)} has {quoted(bad[0])} in it, which no path has")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^/[^#\\s]*$"}


@dataclass(frozen=True)
class HostField(Rule):
    """What a Host field may hold: a host and perhaps a port (RFC 9110 section 7.2); null is none."""

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = text_of(value, "a host")
        if text.startswith("*"):
            raise ValueError(f"{shown(value)} is not one host; a request names one (www.example.com)")
        bare = _PORT.sub("", text)
        return HostPattern().decode(bare, folder) + text[len(bare) :]

    def json(self) -> Json:
        return {"type": ["string", "null"]}


@dataclass(frozen=True)
class ProbeFieldName(FieldName):
    """A header's name that a probe does not send by itself."""

    def decode(self, value: object, folder: Path) -> str:
        text = super().decode(value, folder)
        if text.lower() in OWN_FIELDS:
            raise ValueError(f"the proxy sets {quoted(text)} itself; leave it out")
        if key := {"host": "host", "x-forwarded-proto": "proto"}.get(text.lower()):
            raise ValueError(f"{quoted(text)} has a key of its own: {key}")
        return text


@dataclass(frozen=True)
class StatusRanges(Rule):
    """Statuses and ranges of them, in one text or a list, as pairs of first and last; None is any."""

    optional: bool = False

    def decode(self, value: object, folder: Path) -> list[tuple[int, int]] | None:
        if value is None and self.optional:
            return None
        items = value if isinstance(value, list) else [value]
        if not items:
            raise ValueError(f"an empty list; give at least one {STATUS_FORMS}")
        return [pair for item in items for pair in _pairs(item)]

    def json(self) -> Json:
        numbers: Json = {"minimum": 100, "maximum": 599}
        one: Json = {"type": ["string", "integer"], "pattern": "^[0-9xX, -]+$", **numbers}
        several: Json = {"type": "array", "items": one, "minItems": 1}
        return {"anyOf": [one, several, *([{"type": "null"}] if self.optional else [])]}


def _pairs(item: object) -> list[tuple[int, int]]:
    """The ranges of one item; from Python it may be a pair or a number already."""
    if isinstance(item, tuple):
        return [item]
    text = str(item) if isinstance(item, int) else text_of(item, f"a range of statuses {STATUS_FORMS}")
    pairs = []
    for part in text.split(","):
        first, last = _pair(part)
        if first > last:
            raise ValueError(f"{shown(item)} is not a range of statuses {STATUS_FORMS}")
        pairs.append((first, last))
    return pairs


def _pair(part: str) -> tuple[int, int]:
    """First and last; the wrong way round where it is neither."""
    if whole := _CLASS.fullmatch(part):
        return int(whole[1]) * 100, int(whole[1]) * 100 + 99
    match = _RANGE.fullmatch(part)
    return (int(match[1]), int(match[2] or match[1])) if match else (0, -1)


@dataclass(frozen=True)
class BodyCondition(Rule):
    """Text that must be found, or `~` and a regular expression that must match; null is any body."""

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = text_of(value)
        if not text:
            raise ValueError("is empty, and every body has that in it; leave the key out")
        if text.startswith("~"):
            check_regex(text)
        return text

    def json(self) -> Json:
        return {"type": ["string", "number", "null"]}


@dataclass(frozen=True)
class RetryCause(Rule):
    """A way to fail: connect, reset, timeout, or the status of an answer."""

    def decode(self, value: object, folder: Path) -> str:
        text = str(value) if isinstance(value, (str, Numeral, int)) else ""
        if text not in RETRY_CAUSES and not re.fullmatch(r"5[0-9]{2}", text, re.ASCII):
            near = nearest(text, RETRY_CAUSES) if isinstance(value, str) else ""
            raise ValueError(f"{shown(value)} is not a failure{near}{choices((*RETRY_CAUSES, '500 to 599'))}")
        return text

    def json(self) -> Json:
        return {"anyOf": [{"enum": list(RETRY_CAUSES)}, {"type": "integer", "minimum": 500, "maximum": 599},
                          {"type": "string", "pattern": "^5[0-9]{2}$"}]}  # fmt: skip


@dataclass(frozen=True)
class CookieName(Rule):
    """A cookie's name: a token (RFC 6265 section 4.1.1)."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value)
        if not TOKEN.fullmatch(text):
            raise ValueError(f"{shown(value)} is not a cookie's name (letters, digits, '-' and '_')")
        return text

    def json(self) -> Json:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Secret(Rule):
    """Text that nobody else should know; null has one made up. Messages do not show it."""

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = value.text if isinstance(value, Numeral) else value
        if not isinstance(text, str) or not text:
            raise ValueError("a secret is text that is not empty, as from ${SECRET}")
        return str(text)

    def json(self) -> Json:
        return {"type": ["string", "number", "null"]}
