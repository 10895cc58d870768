"""What is wrong with a configuration: one line per error, in the file's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ConfigError:
    """One error; its text is the line that the user sees.

    Args:
        file: the file's name as the user gave it.
        line: from 1; 0 where the file could not be read at all.
        column: from 1, in characters.
        path: the key's path, e.g. `routes[1].match.path`; empty for the file as a whole.
        message: what was given, what is allowed, and the nearest valid name.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigErrors(Exception):
    """Everything that is wrong with one configuration, sorted by position."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = sorted(errors)
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))
