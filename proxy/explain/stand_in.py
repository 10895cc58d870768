"""An endpoint that is none: it notes what it is asked, and answers with a sample."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

from proxy.errors import RequestError
from proxy.wire.h1 import ChunkedDecoder
from proxy.wire.headers import HeaderBlock, split_fields
from proxy.wire.status import has_body, status_line

MOST_FIELDS = 1000
MOST_KEPT = 65536  # octets of an answer that are kept


@dataclass(frozen=True, slots=True)
class Sample:
    """What an application might answer.

    Args:
        fields: names and values; `{endpoint}` in a value is the address of who is asked.
        size: octets of the body.
    """

    status: int = 200
    fields: tuple[tuple[str, str], ...] = (
        ("Server", "gunicorn"), ("Content-Type", "text/html; charset=utf-8"))
    size: int = 8192

    def head(self, endpoint: str) -> bytes:
        """Status line and fields, without what frames the body."""
        lines = [f"{name}: {value}\r\n".replace("{endpoint}", endpoint).encode()
                 for name, value in self.fields]
        return status_line(self.status) + b"".join(lines)

    def octets(self, endpoint: str, *, head_only: bool, upgrade: bytes) -> bytes:
        if upgrade:
            return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % upgrade
        if not has_body(self.status):
            return self.head(endpoint) + b"\r\n"
        head = self.head(endpoint) + b"Content-Length: %d\r\n\r\n" % self.size
        return head if head_only else head + b"x" * self.size


class StandIn(asyncio.Protocol):
    """One connection to it.

    Attributes:
        endpoint: whose part it plays.
        head: of the request, as it came, with its final empty line.
        body: how many octets came behind it.
        answer: the first octets of it, the head among them.
    """

    def __init__(self, endpoint: str, sample: Sample) -> None:
        self.endpoint = endpoint
        self.head = b""
        self.body = 0
        self.answer = b""
        self._sample = sample
        self._held = b""
        self._left = 0
        self._decoder: ChunkedDecoder | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self.head:
            self._held += data
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            self.head, data = self._held[:end + 4], self._held[end + 4:]
            self._begin()
        self._take(data)

    def _begin(self) -> None:
        first, _, section = self.head.partition(b"\r\n")
        self._first = first
        self._block = block = HeaderBlock(split_fields(section, MOST_FIELDS))
        self._decoder = ChunkedDecoder() if block.chunked else None
        self._left = block.length or 0

    def _take(self, data: bytes) -> None:
        self.body += len(data)
        if self._decoder is not None:
            try:
                self._decoder.feed(data)
            except RequestError:
                self.transport.abort()
                return
            done = self._decoder.done
        else:
            self._left -= len(data)
            done = self._left <= 0
        if done:
            self._respond()

    def _respond(self) -> None:
        octets = self._sample.octets(
            self.endpoint, head_only=self._first.startswith(b"HEAD "), upgrade=self._block.upgrade)
        self.answer = octets[:MOST_KEPT]
        self.transport.write(octets)
