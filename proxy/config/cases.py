"""`tests:` of a configuration: one line says a request, and what shall become of it.

    GET /static/a.css -> static, 200
    GET https://shop.example/ from 10.0.0.1 with Cookie "a=b; c=d" and X-Beta yes -> pool web
    POST /upload body 200MiB -> 413

The rule of this room: what is not understood is told with its column and the nearest word, and nothing is
guessed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from proxy.config.plain import Finding, Values, items_of, mapping_of, text_in
from proxy.config.rules import Json, Rule, text_of
from proxy.config.units import size
from proxy.config.wording import choices, nearest, quoted

ARROW: Final = "->"
LARGEST_BODY: Final = 64 << 20  # octets: what a test makes of nothing
HANDLED: Final = ("static", "pool", "redirect", "respond")
WORDS: Final = (*HANDLED, "refused", "route", "header", "sends")
NAMING: Final = ("with", "and", "header", "sends")  # a field's name and value follow

_TOKEN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<comma>,)(?=\s|$)|(?P<word>(?:(?!,(?:\s|$))\S)+)')
_PARAMETER = re.compile(r"(?<=[?&;])([^=&;#]*)=([^&#]+)")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ESCAPED = re.compile(r"\\(.)")


class Misplaced(ValueError):
    """What is wrong, and at which character of the text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Word(NamedTuple):
    """A word, or what stood in quotes; `at` is where it begins."""

    text: str
    at: int
    bare: bool = True


class Wanted(NamedTuple):
    """One thing that shall be so: a word of `WORDS`, or `status`, with its names and values."""

    what: str
    name: str = ""
    value: str | None = None

    def __str__(self) -> str:
        if self.what == "status":
            return self.name
        return " ".join(part for part in (self.what, self.name, self.value) if part)


@dataclass(frozen=True, slots=True)
class Case:
    """One test; see the module."""

    text: str
    method: str
    url: str
    wanted: tuple[Wanted, ...] = ()
    client: str = "127.0.0.1"
    fields: tuple[tuple[str, str], ...] = ()
    body: int | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class CaseRule(Rule):
    """A line of the grammar above."""

    decoded: ClassVar = (Case,)

    def decode(self, value: object, folder: Path) -> Case:
        return parse(text_of(value, "a test, such as GET / -> pool web"))

    def json(self) -> Json:
        return {"type": "string", "pattern": ARROW}


def parse(text: str) -> Case:
    """Read one line.

    Raises:
        Misplaced: it is none of the grammar.
    """
    words = list(_words(text))
    arrow = next((place for place, word in enumerate(words) if word.bare and word.text == ARROW), None)
    if arrow is None:
        raise Misplaced("a test says what shall become of a request: GET / -> pool web", 0)
    asked = _Reader(words[:arrow], words[arrow].at)
    request = _Request(asked)
    return Case(text, request.method, request.url, tuple(_outcome(_Reader(words[arrow + 1:], len(text)))),
                request.client, tuple(request.fields), request.body)


def told(case: Case, is_secret: Callable[[str], object], hide: Callable[[str], str]) -> str:
    """The line, with something in the place of the values of fields and parameters that are secrets.

    Args:
        is_secret: asked for each name.
        hide: what stands in the place of a value.
    """
    before = ["", ""]

    def word(match: re.Match[str]) -> str:
        kind, name = before[-2], before[-1].strip('":')
        before.append(match[0])
        if kind in NAMING and is_secret(name) and not match["comma"] and match[0] != ARROW:
            return hide(match[0])
        return _PARAMETER.sub(parameter, match[0])

    def parameter(match: re.Match[str]) -> str:
        return f"{match[1]}={hide(match[2])}" if is_secret(match[1]) else match[0]

    return _TOKEN.sub(word, case.text)


def _words(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None or (text[at] == '"' and match["quoted"] is None):
            raise Misplaced('a " that is not closed', at)
        inside = match["quoted"]
        yield Word(match[0], at) if inside is None else Word(_ESCAPED.sub(r"\1", inside), at, bare=False)
        at = match.end()


class _Reader:
    """Takes words one by one."""

    def __init__(self, words: list[Word], end: int) -> None:
        self._words = words
        self._at = 0
        self._end = end

    def peek(self) -> Word | None:
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self, what: str) -> Word:
        word = self.peek()
        if word is None or (word.bare and word.text == ","):
            raise Misplaced(f"{what} is missing here", self._end if word is None else word.at)
        self._at += 1
        return word

    def skip(self, text: str) -> bool:
        """Whether the next word is this one, which is passed over then."""
        word = self.peek()
        found = word is not None and word.bare and word.text == text
        self._at += found
        return found


@dataclass
class _Request:
    """What stands before the arrow."""

    reader: _Reader
    method: str = ""
    url: str = ""
    client: str = "127.0.0.1"
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: int | None = None

    def __post_init__(self) -> None:
        clauses = {"from": self._from, "with": self._with, "body": self._body}
        self._begin()
        while (word := self.reader.peek()) is not None:
            clause = clauses.get(word.text) if word.bare else None
            if clause is None:
                raise Misplaced(f"{quoted(word.text)} is not understood{nearest(word.text, clauses)}"
                                f"{choices((*clauses, ARROW))}", word.at)
            self.reader.take("")
            clause()

    def _begin(self) -> None:
        method, url = self.reader.take("a method"), self.reader.take("a URL")
        if not _METHOD.fullmatch(method.text) or "/" in method.text:
            raise Misplaced(f"{quoted(method.text)} is not a method", method.at)
        if not url.text.startswith(("/", "*", "http://", "https://")) and method.text != "CONNECT":
            raise Misplaced(f"{quoted(url.text)} is neither a path (/cart) nor a URL (https://host/cart)",
                            url.at)
        self.method, self.url = method.text, url.text

    def _from(self) -> None:
        word = self.reader.take("the client's address")
        try:
            self.client = str(ipaddress.ip_address(word.text))
        except ValueError:
            raise Misplaced(f"{quoted(word.text)} is not an address", word.at) from None

    def _with(self) -> None:
        while True:
            name = self.reader.take("a field's name")
            if not _METHOD.fullmatch(name.text.removesuffix(":")):
                raise Misplaced(f"{quoted(name.text)} is not a field's name", name.at)
            self.fields.append((name.text.removesuffix(":"), self.reader.take("the field's value").text))
            if not self.reader.skip("and"):
                return

    def _body(self) -> None:
        word = self.reader.take("the body's size")
        try:
            self.body = size(word.text)
        except ValueError as error:
            raise Misplaced(f"{quoted(word.text)} {error}", word.at) from None
        if self.body > LARGEST_BODY:
            raise Misplaced(f"{quoted(word.text)} is more than a test can make (64MiB)", word.at)


def _outcome(reader: _Reader) -> Iterator[Wanted]:
    """What stands behind the arrow."""
    found: dict[str, Word] = {}
    while True:
        word = reader.take("what shall become of it")
        wanted = _wanted(word, reader)
        kind = "handler" if wanted.what in HANDLED else wanted.what
        if kind in ("handler", "status", "refused", "route") and kind in found:
            raise Misplaced(f"{quoted(word.text)} beside {quoted(found[kind].text)}; one can be", word.at)
        found[kind] = word
        if "status" in found and found.get("handler", word).text == "pool":
            raise Misplaced("what a pool answers with is its application's matter; leave the status out",
                            found["status"].at)
        yield wanted
        if (end := reader.peek()) is None:
            return
        if not reader.skip(","):
            raise Misplaced(f"{quoted(end.text)} is one word too many; a comma separates", end.at)


def _wanted(word: Word, reader: _Reader) -> Wanted:
    if word.bare and word.text.isdigit():
        if not 100 <= int(word.text) <= 599 or len(word.text) != 3:
            raise Misplaced(f"{word.text} is not a status (100 to 599)", word.at)
        return Wanted("status", word.text)
    take = _TAKES.get(word.text) if word.bare else None
    if take is None:
        raise Misplaced(f"{quoted(word.text)} is not an outcome{nearest(word.text, WORDS)}"
                        f"{choices((*WORDS, 'a status'))}", word.at)
    return take(word.text, reader)


def _alone(what: str, reader: _Reader) -> Wanted:
    return Wanted(what)


def _named(what: str, reader: _Reader) -> Wanted:
    return Wanted(what, reader.take(f"the name of the {what}").text)


def _maybe_named(what: str, reader: _Reader) -> Wanted:
    return Wanted(what, _next(reader) or "")


def _field(what: str, reader: _Reader) -> Wanted:
    return Wanted(what, reader.take("a field's name").text.removesuffix(":"), _next(reader))


def _next(reader: _Reader) -> str | None:
    word = reader.peek()
    return None if word is None or (word.bare and word.text == ",") else reader.take("").text


_TAKES: Final[dict[str, Callable[[str, _Reader], Wanted]]] = {
    "static": _maybe_named, "pool": _named, "redirect": _maybe_named, "respond": _alone, "refused": _alone,
    "route": _named, "header": _field, "sends": _field}


def check_cases(data: Values) -> Iterator[Finding]:
    """Names in tests that are nowhere else in the file."""
    pools = list(mapping_of(data.get("pools")))
    routes = [text_in(mapping_of(route).get("name")) or f"route {number}"
              for number, route in enumerate(items_of(data, "routes"), 1)]
    for index, item in enumerate(items_of(data, "tests")):
        for what, name in _names_in(item):
            known = pools if what == "pool" else routes
            if name not in known:
                hint = f"{nearest(name, known)}{choices(known)}"
                yield ("tests", index), f"{quoted(name)} is not a {what}{hint}"


def _names_in(item: object) -> Iterator[tuple[str, str]]:
    try:
        case = parse(text_in(item) or "")
    except ValueError:
        return  # reported by its own rule
    for wanted in case.wanted:
        if wanted.what in ("pool", "route"):
            yield wanted.what, wanted.name
