"""TLS to clients: between a connection's socket and the protocol that is spoken over it.

The rule of this room: no octet gets through before the handshake has ended, and none is kept here that the
socket could take. The loops' own TLS keeps 256 KiB for each connection (asyncio) and has timers of its own
for handshake and goodbye; here the connection is there from the accept, with its deadlines and limits, and
it takes 20 kB while idle. Certificates change under a listener without its connections noticing.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, cast

from proxy.certificates import Certificate, server_context

log = logging.getLogger("proxy.downstream")

RECORD = 16384  # octets of a record (RFC 8446 section 5.1): more at a time would stay in OpenSSL's buffers
_HINT = b"400 this address speaks HTTPS: begin it with https://\n"
NOT_HTTP = (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%b") % (len(_HINT), _HINT)

Octets = bytes | bytearray | memoryview


class Certificates:
    """What one listener shows, by the name that a client asks for (RFC 6066 section 3).

    Args:
        shown: each with what shows it; the first is for clients that ask for none of the names, or for none.
    """

    __slots__ = ("_by_name", "_first")

    def __init__(self, shown: Sequence[tuple[Certificate, ssl.SSLContext]]) -> None:
        self._first = shown[0][1]
        self._by_name: dict[str, ssl.SSLContext] = {}
        for certificate, context in shown:
            for name in certificate.names:
                self._by_name.setdefault(name, context)

    def find(self, name: str | None) -> ssl.SSLContext:
        if not name:
            return self._first
        name = name.lower().removesuffix(".")
        found = self._by_name.get(name) or self._by_name.get(f"*.{name.partition('.')[2]}")
        return found or self._first


def _choose(asked: Any, name: str | None, _: ssl.SSLContext) -> None:
    asked.context = asked.certificates.find(name)


def _first_context() -> ssl.SSLContext:
    """What every handshake begins with; it shows nothing itself.

    The keys of session tickets are its own, and Python has no other way to share them: made once, before the
    workers are forked, it lets a client resume at any worker, also after a renewal of the certificate.
    """
    context = server_context()
    context.sni_callback = _choose
    return context


FIRST = _first_context()


class TlsLayer(asyncio.Transport, asyncio.Protocol):
    """One connection: the protocol of its socket, and the transport of the protocol above it.

    Args:
        above: has its `connection_made` at once; what it writes waits for the end of the handshake.
    """

    __slots__ = (
        "_above", "_early", "_ending", "_incoming", "_left", "_outgoing", "_ready", "_socket", "_tls")

    _socket: asyncio.Transport

    def __init__(self, above: asyncio.Protocol, certificates: Certificates) -> None:
        self._above: Any = above
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        tls: Any = FIRST.wrap_bio(self._incoming, self._outgoing, server_side=True)
        tls.certificates = certificates
        self._tls = tls
        self._ready = False   # the handshake has ended
        self._left = False    # the client has said goodbye
        self._ending = False  # so do we, or will when all early octets are out
        self._early: list[Octets] = []  # written before the handshake has ended

    # The socket's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        self._above.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tls = None
        self._above.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._left:
            return
        try:
            plain = self._open_one(data) if self._ready and len(data) <= RECORD else self._open(data)
        except ssl.SSLError as error:
            self._broken(error)
            return
        if plain:
            self._above.data_received(plain)
        self._follow_goodbye()

    def _follow_goodbye(self) -> None:
        if self._left and not self._above.eof_received():
            self.close()

    def eof_received(self) -> bool:
        """No goodbye (RFC 8446 section 6.1): whatever has a length of its own tells that some is missing."""
        return bool(self._above.eof_received())

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    def _open_one(self, data: bytes) -> bytes:
        """Mostly that is one record, and the whole of it."""
        incoming, tls = self._incoming, self._tls
        incoming.write(data)
        try:
            plain: bytes = tls.read(RECORD)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:  # see below
            self._left = True
            return b""
        if incoming.pending or not plain:
            return plain + self._open_some(b"")
        return plain

    def _open(self, data: bytes) -> bytes:
        """What the client says with that, whole records of it."""
        if len(data) <= RECORD:
            return self._open_some(data)
        return b"".join([self._open_some(data[at:at + RECORD]) for at in range(0, len(data), RECORD)])

    def _open_some(self, data: bytes) -> bytes:
        self._incoming.write(data)
        if not self._ready and not self._shake_hands():
            return b""
        pieces: list[bytes] = []
        try:
            while not self._left and (self._incoming.pending or self._tls.pending()):
                pieces.append(self._tls.read(RECORD))
                self._left = not pieces[-1]
        except ssl.SSLWantReadError:
            pass  # a part of a record is left
        except ssl.SSLZeroReturnError:  # what `read` says instead once we have said goodbye ourselves
            self._left = True
        self._flush()  # an answer to a change of keys
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._ready = True
        self._flush()
        early, self._early = self._early, []
        self.writelines(early)
        if self._ending:
            self._say_goodbye()
            self._socket.write_eof()
        return True

    def _broken(self, error: ssl.SSLError) -> None:
        log.debug("TLS with a client came to nothing: %s", error.reason)
        if not self._ready and error.reason == "HTTP_REQUEST":
            self._socket.write(NOT_HTTP)
        else:
            self._flush()  # the alert that tells the client why
        self._socket.close()

    # The transport of what is above.

    def write(self, data: Octets) -> None:
        if self._ready and len(data) <= RECORD and self._tls is not None and data:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                self._broken(error)
            else:
                self._socket.write(self._outgoing.read())
        else:
            self.writelines((data,))

    def writelines(self, list_of_data: Iterable[Octets]) -> None:
        if not self._ready:
            self._early += list_of_data
            return
        if self._tls is None:
            return
        records: list[bytes] = []
        try:
            for data in list_of_data:
                for at in range(0, len(data), RECORD):
                    self._tls.write(data[at:at + RECORD])
                    records.append(self._outgoing.read())  # OpenSSL keeps a buffer of the size it ever had
        except ssl.SSLError as error:
            self._broken(error)
        else:
            self._socket.write(records[0] if len(records) == 1 else b"".join(records))

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        """RFC 8446 section 6.1; the client's own is not waited for."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass
        self._flush()

    def can_write_eof(self) -> bool:
        return self._socket.can_write_eof()

    def write_eof(self) -> None:
        if not self._ending:
            self._ending = True
            if self._ready:
                self._say_goodbye()
                self._socket.write_eof()

    def close(self) -> None:
        if self._ready and not self._ending and not self._socket.is_closing():
            self._ending = True
            self._say_goodbye()
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._socket.resume_reading()

    def is_reading(self) -> bool:
        return self._socket.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._socket.get_write_buffer_size() + sum(map(len, self._early))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return FIRST if name == "sslcontext" else self._socket.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._above = protocol
