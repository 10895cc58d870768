"""The model of a route's `compress`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from proxy.compression.media import COMMON
from proxy.config.forms import OneOrMany
from proxy.config.model import Model, Octets, coded
from proxy.config.rules import Json, OneOf, Rule, Whole, text_of
from proxy.config.wording import shown

_MEDIA = re.compile(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+|\*(\+[a-z0-9.-]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class MediaPattern(Rule):
    """A media type, in which `*` stands for anything, or `common` for what the proxy knows to be worth it."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a media type")
        if text != COMMON and not _MEDIA.fullmatch(text):
            raise ValueError(f"{shown(value)} is not a media type (text/html, text/*, *+json, or common)")
        return text.lower()

    def json(self) -> Json:
        return {"type": "string"}


class CompressConfig(Model):
    """Compresses answers on their way to clients that take it."""

    codings: Annotated[list[Annotated[str, OneOf(("br", "zstd", "gzip"), "a coding")]], OneOrMany()] = Field(
        default_factory=lambda: ["br", "zstd", "gzip"],
        description="What may be used where it is installed (pyfront[compress]): the client's first choice.",
    )
    minimum: Octets = coded("1KiB", "Size from which an answer is compressed; smaller ones gain nothing.")
    types: Annotated[list[Annotated[str, MediaPattern()]], OneOrMany()] = Field(
        default_factory=lambda: [COMMON],
        description="Media types, with * for anything; common: text and all that is not compressed already.",
    )
    level: Annotated[int | None, Whole(1, 6, optional=True)] = Field(
        None, description="How hard to try; null: 3 for br and zstd, 2 for gzip, which is right for most."
    )
