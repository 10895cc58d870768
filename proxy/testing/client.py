"""A client of the proxy in a test: asks, and says what became of it inside."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from proxy.wire.h1 import ChunkedDecoder
from proxy.wire.headers import split_fields

if TYPE_CHECKING:
    from proxy.observe.past import Past

PIECE = 65536
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes:
        status: 0 where the connection ended without one.
        fields: names in lower case and values, in order.
        whole: the body came to its end; else it was cut.
        request_id: under which the proxy knows the request.
        exchange: what became of it inside: its `route`, `pool`, `endpoint`, `attempts`, `trail`, `why`; None
            where it never became an exchange.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool
    request_id: str
    exchange: Past | None = None

    def get(self, name: str) -> str | None:
        """A field's value; of several the first."""
        return next((value for key, value in self.fields if key == name.lower()), None)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def endpoint(self) -> str:
        """The address of who answered, as the configuration has it; empty where the proxy did."""
        return "" if self.exchange is None else self.exchange.endpoint

    @property
    def pool(self) -> str:
        return "" if self.exchange is None else self.exchange.pool

    @property
    def route(self) -> str:
        return "" if self.exchange is None else self.exchange.route


def request_octets(method: str, url: str, authority: str, headers: dict[str, str] | None,
                   body: bytes | None) -> tuple[bytes, str]:
    """What is sent, and the request's id."""
    parts = urlsplit(url)
    target = url if not parts.netloc else (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = {
        "Host": parts.netloc or authority, "X-Request-ID": f"test-{next(_numbers)}", "Connection": "close"}
    own = {name.lower() for name in headers or ()}
    fields = {**{name: value for name, value in fields.items() if name.lower() not in own}, **(headers or {})}
    if body is not None and not own & {"content-length", "transfer-encoding"}:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    number = next(value for name, value in fields.items() if name.lower() == "x-request-id")
    return "\r\n".join(lines).encode("latin-1") + (body or b""), number


async def ask(address: tuple[str, int], octets: bytes, *, head_only: bool, request_id: str) -> Response:
    """Send a request over a connection of its own, and read the answer to its end."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(octets)
        return await _read(reader, head_only=head_only, request_id=request_id)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass  # it was reset


async def _read(reader: asyncio.StreamReader, *, head_only: bool, request_id: str) -> Response:
    data = await _everything(reader)
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return Response(0, (), data, whole=False, request_id=request_id)
        first, _, section = (head + found).partition(b"\r\n")
        status = int(first.split(b" ", 2)[1])
        if status >= 200 or status == 101:
            break
        data = rest
    fields = tuple((key.decode("latin-1"), value.decode("latin-1"))
                   for key, value, _, _ in split_fields(section, 10_000))
    body, whole = _body(dict(fields), rest, bodiless=head_only or status in (101, 204, 304))
    return Response(status, fields, body, whole, request_id)


async def _everything(reader: asyncio.StreamReader) -> bytes:
    """To the connection's end, however that comes."""
    pieces = []
    try:
        while data := await reader.read(PIECE):
            pieces.append(data)
    except OSError:
        pass  # reset: what came before counts
    return b"".join(pieces)


def _body(fields: dict[str, str], rest: bytes, *, bodiless: bool) -> tuple[bytes, bool]:
    """The body, and whether it is whole."""
    if bodiless:
        return b"", True
    if fields.get("transfer-encoding") == "chunked":
        decoder = ChunkedDecoder()
        body = decoder.feed(rest)
        return body, decoder.done
    length = fields.get("content-length")
    return rest, length is None or len(rest) == int(length)
