"""Values that only `static:` has, and the model of a cache rule."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from proxy.config.file_rules import absolute
from proxy.config.forms import OneOrMany
from proxy.config.http_rules import TOKEN, check_regex
from proxy.config.model import Bool, Model, coded
from proxy.config.rules import Duration, Json, Rule, text_of
from proxy.config.wording import choices, nearest, quoted, shown

PATTERN_FORMS: Final = "(*.html in any folder, assets/* in that one, assets/** also below it, ~ a regex)"
# RFC 9111 section 5.2.2, RFC 8246 and RFC 5861: what a response may say; those with seconds need them.
WITH_SECONDS: Final = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")
DIRECTIVES: Final = (
    *WITH_SECONDS, "immutable", "must-revalidate", "must-understand", "no-cache", "no-store", "no-transform",
    "private", "proxy-revalidate", "public")  # fmt: skip

_DIRECTIVE = re.compile(rf'({TOKEN.pattern})(?:=({TOKEN.pattern}|"(?:[^"\\]|\\.)*"))?')
_BETWEEN = re.compile(r"[ \t]*,[ \t]*")


@dataclass(frozen=True)
class FilePattern(Rule):
    """Names below a root: with a slash from the root on, without one in any folder; `~` and an expression."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, f"a pattern of files {PATTERN_FORMS}")
        if text.startswith("~"):
            check_regex(text)
            return text
        name = text.removeprefix("/")
        if name.endswith("/"):
            raise ValueError(f"{shown(value)} is a folder; did you mean {quoted(text + '**')}?")
        if not name or {"", ".", ".."} & set(name.split("/")):
            raise ValueError(f"{shown(value)} names no file below the root {PATTERN_FORMS}")
        if bad := re.search(r"[\[\]{}\\\0]", name):
            means = f"which means nothing here {PATTERN_FORMS}"
            raise ValueError(f"{shown(value)} has {quoted(bad[0])} in it, {means}")
        if any("**" in part and part != "**" for part in name.split("/")):
            raise ValueError(f"{shown(value)} has a '**' that is not a whole part of it {PATTERN_FORMS}")
        return text

    def json(self) -> Json:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class CacheControl(Rule):
    """A whole Cache-Control value (RFC 9111 section 5.2); null is none.

    Caches pass over what they do not know, so a slip of the pen would say nothing at all.
    """

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = text_of(value, "a Cache-Control value").strip(" \t")
        at = 0
        while at <= len(text):
            match = _DIRECTIVE.match(text, at)
            if match is None or not match[0].isascii():
                raise ValueError(f"{shown(value)} is not a Cache-Control value (no-cache; max-age=60)")
            _check_directive(match[1], match[2])
            between = _BETWEEN.match(text, match.end())
            if between is None and match.end() != len(text):
                raise ValueError(f"{shown(value)} has no comma before {quoted(text[match.end():].strip())}")
            at = between.end() if between else len(text) + 1
        return text

    def json(self) -> Json:
        return {"type": ["string", "null"]}


def _check_directive(name: str, argument: str | None) -> None:
    if name.lower() not in DIRECTIVES and (near := nearest(name, DIRECTIVES)):
        raise ValueError(f"{quoted(name)} is not a directive of Cache-Control{near}{choices(DIRECTIVES)}")
    if name.lower() in WITH_SECONDS and not re.fullmatch(r"[0-9]{1,10}", argument or ""):
        raise ValueError(f"{quoted(name)} needs seconds, as in {name}=3600")


@dataclass(frozen=True)
class ManifestPath(Rule):
    """A build's list of its files; it may be made later than the proxy is started."""

    decoded: ClassVar = (type(Path()),)

    def decode(self, value: object, folder: Path) -> Path:
        text = text_of(value, "a file")
        path = absolute(text, folder)
        if not text or os.path.isdir(path):
            raise ValueError(f"{shown(value)} is not a file (staticfiles.json, dist/.vite/manifest.json)")
        return path

    def json(self) -> Json:
        return {"type": "string", "minLength": 1}


class CacheRule(Model):
    """What clients are told about some of the files; `static_checks` sees to it that it says one thing."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["max_age"]}, {"required": ["control"]}]})

    files: Annotated[list[Annotated[str, FilePattern()]], OneOrMany()] = Field(
        description="*.html in any folder; assets/* in that one; assets/** also below it; ~ a regex."
    )
    max_age: Annotated[float | None, Duration("0s", optional=True)] = coded(
        None, "How long clients may keep a file without asking; null says nothing."
    )
    immutable: Bool = Field(
        False, description="Whether max_age holds for a reload, too: for names that change with the content."
    )
    control: Annotated[str | None, CacheControl()] = Field(
        None, description="The whole Cache-Control, such as no-cache or no-store, in place of max_age."
    )
