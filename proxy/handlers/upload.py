"""A request's body that goes to the endpoint as it comes."""

from __future__ import annotations

from time import monotonic

from proxy.http.body import Body
from proxy.http.exchange import Exchange
from proxy.upstream.h1 import UpstreamConnection
from proxy.wire.h1 import chunk, last_chunk


class Upload:
    """A `BodyReader` of the exchange that passes everything on to the current connection."""

    __slots__ = ("_body", "_connection", "_sent_at", "_streaming", "exchange")

    exchange: Exchange
    _body: Body | None
    _connection: UpstreamConnection | None
    _sent_at: float   # the last of the request so far
    _streaming: bool  # octets of the body go to the endpoint as they come

    def _read_body(self) -> None:
        self._streaming = True
        self.exchange.read_body(self)

    def body_data(self, data: bytes) -> None:
        self._streaming = True
        connection = self._connection
        if connection is not None:
            self._sent_at = monotonic()  # how long the client takes for it is not the endpoint's doing
            connection.send_data(chunk(data) if self.exchange.body_length is None else data)

    def body_end(self, trailers: bytes) -> None:
        if self._connection is not None:
            self._sent_at = monotonic()
            self._connection.send_end(last_chunk(trailers) if self.exchange.body_length is None else b"")

    def endpoint_slow(self) -> None:
        if self._body is None and self.exchange.body_length != 0:
            self.exchange.pause_body()

    def endpoint_fast(self) -> None:
        if self._body is None and self.exchange.body_length != 0:
            self.exchange.resume_body()
