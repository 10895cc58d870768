"""A YAML file as plain values and their places.

One pass over the parser's events, which come from libyaml where PyYAML has it: events cannot
overflow a stack, whatever the nesting, and every one carries its line and column. What comes out
are dicts, lists and scalars (`Numeral` for numbers), and beside them the same tree of places.

The rule of this room: the file's size bounds the work. Depth, and what aliases repeat, have limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import yaml

from proxy.config.errors import ConfigError
from proxy.config.scalars import Expanded, expand, resolve
from proxy.config.wording import key_path, quoted
from proxy.config.yaml_wording import explain

DEEPEST = 40  # levels; the models need 7
MOST_REPEATED = 100_000  # values that aliases may add; "a billion laughs" doubles itself 30 times
TEXT_TAG = "tag:yaml.org,2002:str"

# YAML 1.2 section 5.1, without the byte order mark, and without what no terminal shows.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Key = str | int


class Broken:
    """Stands where a value would, once an error about it has been reported."""


BROKEN: Final = Broken()


class Place(NamedTuple):
    """Where a key or a list's item stands, and what is inside it."""

    line: int
    column: int
    inside: Places | None


Places = dict[Key, Place]  # of a mapping or, by index, of a list


class Built(NamedTuple):
    """A value, the places inside it, how many values it has in all and how many levels."""

    value: object
    inside: Places | None = None
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds."""

    name: str
    root: Built
    errors: list[ConfigError]
    text: str = ""

    def error(self, loc: tuple[Key, ...], message: str, at: int = 0) -> ConfigError:
        """An error at the key or item that `loc` leads to; at its parent where it is missing.

        Args:
            at: the character of an item's text at which it is, if that stands in one line.

        A short form has fewer levels than its model (`listen: a:1` for `listen: [{address: a:1}]`):
        levels that the file does not have are left out.
        """
        line, column, inside = 1, 1, self.root.inside
        path: list[Key] = []
        for part in loc:
            if inside is None or (isinstance(part, int) and part not in inside):
                continue
            path.append(part)
            if part in inside:
                line, column, inside = inside[part]
        return ConfigError(self.name, line, column + self._inside(line, column, at), key_path(path), message)

    def _inside(self, line: int, column: int, at: int) -> int:
        """How far behind the beginning of a value its character `at` stands, if it stands in that line."""
        rest = self.text.split("\n")[line - 1][column - 1:] if at else ""
        at += rest.startswith(("'", '"'))
        return at if at < len(rest) else 0


def read_document(text: str, name: str, environ: Mapping[str, str]) -> Document:
    """Read YAML; errors are collected in the document, and what they spoil is `BROKEN`."""
    if match := _FORBIDDEN.search(text):
        line, column = position(text, match.start())
        error = ConfigError(name, line, column, "", f"{_character(match)} cannot stand in YAML")
        return Document(name, Built(BROKEN), [error])
    builder = _Builder(name, text, environ)
    return Document(name, builder.document(), builder.errors, text)


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")


def _character(match: re.Match[str]) -> str:
    return f"the character U+{ord(match[0]):04X}"


class _Stop(Exception):
    """Nothing behind this point can be read."""


class _Builder:
    """Turns events into values; `errors` grows on the way."""

    def __init__(self, name: str, text: str, environ: Mapping[str, str]) -> None:
        self.errors: list[ConfigError] = []
        self._name = name
        self._text = text
        self._environ = environ
        self._events: Iterator[Any] = iter(_LOADER(text).get_event, None)
        self._anchors: dict[str, Built | None] = {}  # None: not yet at its end
        self._path: list[Key] = []
        self._repeated = 0

    def document(self) -> Built:
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            message = explain(error, self._text.splitlines()[line : line + 1])
            self.errors.append(ConfigError(self._name, line + 1, column + 1, "", message))
        except yaml.YAMLError as error:
            self.errors.append(ConfigError(self._name, 1, 1, "", f"this is not YAML: {quoted(str(error))}"))
        except _Stop:
            pass
        return Built(BROKEN)

    def _document(self) -> Built:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Built(None)
        built = self._node(next(self._events))
        next(self._events)  # the document's end
        if not isinstance(event := next(self._events), yaml.StreamEndEvent):
            self._wrong(event, "a second document begins here; a configuration is one document")
        return built

    def _wrong(self, event: Any, message: str) -> Built:
        mark = event.start_mark
        self.errors.append(
            ConfigError(self._name, mark.line + 1, mark.column + 1, key_path(self._path), message)
        )
        return Built(BROKEN)

    def _node(self, event: Any) -> Built:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if len(self._path) > DEEPEST:
            raise self._stop(event, f"this is nested more than {DEEPEST} levels deep")
        if event.anchor:
            self._anchors[event.anchor] = None
        built = self._unnamed(event)
        if event.anchor:
            self._anchors[event.anchor] = built
        return built

    def _unnamed(self, event: Any) -> Built:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        built = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._list()
        return built if event.implicit else self._tagged(event)

    def _stop(self, event: Any, message: str) -> _Stop:
        self._path.clear()  # such a path tells nobody anything
        self._wrong(event, message)
        return _Stop()

    def _tagged(self, event: Any) -> Built:
        return self._wrong(event, f"the tag {quoted(event.tag)} has no meaning here; leave it out")

    def _alias(self, event: Any) -> Built:
        built = self._anchors.get(event.anchor)
        if built is None:
            return self._wrong(event, self._no_anchor(event.anchor))
        self._repeated += built.size
        if self._repeated > MOST_REPEATED:
            raise self._stop(event, f"the aliases up to here stand for more than {MOST_REPEATED} values")
        if len(self._path) + built.height > DEEPEST:
            raise self._stop(event, f"this is nested more than {DEEPEST} levels deep")
        return built

    def _no_anchor(self, name: str) -> str:
        if name in self._anchors:
            return f"the alias *{name} stands inside what it is the name of"
        return f"no anchor &{name} stands before this alias; text that begins with '*' needs quotes"

    def _scalar(self, event: Any) -> Built:
        plain, text = event.implicit[0] and event.tag is None, event.value
        if event.tag not in (None, "!", TEXT_TAG):
            return self._tagged(event)
        if match := _FORBIDDEN.search(text):  # from an escape such as \0
            return self._wrong(event, f"{_character(match)} cannot stand in a value")
        if "${" not in text:
            return Built(resolve(text) if plain else text)
        try:
            text = expand(text, self._environ)
        except ValueError as error:
            return self._wrong(event, str(error))
        if match := _FORBIDDEN.search(text):
            return self._wrong(event, f"the environment puts {_character(match)} into this value")
        return Built(resolve(text) if plain else Expanded(text))

    def _list(self) -> Built:
        items: list[object] = []
        inside: Places = {}
        size, height = 1, 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            self._path.append(len(items))
            built = self._node(event)
            self._path.pop()
            inside[len(items)] = Place(event.start_mark.line + 1, event.start_mark.column + 1, built.inside)
            items.append(built.value)
            size, height = size + built.size, max(height, built.height)
        return Built(items, inside, size, height + 1)

    def _mapping(self) -> Built:
        value: dict[Key, object] = {}
        inside: Places = {}
        size, height = 1, 0
        merged: list[Built] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, inside)
            self._path.append(key if key is not None else "?")
            built = self._node(next(self._events))
            if key == "<<" and event.implicit[0]:
                merged += self._merged(event, built)
            elif key is not None:
                inside[key] = Place(event.start_mark.line + 1, event.start_mark.column + 1, built.inside)
                value[key] = built.value
            self._path.pop()
            size, height = size + built.size, max(height, built.height)
        _merge(value, inside, merged)
        return Built(value, inside, size, height + 1)

    def _key(self, event: Any, inside: Places) -> str | None:
        """The key's text; None, with an error, where it cannot be one."""
        if not isinstance(event, yaml.ScalarEvent):
            self._path.append("?")
            self._node(event)
            self._path.pop()
            self._wrong(event, "a key must be a word, not an alias, a list or a mapping")
            return None
        key: str = event.value
        if event.anchor:
            self._anchors[event.anchor] = Built(key)
        if key in inside:
            self._path.append(key)
            first = inside[key].line
            self._wrong(event, f"{quoted(key)} stands here and in line {first}; only one can count")
            self._path.pop()
            return None
        return key

    def _merged(self, event: Any, built: Built) -> list[Built]:
        """The mappings that `<<` names, the strongest first."""
        if isinstance(built.value, dict):
            return [built]
        if isinstance(built.value, list) and all(isinstance(item, dict) for item in built.value):
            places = built.inside or {}
            return [Built(item, places[index].inside) for index, item in enumerate(built.value)]
        if built.value is not BROKEN:
            self._wrong(event, "'<<' takes a mapping or a list of mappings, mostly an alias")
        return []


def _merge(value: dict[Key, object], inside: Places, merged: list[Built]) -> None:
    """Add what `<<` brings; a key of the mapping itself counts more."""
    for built in merged:
        for key, place in (built.inside or {}).items():
            if key not in inside:
                inside[key] = place
                value[key] = built.value[key]  # type: ignore[index]
