"""A request's body on its way in: framing off, limits kept, octets handed to whoever reads it."""

from __future__ import annotations

from proxy.errors import RequestError
from proxy.http.body import Body, Spool
from proxy.http.exchange import BodyReader, BodyReady
from proxy.wire.h1 import ChunkedDecoder


class Intake:
    """One body; made when somebody wants to read it.

    Args:
        reader: gets the payload, and `body_end` from whoever drives this.
        length: octets; None for a chunked body.
        limit: octets that a chunked body may have; a length was checked before.
    """

    __slots__ = ("_decoder", "_left", "_limit", "_taken", "reader", "rest", "trailers")

    def __init__(self, reader: BodyReader, length: int | None, limit: int) -> None:
        self.reader = reader
        self._decoder = ChunkedDecoder() if length is None else None
        self._left = length or 0
        self._limit = limit
        self._taken = 0
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
            self._taken += len(payload)
            if self._taken > self._limit:
                raise RequestError(413, "the body is too long")
            self.reader.body_data(payload)
        self.rest = decoder.rest
        self.trailers = decoder.trailers
        return decoder.done


class Collector:
    """Keeps a body as it comes and says when it is whole."""

    __slots__ = ("_body", "_ready", "_spool", "_waiting")

    def __init__(self, ready: BodyReady, spool: Spool) -> None:
        self._ready = ready
        self._spool = spool
        self._body: Body | None = None
        self._waiting = False

    def body_data(self, data: bytes) -> None:
        self._spool.append(data)

    def body_end(self, trailers: bytes) -> None:
        self._body = Body(None, self._spool, trailers)
        if self._waiting:
            self._ready.body_ready(self._body)

    def taken(self) -> Body | None:
        self._waiting = True
        return self._body
