"""One answer while it is compressed: the exchange's filter for the handler, and its responder for the client.

The rules of this room: no octet waits in the encoder for one that may never come; the loop is held up for a
moment at most, however much arrives at once; and what waits here is bounded, because whoever produces it is
paused until it is coded and the client takes it.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from proxy.compression.codecs import Encoder
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.middleware.coded_head import without_digests

PIECE = 16 * 1024  # octets between two looks at the clock
TURN = 0.002       # seconds of coding in a row, before other connections have theirs
# Seconds that octets may wait in the encoder for more. What comes quickly is packed better by it, and what
# comes slowly is hardly later.
GATHER = 0.01


class CodedAnswer:
    """A `Filter` and a `Responder`.

    Args:
        exchange: whose answer it is.
        encoder: for the body.
        live: what comes is flushed at once, and does not even wait for `GATHER`.
    """

    __slots__ = (
        "_at", "_due", "_encoder", "_exchange", "_held", "_live", "_paused", "_producer", "_timer",
        "_trailers", "_waiting")

    def __init__(self, exchange: Exchange, encoder: Encoder, *, live: bool) -> None:
        self._exchange = exchange
        self._encoder = encoder
        self._live = live
        self._producer = exchange.responder
        self._waiting = b""  # what came, coded up to `_at`
        self._at = 0
        self._held = False   # the producer was asked to wait
        self._paused = False  # we were, by the client
        self._due = False    # there is another turn soon
        self._timer: asyncio.TimerHandle | None = None
        self._trailers: bytes | None = None  # once the handler has finished

    def begin(self, head: ResponseHead, data: bytes) -> None:
        """Send the head, with what there is of the body."""
        exchange = self._exchange
        exchange.responder = self
        exchange.uncoded = len(data)
        self._waiting = data
        first = self._code()
        exchange.start(head, first, stream=self._live)
        exchange.filter = self
        self._go_on()

    def begin_whole(self, head: ResponseHead, body: bytes) -> None:
        """The same with all of the body."""
        self._trailers = b""
        self.begin(head, body)

    # What the handler says.

    def respond(self, exchange: Exchange, head: ResponseHead, body: bytes) -> None:
        raise AssertionError("the answer has begun")

    def start(self, exchange: Exchange, head: ResponseHead, data: bytes, *, stream: bool) -> None:
        raise AssertionError("the answer has begun")

    def write(self, exchange: Exchange, data: bytes) -> None:
        exchange.uncoded += len(data)
        self._waiting = self._waiting[self._at:] + data
        self._at = 0
        if not (self._due or self._paused):
            self._turn()

    def finish(self, exchange: Exchange, trailers: bytes) -> None:
        self._trailers = without_digests(trailers) if trailers else b""
        if not (self._due or self._paused):
            self._turn()

    # What the client does.

    def pause(self) -> None:
        self._paused = True
        self._hold()

    def resume(self) -> None:
        self._paused = False
        if self._is_behind() or self._trailers is not None:
            self._come_back()
        else:
            self._release()

    def client_gone(self) -> None:
        self._waiting = b""
        self._stop_timer()
        if self._producer is not None:
            self._producer.client_gone()

    # The work.

    def _turn(self) -> None:
        self._due = False
        if self._exchange.filter is self:  # else it is over
            self._put(self._code())
            self._go_on()

    def _code(self) -> bytes:
        """Code what waits, for a moment at most; with the end of it all, if that is reached."""
        made, waiting, encoder = [], self._waiting, self._encoder
        until = monotonic() + TURN
        while self._at < len(waiting):
            made.append(encoder.feed(waiting[self._at:self._at + PIECE]))
            self._at += PIECE
            if monotonic() > until:
                break
        if not self._is_behind():
            self._waiting, self._at = b"", 0
            if self._trailers is not None:
                made.append(encoder.finish())
            elif self._live and made:
                made.append(encoder.flush())
        return b"".join(made)

    def _go_on(self) -> None:
        """What follows upon a turn."""
        if self._is_behind():
            self._hold()
            if not self._paused:
                self._come_back()
        elif self._trailers is not None:
            self._stop_timer()
            self._exchange.filter = None
            self._exchange.finish(self._trailers)
        else:
            if not self._paused:
                self._release()
            if not self._live and self._timer is None:
                self._timer = self._exchange.loop.call_later(GATHER, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._exchange.filter is self and not self._is_behind():
            self._put(self._encoder.flush())

    def _put(self, data: bytes) -> None:
        exchange = self._exchange
        exchange.filter = None
        exchange.write(data)
        exchange.filter = self

    def _is_behind(self) -> bool:
        return self._at < len(self._waiting)

    def _come_back(self) -> None:
        if not self._due:
            self._due = True
            self._exchange.loop.call_soon(self._turn)

    def _hold(self) -> None:
        if not self._held and self._producer is not None:
            self._held = True
            self._producer.pause()

    def _release(self) -> None:
        if self._held and self._producer is not None:
            self._held = False
            self._producer.resume()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
