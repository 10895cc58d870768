"""What a single value may be: each kind of value is a class, used as an annotation in `schema`.

A rule decodes what the file holds, says in our words what is wrong with it, and describes the
same for editors (`json`). A value that is decoded already, as from Python, passes as it is.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from proxy.config.document import BROKEN
from proxy.config.scalars import Numeral, retype
from proxy.config.units import DURATION_PATTERN, PERCENT_PATTERN, SIZE_PATTERN, duration, percent, size
from proxy.config.wording import choices, nearest, shown

Json = dict[str, Any]

# What YAML 1.1 took for a flag, and flags in quotes.
MEANT_FLAGS: Final = {
    **dict.fromkeys(("yes", "on", "true"), "true"),
    **dict.fromkeys(("no", "off", "false"), "false"),
}

# Instead of any value but text a file may have a reference to the environment.
REFERENCE: Json = {"type": "string", "pattern": r"\$\{", "description": "${NAME} or ${NAME:-default}"}


class Rule(ABC):
    """Decodes one value of the file.

    Attributes:
        decoded: types of a value that needs no decoding.
    """

    decoded: ClassVar[tuple[type, ...]] = ()

    @abstractmethod
    def decode(self, value: object, folder: Path) -> object:
        """The value that the model holds; `folder` is what relative paths are relative to.

        Raises:
            ValueError: the message says what was given and what is allowed.
        """

    @abstractmethod
    def json(self) -> Json:
        """How an editor checks the same."""

    def _run(self, value: object, info: ValidationInfo) -> object:
        if type(value) in self.decoded:
            return value
        if value is BROKEN:
            raise PydanticCustomError("broken", "reported already")
        try:
            return self.decode(value, info.context or Path())
        except ValueError as error:
            raise wrong(str(error), getattr(error, "at", 0)) from error

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._run)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        json = self.json()
        return json if json == {"type": "string"} else {"anyOf": [json, REFERENCE]}


def wrong(message: str, at: int = 0) -> PydanticCustomError:
    """An error whose wording is ours; pydantic would take braces in it for fields.

    Args:
        at: the character of the value's text at which it is.
    """
    return PydanticCustomError("wrong", "{message}", {"message": message, "at": at})


def text_of(value: object, what: str = "text") -> str:
    """A value as text: numbers as they were written.

    Raises:
        ValueError: something else.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Numeral):
        return value.text
    quotes = f"; put it in quotes: '{shown(value)}'" if isinstance(value, bool) else ""
    raise ValueError(f"{shown(value)} is not {what}{quotes}")


@dataclass(frozen=True)
class Text(Rule):
    """Any text."""

    def decode(self, value: object, folder: Path) -> str:
        return text_of(value)

    def json(self) -> Json:
        return {"type": ["string", "number"]}


@dataclass(frozen=True)
class Whole(Rule):
    """A whole number; None where nothing is a value too."""

    low: int
    high: int
    optional: bool = False

    decoded: ClassVar = (int,)

    def decode(self, value: object, folder: Path) -> int | None:
        value = retype(value)
        if value is None and self.optional:
            return None
        if not isinstance(value, Numeral) or not value.whole:
            raise ValueError(f"{shown(value)} is not a whole number ({self.low} to {self.high})")
        if not self.low <= value.number <= self.high:
            raise ValueError(f"{shown(value)} is out of range ({self.low} to {self.high})")
        return value.number

    def json(self) -> Json:
        types = ["integer", "null"] if self.optional else "integer"
        return {"type": types, "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Workers(Whole):
    """How many processes; `auto` is one per CPU that this process may use."""

    def decode(self, value: object, folder: Path) -> int | None:
        if value == "auto":
            return min(len(os.sched_getaffinity(0)), self.high)
        try:
            return super().decode(value, folder)
        except ValueError as error:
            raise ValueError(f"{error}, or auto for one per CPU{nearest(value, ['auto'])}") from None

    def json(self) -> Json:
        return {"anyOf": [super().json(), {"const": "auto"}]}


@dataclass(frozen=True)
class Flag(Rule):
    """true or false; None where nothing is a value too."""

    optional: bool = False

    decoded: ClassVar = (bool,)

    def decode(self, value: object, folder: Path) -> bool | None:
        value = retype(value)
        if value is None and self.optional:
            return None
        if isinstance(value, bool):
            return value
        meant = MEANT_FLAGS.get(str(value).lower())
        raise ValueError(
            f"{shown(value)} is not true or false" + (f"; did you mean {meant}?" if meant else "")
        )

    def json(self) -> Json:
        return {"type": ["boolean", "null"] if self.optional else "boolean"}


@dataclass(frozen=True)
class OneOf(Rule):
    """One of a few names or numbers."""

    names: tuple[str | int, ...]
    noun: str

    def decode(self, value: object, folder: Path) -> str | int:
        by_text = {str(name): name for name in self.names}
        text = value.text if isinstance(value, Numeral) else str(value)
        if isinstance(value, str | int | Numeral) and text in by_text:
            return by_text[text]
        near = nearest(text, by_text) if isinstance(value, str) else ""
        raise ValueError(f"{shown(value)} is not {self.noun}{near}{choices(self.names)}")

    def json(self) -> Json:
        return {"enum": list(self.names)}


@dataclass(frozen=True)
class NotYet(Rule):
    """A key of the contract that this release does not have; null and false mean without it."""

    without: tuple[object, ...] = (False,)

    def decode(self, value: object, folder: Path) -> None:
        if value is not None and value not in self.without:
            raise ValueError("not in this release yet; leave the key out")

    def json(self) -> Json:
        return {"enum": [None, *self.without]}


@dataclass(frozen=True)
class Duration(Rule):
    """Seconds, written 250ms, 5s, 1m, 1h or 1d."""

    low: str = "1ms"
    high: str = "3650d"
    optional: bool = False

    decoded: ClassVar = (float, int)

    def decode(self, value: object, folder: Path) -> float | None:
        if value is None and self.optional:
            return None
        text = text_of(value, "a duration (250ms, 5s, 1m, 1h)")
        try:
            seconds = duration(text)
        except ValueError as error:
            raise ValueError(f"{shown(value)} {error}") from None
        if not duration(self.low) <= seconds <= duration(self.high):
            raise ValueError(f"{shown(value)} is out of range ({self.low} to {self.high})")
        return seconds

    def json(self) -> Json:
        return {"type": ["string", "null"] if self.optional else "string", "pattern": f"^{DURATION_PATTERN}$"}


@dataclass(frozen=True)
class Size(Rule):
    """Octets, written 512, 16KiB, 1MiB or 1GiB."""

    low: str = "1"
    high: str = "1048576GiB"
    optional: bool = False

    decoded: ClassVar = (int,)

    def decode(self, value: object, folder: Path) -> int | None:
        if value is None and self.optional:
            return None
        text = text_of(value, "a size (512, 16KiB, 1MiB, 1GiB)")
        try:
            octets = size(text)
        except ValueError as error:
            raise ValueError(f"{shown(value)} {error}") from None
        if not size(self.low) <= octets <= size(self.high):
            raise ValueError(f"{shown(value)} is out of range ({self.low} to {self.high})")
        return octets

    def json(self) -> Json:
        types = ["string", "integer", "null"] if self.optional else ["string", "integer"]
        return {"type": types, "pattern": f"^{SIZE_PATTERN}$", "minimum": 0}


@dataclass(frozen=True)
class Percent(Rule):
    """A share, written 20%; the model holds 0.2."""

    low: str = "0%"
    high: str = "1000%"

    decoded: ClassVar = (float, int)

    def decode(self, value: object, folder: Path) -> float:
        text = text_of(value, "a percentage (20%)")
        try:
            share = percent(text)
        except ValueError as error:
            raise ValueError(f"{shown(value)} {error}") from None
        if not percent(self.low) <= share <= percent(self.high):
            raise ValueError(f"{shown(value)} is out of range ({self.low} to {self.high})")
        return share

    def json(self) -> Json:
        return {"type": "string", "pattern": f"^{PERCENT_PATTERN}$"}
