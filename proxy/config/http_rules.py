"""Values that HTTP has a say in: hosts, paths, methods, networks, fields, redirects."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from proxy.config.rules import Json, Rule, text_of
from proxy.config.wording import choices, nearest, quoted, shown

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
PLACEHOLDERS: Final = ("path", "query", "host", "scheme", "rest")
PATH_FORMS: Final = "(/a exactly, /a/* and below, ~^/a a regular expression)"
NETWORK_FORMS: Final = "(10.0.0.0/8, 192.0.2.1, 2001:db8::/32)"

# The proxy says these itself: a second one would contradict the framing or the clock.
OWN_FIELDS: Final = frozenset(
    ("connection", "content-length", "date", "keep-alive", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_OF_URL = re.compile(r"(?:\w+://)?([^/:]*)(?::\d+)?(?:/.*)?", re.DOTALL)
# The beginning of a URL: where a host must come next, and where one may still go on. Browsers take
# any number of slashes behind a scheme for two.
_HOST_NEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*|//+")
_HOST_OPEN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:/*|//+)?[^/?#]*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}|[{}]")


def check_regex(text: str) -> None:
    """Whether what follows the `~` compiles.

    Raises:
        ValueError: it does not; the message says why and where.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may read differently
            re.compile(text[1:])
    except (re.error, RecursionError, OverflowError) as error:
        hint = "; no space or '*' follows the '~'" if text[1:2] in (" ", "*") else ""
        raise ValueError(f"{quoted(text)} is not a regular expression: {error}{hint}") from None


@dataclass(frozen=True)
class HostPattern(Rule):
    """A host's name, or `*.` and a domain for all below it; in lower case, without a port."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a host").lower().removesuffix(".")
        if not text.isascii():
            text = _to_ascii(text)
        if not _HOST.fullmatch(text) or ".." in text:
            bare = _OF_URL.sub(r"\1", text)
            meant = f"; did you mean {quoted(bare)}?" if _HOST.fullmatch(bare) else ""
            raise ValueError(f"{shown(value)} is not a host{meant} (www.example.com, *.example.com)")
        return text

    def json(self) -> Json:
        return {"type": "string"}


def _to_ascii(text: str) -> str:
    """The name as requests carry it (IDNA)."""
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return text


@dataclass(frozen=True)
class PathPattern(Rule):
    """`/a` exactly, `/static/*` and all below it, or `~` and a regular expression."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a path")
        if text.startswith("~"):
            check_regex(text)
        elif not text.startswith("/"):
            raise ValueError(f"{shown(value)} is not a path{_rooted(text)} {PATH_FORMS}")
        elif "*" in text.removesuffix("/*"):
            raise ValueError(f"{shown(value)} has a '*' that is not its whole last part {PATH_FORMS}")
        elif bad := re.search(r"[\s?#]", text):
            raise ValueError(f"{shown(value)} has {quoted(bad[0])} in it, which no path has{_query(bad[0])}")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^[/~]"}


def _rooted(text: str) -> str:
    return f"; did you mean {quoted('/' + text)}?" if re.match(r"[\w.]", text) else ""


def _query(character: str) -> str:
    return "; match.query looks at the query" if character == "?" else ""


@dataclass(frozen=True)
class Method(Rule):
    """A method's name; methods are case-sensitive (RFC 9110 section 9.1)."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a method")
        if not TOKEN.fullmatch(text) or (text not in METHODS and text.upper() in METHODS):
            raise ValueError(f"{shown(value)} is not a method{nearest(text, METHODS)}{choices(METHODS)}")
        return text

    def json(self) -> Json:
        return {"type": "string"}


@dataclass(frozen=True)
class Network(Rule):
    """An address or a CIDR."""

    decoded: ClassVar = (IPv4Network, IPv6Network)

    def decode(self, value: object, folder: Path) -> IPv4Network | IPv6Network:
        text = text_of(value, "a network")
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a network {NETWORK_FORMS}") from None
        if "/" in text and ip_address(text.partition("/")[0]) != network.network_address:
            raise ValueError(f"{shown(value)} has bits behind its prefix; did you mean {network}?")
        return network

    def json(self) -> Json:
        return {"type": "string", "pattern": "^[0-9A-Fa-f:.]+(/[0-9.]+)?$"}


@dataclass(frozen=True)
class Condition(Rule):
    """What a field or a query parameter must be: a value, `~regex`, true (there) or false (absent)."""

    decoded: ClassVar = (bool,)

    def decode(self, value: object, folder: Path) -> str | bool:
        if value is None:
            raise ValueError("an empty value is no condition; true is present, false is absent")
        text = text_of(value, "a condition (a value, ~regex, true or false)")
        if text.startswith("~"):
            check_regex(text)
        return text

    def json(self) -> Json:
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class FieldName(Rule):
    """A header's name; one that a response may set itself where `own` are refused."""

    response: bool = False

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value)
        if not TOKEN.fullmatch(text):
            raise ValueError(f"{quoted(text)} is not a header's name (letters, digits and '-')")
        if self.response and text.lower() in OWN_FIELDS:
            raise ValueError(f"the proxy sets {quoted(text)} itself; leave it out")
        if self.response and text.lower() == "content-type":
            raise ValueError(f"{quoted(text)} has a key of its own here: content_type")
        return text

    def json(self) -> Json:
        return {"type": "string"}


@dataclass(frozen=True)
class FieldValue(Rule):
    """A header's value: visible ASCII, spaces and tabs (RFC 9110 section 5.5)."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value)
        if bad := re.search(r"[^\t\x20-\x7e]", text):
            raise ValueError(f"{shown(value)} has {quoted(bad[0])} in it, which a header cannot carry")
        return text.strip(" \t")

    def json(self) -> Json:
        return {"type": ["string", "number"]}


@dataclass(frozen=True)
class RedirectTarget(Rule):
    """A URI reference with placeholders."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "an address to go to")
        if not text:
            raise ValueError("is empty; write a path or a URL")
        if bad := re.search(r"[^\x21-\x7e]", text):
            safe = "".join(map(chr, range(0x21, 0x7F)))
            raise ValueError(
                f"{shown(value)} has {quoted(bad[0])} in it, which a URL cannot have; "
                f"did you mean {quoted(quote(text, safe=safe))}?"
            )
        for match in _PLACEHOLDER.finditer(text):
            if match[1] not in PLACEHOLDERS:
                near = nearest(match[1], PLACEHOLDERS) if match[1] else ""
                end = f"which is no placeholder{near}{choices(PLACEHOLDERS)}"
                raise ValueError(f"{shown(value)} has {quoted(match[0])} in it, {end}")
        if chooser := _chooser_of_host(text):
            raise ValueError(f"{shown(value)} lets the client choose the host: {chooser} stands in its place")
        return text

    def json(self) -> Json:
        return {"type": "string", "minLength": 1}


def _chooser_of_host(target: str) -> str:
    """A placeholder that would be the host, which no part of a request's target may become."""
    before = ""  # what comes before it, with the least that other placeholders can be
    for part in re.split(r"(\{\w+\})", target.replace("?{query}", "")):
        if part in ("{path}", "{query}", "{rest}"):
            if _HOST_NEXT.fullmatch(before):
                return part
            before += "/" if _HOST_OPEN.fullmatch(before) else ""  # the handler puts it there
        else:
            before += {"{host}": "h", "{scheme}": "http"}.get(part, part)
    return ""


@dataclass(frozen=True)
class FileName(Rule):
    """The name of a file, without a folder."""

    def decode(self, value: object, folder: Path) -> str:
        text = text_of(value, "a file's name")
        if not text or "/" in text or text in (".", ".."):
            raise ValueError(f"{shown(value)} is not a file's name (index.html)")
        return text

    def json(self) -> Json:
        return {"type": "string", "pattern": "^[^/]+$"}


@dataclass(frozen=True)
class Status(Rule):
    """A final status."""

    decoded: ClassVar = (int,)

    def decode(self, value: object, folder: Path) -> int:
        text = text_of(value, "a status (200 to 599)")
        if not re.fullmatch(r"[2-5][0-9][0-9]", text):
            raise ValueError(f"{shown(value)} is not a status (200 to 599)")
        return int(text)

    def json(self) -> Json:
        return {"type": "integer", "minimum": 200, "maximum": 599}
