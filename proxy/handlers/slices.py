"""A body that many answers share, to each client as fast as that takes it.

The rule of this room: an answer holds no more of the body than a slice, however slow its client is. In one
piece a transport keeps a copy of all that is unsent, for each client: four megabytes of text in memory, asked
for by a thousand telephones, would be four gigabytes.
"""

from __future__ import annotations

from proxy.handlers.static_cache import LARGEST
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead

SLICE = 128 * 1024
TURN = 8  # slices in a row, before other connections have theirs


def send_body(exchange: Exchange, head: ResponseHead, body: bytes) -> None:
    """Answer with a body that is in memory."""
    if len(body) <= LARGEST or exchange.method == b"HEAD":
        exchange.respond(head, body)
    else:
        SliceSender(exchange, body).begin(head)


class SliceSender:
    """The responder of one answer."""

    __slots__ = ("_at", "_body", "_exchange", "_over", "_paused", "_running")

    def __init__(self, exchange: Exchange, body: bytes) -> None:
        self._exchange = exchange
        self._body = body
        self._at = 0
        self._over = self._paused = self._running = False

    def begin(self, head: ResponseHead) -> None:
        self._exchange.responder = self
        self._exchange.start(head, stream=True)
        self._go_on()

    def _go_on(self) -> None:
        if self._running:
            return  # the exchange says resume within write
        self._running = True
        for _ in range(TURN):
            if self._paused or self._over:
                break
            self._write()
        else:
            self._exchange.loop.call_soon(self._go_on)
        self._running = False

    def _write(self) -> None:
        start = self._at
        self._at += SLICE
        self._exchange.write(self._body[start:self._at])
        if self._at >= len(self._body) and not self._over:
            self._over = True
            self._exchange.finish()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._go_on()

    def client_gone(self) -> None:
        self._over = True
