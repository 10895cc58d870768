"""Sends the client elsewhere.

The rule of this room: where to is the configuration's decision. What comes from the client is
encoded, and can only ever become path or query: never the scheme or the host, nor a second
slash at the start that would make a host of what follows. `{host}` alone may name one, and it is
the host that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from proxy.handlers.urls import encode_path, escape
from proxy.http.exchange import Exchange, respond
from proxy.http.prepared import Prepared, error_page
from proxy.wire.target import valid_authority

if TYPE_CHECKING:
    from proxy.config.schema import RedirectConfig

Piece = Callable[[Exchange], bytes]

_PLACEHOLDER = re.compile(r"(\{[^{}]*\})")
# The beginning of a Location: where a host must come next, and where one may still go on. Browsers
# take any number of slashes behind a scheme for two.
_HOST_NEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/*|//+")
_HOST_OPEN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:/*|//+)?[^/?#]*")


class Redirect:
    """Answers with `config.status` and a Location made from `config.to`.

    `to` may use {path}, {query}, {host}, {scheme} and {rest}, which is the path without `prefix`.
    A `?` before a {query} that is empty is left out.

    Raises:
        ValueError: an unknown placeholder, or one from the client's target where a host belongs.
    """

    __slots__ = ("_needs_host", "_pieces", "_prefix", "_prepared", "_relative", "_status")

    def __init__(self, config: RedirectConfig, prefix: bytes) -> None:
        self._status = config.status
        self._prefix = prefix
        self._relative = not config.to.startswith("//")
        self._needs_host = "{host}" in config.to
        self._pieces = self._compile(config.to)
        self._prepared: Prepared | None = None
        if _PLACEHOLDER.search(config.to) is None:
            self._prepared = self._page(escape(config.to.encode()))

    def handle(self, exchange: Exchange) -> None:
        if self._prepared is not None:
            respond(exchange, self._prepared)
        elif self._needs_host and not valid_authority(exchange.host):
            exchange.refuse(400, why="without a Host nobody can say where this client should go")  # HTTP/1.0
        else:
            respond(exchange, self._page(self._location(exchange)))

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        location = b"".join([piece(exchange) for piece in self._pieces])
        return {"kind": "redirect", "status": self._status, "to": location.decode("latin-1")}

    def _page(self, location: bytes) -> Prepared:
        return error_page(self._status, [(b"Location", location)])

    def _location(self, exchange: Exchange) -> bytes:
        location = b"".join([piece(exchange) for piece in self._pieces])
        if self._relative and location.startswith(b"//"):
            return b"/" + location.lstrip(b"/")
        return location

    def _compile(self, to: str) -> list[Piece]:
        pieces: list[Piece] = []
        before = ""  # as it will stand in the Location, with the least that a value can be
        for part in _PLACEHOLDER.split(to.replace("?{query}", "{?query}")):
            if part:
                piece, least = self._piece(part, before)
                pieces.append(piece)
                before += least
        return pieces

    def _piece(self, part: str, before: str) -> tuple[Piece, str]:
        if part == "{rest}":
            return _placed(self._rest, part, before)
        if part in _FROM_TARGET:
            return _placed(_FROM_TARGET[part], part, before)
        if part in _OTHERS:
            return _OTHERS[part]
        if part.startswith("{"):
            raise ValueError(f"unknown placeholder {part}; use path, query, host, scheme or rest")
        return _constant(escape(part.encode())), part

    def _rest(self, exchange: Exchange) -> bytes:
        """What the route's `*` stands for; as sent where that is not open to readings."""
        target = exchange.target
        sent = target.path_query.partition(b"?")[0]
        if not target.ambiguous and sent.startswith(self._prefix):
            return escape(sent[len(self._prefix):])
        return encode_path(target.path.removeprefix(self._prefix))


def _placed(value: Piece, name: str, before: str) -> tuple[Piece, str]:
    """A value of the client's, kept from becoming (part of) a host by a slash of our own."""
    if _HOST_NEXT.fullmatch(before):
        raise ValueError(f"{name} would let the client choose the host")
    if _HOST_OPEN.fullmatch(before) is None:
        return value, ""
    return lambda exchange: b"/" + value(exchange).lstrip(b"/"), "/"


def _constant(text: bytes) -> Piece:
    return lambda _: text


def _path(exchange: Exchange) -> bytes:
    return escape(exchange.target.path_query.partition(b"?")[0])


def _query(exchange: Exchange) -> bytes:
    return escape(exchange.target.query)


def _question(exchange: Exchange) -> bytes:
    query = exchange.target.query
    return b"?" + escape(query) if query else b""


def _host(exchange: Exchange) -> bytes:
    return exchange.host


def _scheme(exchange: Exchange) -> bytes:
    return exchange.peer.scheme.encode()


_FROM_TARGET: dict[str, Piece] = {"{path}": _path, "{query}": _query}
_OTHERS: dict[str, tuple[Piece, str]] = {
    "{?query}": (_question, ""), "{host}": (_host, "h"), "{scheme}": (_scheme, "http")}
