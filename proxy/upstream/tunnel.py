"""A raw relay between client and endpoint after a 101: WebSocket, or any other protocol.

Octets go both ways as they come, with flow control; a half-close is passed on; when one side is
gone the other is closed once it has taken what is left; a tunnel on which nothing moves for
`timeouts.tunnel` is ended, and after a half-close within `HALF_OPEN` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import cast

from proxy.clock import DeadlineWheel
from proxy.http.exchange import Exchange

HALF_OPEN = 30.0  # seconds without an octet: mostly nobody means a half-close (nginx takes it for the end)


class Tunnel:
    """Both halves and what they share; counts what went to the client."""

    __slots__ = ("_exchange", "_open", "_over", "_seconds", "_wheel", "client", "deadline", "endpoint")

    def __init__(self, exchange: Exchange, client: asyncio.Transport, endpoint: asyncio.Transport,
                 seconds: float, wheel: DeadlineWheel, over: Callable[[], None]) -> None:
        self._exchange = exchange
        self._over = over
        self._seconds = seconds
        self._wheel = wheel
        self._open = 2
        self.client = _Half(self, client)
        self.endpoint = _Half(self, endpoint)
        self.client.other, self.endpoint.other = self.endpoint, self.client
        client.set_protocol(self.client)
        endpoint.set_protocol(self.endpoint)
        self.moved()
        wheel.watch(self)
        for transport in (client, endpoint):
            if transport.is_closing():
                self.end()

    def moved(self) -> None:
        self.deadline = monotonic() + self._seconds

    def half_closed(self) -> None:
        self._seconds = min(self._seconds, HALF_OPEN)
        self.moved()

    def end(self) -> None:
        self.client.transport.close()
        self.endpoint.transport.close()

    def expired(self) -> None:
        self.moved()
        self.client.transport.abort()
        self.endpoint.transport.abort()

    def lost(self) -> None:
        """One half is closed; the second one ends the exchange."""
        self._open -= 1
        if self._open == 0:
            self._wheel.forget(self)
            self._over()
            self._exchange.tunnel_ended(self.endpoint.received)


class _Half(asyncio.Protocol):
    """One side's protocol: what it receives goes to the other side."""

    __slots__ = ("_ended", "_tunnel", "other", "received", "transport")

    other: _Half

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self.transport = transport
        self.received = 0
        self._ended = False

    def data_received(self, data: bytes) -> None:
        self._tunnel.moved()
        self.received += len(data)
        self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on; after one from each side nothing can come any more."""
        self._ended = True
        self._tunnel.half_closed()
        other = self.other
        if other.transport.is_closing() or other._ended:
            self._tunnel.end()
            return False
        if other.transport.can_write_eof():
            try:
                other.transport.write_eof()
            except OSError:  # stock asyncio says so: that side is gone
                other.transport.abort()
        return True

    def pause_writing(self) -> None:
        self.other.set_reading(wanted=False)

    def resume_writing(self) -> None:
        self.other.set_reading(wanted=True)

    def set_reading(self, *, wanted: bool) -> None:
        transport = cast(asyncio.ReadTransport, self.transport)
        if transport.is_closing() or transport.is_reading() == wanted:
            return
        if wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.other.transport.abort()
        else:
            self.other.transport.close()
        self._tunnel.lost()
