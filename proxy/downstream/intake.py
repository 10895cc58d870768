"""A request's body on its way in: framing off, limits kept, octets handed to whoever reads it."""

from __future__ import annotations

import errno
from time import monotonic
from typing import TYPE_CHECKING

from proxy.descriptors import NONE_LEFT
from proxy.errors import RequestError
from proxy.http.body import Body, Spool
from proxy.http.exchange import BodyReader, BodyReady, Exchange
from proxy.http.shortage import PATIENCE, shortage_of
from proxy.wire.h1 import ChunkedDecoder

if TYPE_CHECKING:
    from proxy.downstream.h1 import H1Connection
    from proxy.downstream.switch import Runtime


class Intake:
    """One body; made when somebody wants to read it.

    Args:
        reader: gets the payload, and `body_end` from whoever drives this.
        length: octets; None for a chunked body.
        limit: octets that a chunked body may have; a length was checked before.
    """

    __slots__ = ("_decoder", "_left", "_limit", "reader", "rest", "taken", "trailers")

    def __init__(self, reader: BodyReader, length: int | None, limit: int) -> None:
        self.reader = reader
        self._decoder = ChunkedDecoder() if length is None else None
        self._left = length or 0
        self._limit = limit
        self.taken = length or 0  # right once it is done
        self.rest = b""      # once done: what follows the body
        self.trailers = b""

    def feed(self, data: bytes) -> bool:
        """Take the next octets; True when the body is complete.

        Raises:
            RequestError: malformed, or longer than allowed (413).
            OSError: the reader found no room for it.
        """
        return self._sized(data) if self._decoder is None else self._chunked(self._decoder, data)

    def _sized(self, data: bytes) -> bool:
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            self.reader.body_data(data)
            return False
        if left:
            self.reader.body_data(data[:left])
        self.rest = data[left:]
        return True

    def _chunked(self, decoder: ChunkedDecoder, data: bytes) -> bool:
        payload = decoder.feed(data)
        if payload:
            self.taken += len(payload)
            if self.taken > self._limit:
                raise RequestError(413, "the body is too long", "limits.request_body")
            self.reader.body_data(payload)
        self.rest = decoder.rest
        self.trailers = decoder.trailers
        return decoder.done


class Collector:
    """Keeps a body as it comes and says when it is whole.

    While no descriptor is free for its file the rest of it is left in the socket, see `http.shortage`.
    """

    __slots__ = ("__weakref__", "_body", "_exchange", "_ready", "_spool", "_until", "_waiting")

    def __init__(self, exchange: BodyHalf, ready: BodyReady, spool: Spool) -> None:
        self._exchange = exchange
        self._ready = ready
        self._spool = spool
        self._body: Body | None = None
        self._waiting = False
        self._until = 0.0  # the end of our patience, while we wait for a file

    def body_data(self, data: bytes) -> None:
        if not self._spool.take(data):
            self._spool.hold(data)
            self._spill()

    def _spill(self) -> None:
        """Have a file now, or in our turn."""
        exchange = self._exchange
        shortage = shortage_of(exchange.loop)
        if not (self._until or shortage.lasts) and self._has_file():
            return
        exchange.pause_body()
        self._until = self._until or monotonic() + PATIENCE
        shortage.line_up(self, self._until, exchange.loop)

    def _has_file(self) -> bool:
        """Whether there was a descriptor for it."""
        try:
            self._spool.spill()
        except OSError as error:
            if error.errno not in NONE_LEFT:
                raise
        return self._spool.in_file

    def turn(self) -> None:
        try:
            if self._has_file():
                self._until = 0.0
                self._exchange.resume_body()
            else:
                self._spill()
        except OSError as error:
            self._exchange.body_lost(error)

    def overdue(self) -> None:
        self._exchange.body_lost(OSError(errno.EMFILE, "no descriptor became free"))

    def body_end(self, trailers: bytes) -> None:
        if self._until:  # the last octets came with those for which it waits: they need no file any more
            self._until = 0.0
            shortage_of(self._exchange.loop).leave(self)
            self._exchange.resume_body()
        self._body = Body(None, self._spool, trailers)
        if self._waiting:
            self._ready.body_ready(self._body)

    def taken(self) -> Body | None:
        self._waiting = True
        return self._body


class BodyHalf(Exchange):
    """The half of an HTTP/1 exchange that takes the request's body; `body_done`: it was read to its end."""

    __slots__ = ("_awaiting", "_connection", "_runtime", "body_done")

    _awaiting: BodyReader | None
    _connection: H1Connection
    _runtime: Runtime
    body_done: bool

    def collect_body(self, ready: BodyReady) -> Body | None:
        connection = self._connection
        length = self.body_length
        if length is not None and length <= len(connection.held):
            held = connection.held
            connection.held = held[length:]
            self.body_came(length)
            return Body(held[:length])
        settings = self._runtime.settings
        collector = Collector(self, ready, Spool(settings.body_memory, settings.directory))
        self.read_body(collector)
        return collector.taken()

    def body_came(self, octets: int) -> None:
        """All of it is read."""
        self.body_done = True
        self.received = octets

    def read_body(self, reader: BodyReader) -> None:
        connection = self._connection
        self._awaiting = None
        if self.headers.expect and not connection.held:
            self.interim(b"HTTP/1.1 100 Continue\r\n")
        connection.begin_body(self, reader)

    def await_body(self, reader: BodyReader) -> None:
        self._awaiting = reader
        if self._connection.held:
            self.body_arrives()

    def body_arrives(self) -> None:
        """Octets came behind the head; called by the connection."""
        reader, self._awaiting = self._awaiting, None
        if reader is not None:
            self._connection.begin_body(self, reader)

    def body_lost(self, error: OSError) -> None:
        """It cannot be kept."""
        self._connection.body_lost(error)

    def pause_body(self) -> None:
        self._connection.pause_body()

    def resume_body(self) -> None:
        self._connection.resume_body()
