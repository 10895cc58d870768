"""Values that name files of a site, and what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from proxy.config.http_rules import TOKEN
from proxy.config.rules import Json, Rule, text_of
from proxy.config.wording import quoted, shown


@dataclass(frozen=True)
class FilePath(Rule):
    """A file below a folder of the same section."""

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = text_of(value, "a file below the root")
        names = text.split("/")
        if not text or text.startswith("/") or text.endswith("/") or {"", ".", ".."} & set(names):
            raise ValueError(f"{shown(value)} is not the path of a file below the root (errors/404.html)")
        return text

    def json(self) -> Json:
        return {"type": ["string", "null"], "pattern": "^[^/].*[^/]$|^[^/]$"}


@dataclass(frozen=True)
class UriPrefix(Rule):
    """The begin of the URIs that an application gives to files: /protected/."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a URI's begin (/protected/)")
        names = text.strip("/").split("/") if text != "/" else []
        if not text.startswith("/") or not text.endswith("/"):
            meant = f"/{text.strip('/*')}/".replace("//", "/")
            raise ValueError(f"{shown(value)} is not the begin of URIs; did you mean {quoted(meant)}?")
        if {"", ".", ".."} & set(names) or re.search(r"[*?#%\s\\]", text):
            raise ValueError(f"{shown(value)} is not the begin of URIs (/protected/), written plainly")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^/(.*/)?$"}


@dataclass(frozen=True)
class NamePattern(Rule):
    """A pattern of the name of a file or folder: *.map, private, ~*."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a pattern of names (*.map)")
        if not text or "/" in text:
            raise ValueError(f"{shown(value)} is not a pattern of the name of a file or folder (*.map)")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^[^/]+$"}


@dataclass(frozen=True)
class Extension(Rule):
    """The end of a file's name, from its last dot."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "an extension (.css)")
        if not re.fullmatch(r"\.[^./\s]+", text):
            raise ValueError(f"{shown(value)} is not an extension (.css)")
        return text.lower()

    def json(self) -> Json:
        return {"type": "string", "pattern": r"^\.[^./\s]+$"}


@dataclass(frozen=True)
class MediaType(Rule):
    """A media type (RFC 9110 section 8.3.1), its parameters included."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a media type (text/css; charset=utf-8)")
        name = TOKEN.pattern
        if not re.fullmatch(rf'{name}/{name}(?:; ?{name}=(?:{name}|"[^"\\]*"))*', text, re.ASCII):
            raise ValueError(f"{shown(value)} is not a media type (text/css; charset=utf-8)")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^[^/ ]+/[^/ ]+"}
