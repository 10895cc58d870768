"""The answering half of HTTP/1: one exchange on a client connection.

Framing is decided here and nowhere else (RFC 9112 section 6): the head's length, else chunks, else,
for HTTP/1.0, the end of the connection. Whatever cannot be completed is cut so that the client
notices (section 8).
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING

from proxy.clock import NEVER
from proxy.downstream.flow import Outflow
from proxy.downstream.intake import BodyHalf
from proxy.downstream.kept import GATHER, WHOLE, KeptAnswer, put
from proxy.downstream.sendfile import send_file
from proxy.http.body import PIECE, Spool
from proxy.http.exchange import Filter, Responder
from proxy.http.prepared import Form, Kept, ResponseHead, error_page
from proxy.observe.past import Entry, entry_of, light_entry
from proxy.wire.h1 import RequestLine, chunk, last_chunk
from proxy.wire.headers import HeaderBlock
from proxy.wire.status import has_body

if TYPE_CHECKING:
    from proxy.downstream.h1 import H1Connection
    from proxy.downstream.switch import ExchangeLog, Runtime
    from proxy.observe.ring import Ring

# Seconds that an endpoint waits for a slow client before the answer goes to a file. The kernel's buffers
# take some megabytes meanwhile, so mostly nobody waits: a 10 MB download costs 6 ms of CPU, by file 12.
PATIENCE = 0.25
# How far the answer has come.
NOTHING, STARTED, FINISHED, OVER = range(4)


class H1Exchange(BodyHalf):
    """See `Exchange`."""

    __slots__ = (
        "_chunked", "_head_only", "_hurried", "_outflow", "_silent", "_stalled", "_state", "_stream", "line")

    def __init__(self, connection: H1Connection, runtime: Runtime, line: RequestLine, block: HeaderBlock,
                 host: bytes) -> None:
        self._connection = connection
        self._runtime = runtime
        self.line = line
        self.version = line.version
        self.method = line.method
        self.target = line.target
        self.headers = block
        self.host = host
        self.peer = peer = connection.peer
        self.client = peer.client_of(block) if peer.trusted else peer.address
        length = None if block.chunked else block.length or 0
        self.body_length = length
        self.body_done = length == 0
        self.request_id = block.request_id
        self.started = monotonic()
        self.status = 0
        self.sent = self.received = self.uncoded = 0
        self.attempts = 0
        self.route = self.pool = self.endpoint = self.why = ""
        self.responder: Responder | None = None
        self.filter: Filter | None = None
        self.trail = None
        self.timings = None if runtime.log is None and connection.switch.ring is None else []
        # RFC 9110 section 7.8: not from 1.0, and with a body it is unclear where the protocol begins.
        self.upgrade_offer = block.upgrade if length == 0 and line.version == 11 else b""
        self._head_only = line.head_only
        self._state = NOTHING
        self._outflow: Outflow | None = None
        self._awaiting = None
        self._chunked = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._connection.loop

    @property
    def over(self) -> bool:
        return self._state == OVER

    # The answer.

    def respond(self, head: ResponseHead, body: bytes = b"") -> None:
        if self._state != NOTHING:
            return
        if self.filter is not None:
            self.filter.respond(self, head, body)
            return
        connection = self._connection
        self.status = head.status
        if self.version == 11 and connection.keep and self.body_done:
            data = head.ready()
        else:
            data = self._compose(head)
        if body and not self._head_only:
            self.sent = len(body)
            put(connection.transport, data, body)
        else:
            connection.transport.write(data)
        # What `_end` does, without its calls: 0.2 us of the 4 that a file from memory takes.
        self._state = OVER
        self.responder = None
        now = monotonic()
        self._runtime.counters.ended(self, now)
        log, ring = self._runtime.log, connection.switch.ring
        if log is not None or ring is not None:
            keep(entry_of(self, now), log, ring)
        connection.exchange_ended(self, now)

    def respond_kept(self, answer: Kept, form: Form) -> None:
        runtime = self._runtime
        # A target in absolute-form brings a host of its own; what is kept goes past a filter, and a client
        # of HTTP/1.0 has to be told each time that the connection stays.
        if (self.version == 11 and self.target.authority is None and self.headers.host is not None
                and self.filter is None and runtime.remembers(self)):
            runtime.kept.put(self.line, answer, self.host, self.route, runtime.counters.route(self.route))
        super().respond_kept(answer, form)

    def start(self, head: ResponseHead, data: bytes = b"", *, stream: bool = False) -> None:
        if self._state != NOTHING:
            return
        if self.filter is not None:
            self.filter.start(self, head, data, stream=stream)
            return
        self._state = STARTED
        self._stream = stream
        self._stalled = self._hurried = False
        self.status = head.status
        self._silent = self._head_only or not has_body(head.status)
        if head.length is None and not self._silent:
            if self.version == 11:
                self._chunked = True
            else:
                self._connection.keep = False
        lines = self._compose(head)
        connection = self._connection
        if self._silent or len(data) > GATHER:
            connection.transport.write(lines)
            self.write(data)
        else:
            self.sent = len(data)
            connection.transport.write(lines + chunk(data) if self._chunked and data else lines + data)
        if connection.paused:
            self.slow()

    def _compose(self, head: ResponseHead) -> bytes:
        """The head with what depends on this connection."""
        connection = self._connection
        connection.keep = connection.keeps_after(self)
        parts = [head.lines]
        if not head.dated:
            parts.append(head.moment())
        if not connection.keep:
            parts.append(b"Connection: close\r\n")
        elif self.version == 10:
            parts.append(b"Connection: keep-alive\r\n")
        if self._chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def send_file(self, head: ResponseHead, fd: int, start: int, end: int) -> None:
        self.filter = None  # what is sent past this process cannot be changed in it
        send_file(self, self._connection, head, fd, start, end)

    def write(self, data: bytes) -> None:
        if self._state != STARTED or self._silent or not data:
            return
        if self.filter is not None:
            self.filter.write(self, data)
            return
        self.sent += len(data)
        if self._chunked:
            data = chunk(data)
        self._put(data)

    def _put(self, data: bytes) -> None:
        """To the client, or behind what it has not taken yet."""
        connection = self._connection
        if (self._outflow is None or self._outflow.empty) and (not connection.paused or self._stream):
            data = self._send(data)
            if not data:
                return
        if self._outflow is None:
            settings = self._runtime.settings
            spool = Spool(settings.body_memory, settings.directory)
            self._outflow = Outflow(connection, spool, settings.body_file)
        self._outflow.put(data, patient=not self._hurried)
        if self._outflow.full and not self._stalled and self.responder is not None:
            self._stalled = True
            self.responder.pause()
            if not self._hurried:
                connection.patience = monotonic() + PATIENCE
                connection.deadline = min(connection.deadline, connection.patience)

    def hurry(self) -> None:
        """The client is slow indeed: free the endpoint at the price of a file."""
        self._hurried = True
        if self._outflow is not None:
            self._outflow.spill()
            self._go_on()

    def _send(self, data: bytes) -> bytes:
        """Write as much as the client takes; what is left is for the store.

        In pieces, and copied: uvloop hands over 250 KiB at once, all of which an unsent octet would
        keep in memory (8% of the time of a 10 MB download, for 200 KiB of each slow client).
        """
        connection = self._connection
        if len(data) <= PIECE or self._stream:
            connection.transport.write(data)
            return b""
        for at in range(0, len(data), PIECE):
            connection.transport.write(data[at:at + PIECE])
            if connection.paused:
                return data[at + PIECE:]
        return b""

    def finish(self, trailers: bytes = b"") -> None:
        if self._state != STARTED:
            return
        if self.filter is not None:
            self.filter.finish(self, trailers)
            return
        if self._chunked:
            self._put(last_chunk(trailers))
        if self._outflow is None or self._outflow.empty:
            self._end()
        else:
            self._state = FINISHED
            self.responder = None

    def slow(self) -> None:
        """The client does not keep up."""
        if self._state == STARTED and self._stream and self.responder is not None:
            self._stalled = True
            self.responder.pause()

    def fast(self) -> None:
        """The client takes octets again."""
        if self._state == NOTHING:
            return
        if self._outflow is not None:
            self._outflow.feed()
            if self._state == FINISHED and self._outflow.empty:
                self._end()
                return
            if self._outflow.empty and self._connection.patience < NEVER:
                self._connection.end_patience()
        self._go_on()

    def _go_on(self) -> None:
        if self._stalled and self.responder is not None and (self._outflow is None or not self._outflow.full):
            self._stalled = False
            self.responder.resume()

    def interim(self, lines: bytes) -> None:
        if self._state == NOTHING and self.version == 11:  # RFC 9110 section 15.2: none to 1.0
            self._connection.transport.write(lines + b"\r\n")

    def refuse(self, status: int, *, close: bool = False, why: str = "") -> None:
        self.why = why
        if self._state != NOTHING:
            self.abort()
            return
        if close:
            self._connection.keep = False
        page = error_page(status)
        self.respond(page.head, page.body)

    def abort(self) -> None:
        if self._state == OVER:
            return
        connection = self._connection
        connection.keep = False
        reset = self._state != NOTHING and not self._chunked and self.version == 10
        self._outflow = None
        self._over()
        connection.exchange = None
        if reset:
            # The end of the connection would read as the end of the body: reset instead.
            _reset_on_close(connection.transport)
            connection.transport.abort()
        else:
            connection.end(linger=False)

    def upgrade(self, lines: bytes) -> asyncio.Transport:
        connection = self._connection
        self.status = 101
        self._state = STARTED
        connection.transport.write(lines)
        connection.hand_over()
        return connection.transport

    def tunnel_ended(self, sent: int) -> None:
        """The tunnel that `upgrade` opened is closed; `sent` octets went to the client."""
        self.sent = sent
        self._over()
        self._connection.connection_lost(None)

    def take_surplus(self) -> bytes:
        connection = self._connection
        surplus, connection.held = connection.held, b""
        return surplus

    def _end(self) -> None:
        if self._connection.patience < NEVER:
            self._connection.end_patience()
        self._outflow = None
        self._connection.exchange_ended(self, self._over())

    def _over(self) -> float:
        """Tell who keeps books; returns the time."""
        self._state = OVER
        self.responder = self.filter = None
        now = monotonic()
        self._runtime.counters.ended(self, now)
        log, ring = self._runtime.log, self._connection.switch.ring
        if log is not None or ring is not None:
            keep(entry_of(self, now), log, ring)
        return now

    def lost(self) -> None:
        """The connection is gone; called by it."""
        if self._state == OVER:
            return
        self._outflow = None
        responder = self.responder
        if self.status == 0:
            self.status = 499  # for the log: nobody was there to be answered
        self._over()
        if responder is not None:
            responder.client_gone()

    def stop_responder(self) -> None:
        """The client broke its own request: whoever works on it may stop."""
        responder, self.responder = self.responder, None
        if responder is not None:
            responder.client_gone()


def send_kept(connection: H1Connection, runtime: Runtime, kept: KeptAnswer, line: RequestLine,
              block: HeaderBlock) -> bool:
    """Answer without exchange, route and handler where all of them would come to the same; see `kept`."""
    answer = kept.answer
    now = monotonic()
    if now > answer.fresh_until or block.host != kept.host:
        return False
    form = answer.sole or answer.forms.get(block.accepts)
    if form is None:
        return False
    head, body = form.head, form.body
    if block.none_match and block.none_match != form.etag:
        return False
    # Before the write, which may find the client slow and set another.
    connection.deadline = now + runtime.settings.keep_alive_timeout
    if block.none_match:
        head, body = form.unchanged, b""
        kept.unchanged(0)
        connection.transport.write(head.ready())
    else:
        kept.hit(len(body))
        if len(body) <= WHOLE:
            connection.transport.write(form.whole())
        else:
            put(connection.transport, head.ready(), body)
    log, ring = runtime.log, connection.switch.ring
    if log is not None or ring is not None:
        keep(light_entry(now, connection.peer, line, block, kept.host, kept.route, head.status, len(body)),
             log, ring)
    return True


def keep(entry: Entry, log: ExchangeLog | None, ring: Ring | None) -> None:
    """What has ended, for who remembers it."""
    if log is not None:
        log.ended(entry)
    if ring is not None:
        ring.ended(entry)


def _reset_on_close(transport: asyncio.Transport) -> None:
    """Have the socket closed with a reset (uvloop's socket object refuses options: use a copy)."""
    own = transport.get_extra_info("socket")
    if own is None:
        return
    with socket.socket(fileno=os.dup(own.fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
