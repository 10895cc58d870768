"""A client's HTTP/1 connection: takes requests off it, one exchange at a time (RFC 9112).

The receiving half is here, one method per phase; the answering half is `h1_exchange`. Rules:
nothing is handed on before its framing is sure; after a refusal nothing more is parsed.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.clock import NEVER
from proxy.downstream.connection import BODY, CLOSING, HEAD, LINGER, TUNNEL, WAIT, ClientConnection
from proxy.downstream.h1_exchange import H1Exchange, send_kept
from proxy.downstream.intake import Intake
from proxy.errors import RequestError
from proxy.http.exchange import BodyReader, Exchange
from proxy.http.peer import Peer
from proxy.http.prepared import Prepared, error_page
from proxy.observe.logs import Seldom
from proxy.wire.h1 import check_partial_head

if TYPE_CHECKING:
    from proxy.downstream.listener import Listener
    from proxy.downstream.switch import Settings
    from proxy.wire.target import Target

log = logging.getLogger("proxy.downstream")
no_room = Seldom(log)

HELD_MOST = 65536     # pipelined octets kept while an exchange runs; more are left in the socket
WRITE_HIGH = 0        # unsent octets above which a client is slow: uvloop passes on up to 250 KiB at once
KNOWN_MOST = 8192     # octets up to which what is held may be one head that the memo knows
FIRST_WORD = 1.0      # seconds that a client has for its first request if we are about to leave


class H1Connection(ClientConnection):
    """One transport. `held` is what was received and not yet taken."""

    __slots__ = (
        "_advancing", "_blank", "_checked", "_intake", "_timed", "exchange", "held", "keep", "patience")

    def __init__(self, listener: Listener, peer: Peer) -> None:
        super().__init__(listener, peer)
        self.exchange: H1Exchange | None = None
        self.held = b""
        self.keep = True
        self._advancing = False
        self.patience = NEVER  # when the current answer goes to a file, should its client stay slow
        self._blank = False  # an empty line was passed over
        self._checked = 0    # octets of an unfinished head that were found good
        self._timed = True   # the first head's time runs from the accept
        self._intake: Intake | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.write = self.transport.write
        self.transport.set_write_buffer_limits(high=WRITE_HIGH)
        self.deadline = monotonic() + self.switch.runtime.settings.head_timeout
        self.wheel.watch(self)
        self.listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.wheel.forget(self)
        self.phase = CLOSING
        self.held = b""
        self._intake = None
        exchange, self.exchange = self.exchange, None
        self.listener.closed(self)
        if exchange is not None:
            exchange.lost()

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase == HEAD and not self.paused:
            self.held = self.held + data if self.held else data
            self.advance()
        elif phase == BODY:
            self._body(data)
        elif phase in (HEAD, WAIT):
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        """Keep what comes too early; past a bound the client waits."""
        self.held += data
        if self.exchange is not None:
            self.exchange.body_arrives()
        if len(self.held) > HELD_MOST:
            self.stop_reading()

    def eof_received(self) -> bool:
        """The client will send no more; while an answer is due that means it is gone (LIFECYCLE)."""
        if self.phase == BODY:
            self.fail(RequestError(400, "the body ends early", "RFC 9112 section 8"))
        if self.phase == HEAD and self.held:
            self.refuse(RequestError(400, "the head ends early", "RFC 9112 section 8"))
        return False

    def pause_writing(self) -> None:
        self.paused = True
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = min(monotonic() + self.switch.runtime.settings.send_timeout, self.patience)
        if self.exchange is not None:
            self.exchange.slow()

    def resume_writing(self) -> None:
        self.paused = False
        self.deadline = min(self._phase_deadline(), self.patience)
        if self.exchange is not None:
            self.exchange.fast()
        elif self.phase == HEAD:
            self._go_on()

    def _phase_deadline(self) -> float:
        settings = self.switch.runtime.settings
        if self.phase == BODY:
            return monotonic() + settings.body_timeout if self.reading else NEVER
        if self.phase == HEAD:
            return monotonic() + (settings.head_timeout if self.held else settings.keep_alive_timeout)
        return self.last_deadline() if self.phase in (LINGER, CLOSING) else NEVER

    def _go_on(self) -> None:
        """The next request, unless the client has yet to take earlier answers."""
        if self.paused:
            return
        if not self.reading:
            self.start_reading()
        if self.held:
            self.advance()

    # Heads.

    def advance(self) -> None:
        """Take requests for as long as each is answered at once."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self.phase == HEAD and self.held and not self.paused and self._take_request():
                pass
        except RequestError as error:
            self.refuse(error)
        finally:
            self._advancing = False

    def _take_request(self) -> bool:
        """Begin the exchange whose whole head is held; False when there is none."""
        data = self.held
        runtime = self.switch.runtime
        at = data.find(b"\r\n")
        # Mostly what is held is one head and its section is known: then its end need not be looked for.
        short = len(data) <= KNOWN_MOST and len(data) <= runtime.settings.head_limit
        block = runtime.headers.find(data[at + 2:]) if short else None
        end = data.find(b"\r\n\r\n") if block is None else len(data) - 4
        if end < 0 or end > runtime.settings.head_limit:
            return self._wait_for_head(data, runtime.settings)
        if at == 0:
            return self._skip_blank()
        first = data[:at]
        line = runtime.lines.find(first) or runtime.lines.parse(first)
        if block is None:
            raw = data[at + 2:end + 4]
            block = runtime.headers.find(raw) or runtime.headers.parse(raw)
        authority = line.target.authority
        if authority is not None:
            self._check_scheme(line.target)
        host = authority or block.host
        if line.version == 11:
            if block.host is None:
                raise RequestError(400, "no Host", "RFC 9112 section 3.2")
            self.keep = not block.close
        else:
            if block.chunked:
                raise RequestError(400, "Transfer-Encoding in HTTP/1.0", "RFC 9112 section 6.1")
            self.keep = block.keep_alive and not block.close
        if self.listener.draining:
            self.keep = False
        self.held = data[end + 4:]
        self._blank = self._timed = False
        self._checked = 0
        kept = runtime.kept.find(line)
        if kept is not None and self.keep and block.plain and send_kept(self, runtime, kept, line, block):
            return True
        self.phase = WAIT
        if not self.paused:
            self.deadline = NEVER
        self.exchange = exchange = H1Exchange(self, runtime, line, block, host or self.peer.authority)
        runtime.handle(exchange)
        return True

    def _check_scheme(self, target: Target) -> None:
        """RFC 9110 section 7.4; what a proxy in front of us did with TLS, we cannot know."""
        scheme = target.raw.partition(b"://")[0].lower()
        if scheme in (b"http", b"https") and scheme != self.peer.scheme.encode() and not self.peer.trusted:
            raise RequestError(421, f"{scheme.decode()} in the target of a request by {self.peer.scheme}",
                               "RFC 9110 section 7.4")

    def _wait_for_head(self, data: bytes, settings: Settings) -> bool:
        if data == b"\r\n":
            return self._skip_blank()  # now, lest an idle connection count as one that asks
        check_partial_head(data, settings.head_limit, self._checked)
        self._checked = len(data)
        if not self._timed:
            self._timed = True
            self.deadline = monotonic() + settings.head_timeout
        return False

    def _skip_blank(self) -> bool:
        """RFC 9112 section 2.2: one empty line before a request is passed over."""
        if self._blank:
            raise RequestError(400, "empty lines instead of a request", "RFC 9112 section 2.2")
        self._blank = True
        self._checked = 0
        self.held = self.held[2:]
        return True

    # Bodies.

    def begin_body(self, exchange: Exchange, reader: BodyReader) -> None:
        """Hand the body of the current exchange to `reader`, from what is held and what comes."""
        if self._intake is not None:
            return  # it came by itself before the client was asked for it
        limit = exchange.body_limit if exchange.body_length != 0 else 0
        self._intake = Intake(reader, exchange.body_length, limit)
        self.phase = BODY
        data, self.held = self.held, b""
        self._body(data)

    def _body(self, data: bytes) -> None:
        if not self.paused:
            self.deadline = monotonic() + self.switch.runtime.settings.body_timeout
        intake = cast(Intake, self._intake)
        try:
            done = intake.feed(data)
        except RequestError as error:
            self.fail(error)
        except OSError as error:
            self.body_lost(error)
        else:
            if done and self.phase == BODY:
                self._end_body(intake)

    def body_lost(self, error: OSError) -> None:
        """What came of it found no room."""
        no_room.warn("cannot keep a request body: %s", error)
        self.fail(RequestError(503, "no room for the body", "buffers.directory"))

    def _end_body(self, intake: Intake) -> None:
        self.phase = WAIT
        if not self.paused:
            self.deadline = NEVER
        self.held = intake.rest
        self._intake = None
        cast(H1Exchange, self.exchange).body_came(intake.taken)
        intake.reader.body_end(intake.trailers)

    # Ends.

    def exchange_ended(self, exchange: H1Exchange, now: float) -> None:
        """The answer is written, at `now`; go on with the next request or close."""
        self.exchange = None
        if exchange.body_done or (self.keep and self._discard(exchange)):
            if self.keep:
                self.phase = HEAD
                if not self.paused:
                    self.deadline = now + self.switch.runtime.settings.keep_alive_timeout
                if self.held or not self.reading:
                    self._go_on()
            else:
                self.end(linger=bool(self.held))
        else:
            self.end(linger=True)

    def _discard(self, exchange: H1Exchange) -> bool:
        """Pass over a short body that nobody read, if all of it is here (RFC 9112 section 9.3)."""
        length = exchange.body_length
        if self.phase == BODY or length is None or length > len(self.held):
            return False
        self.held = self.held[length:]
        return True

    def keeps_after(self, exchange: H1Exchange) -> bool:
        """Whether the connection can go on after this exchange, should it be answered now."""
        if not self.keep or exchange.body_done:
            return self.keep
        length = exchange.body_length
        return self.phase != BODY and length is not None and length <= len(self.held)

    def refuse(self, error: RequestError) -> None:
        """Answer what never became an exchange, and close."""
        runtime = self.switch.runtime
        runtime.counters.refused(error.status)
        if runtime.log is not None:
            runtime.log.refused(self.peer.address, error.status, self.held[:200])
        log.debug("refused %s: %s", self.peer.address, error.reason)
        self.turn_away(error_page(error.status))

    def fail(self, error: RequestError) -> None:
        """End the current exchange because of what the client sent, or did not send."""
        exchange = self.exchange
        if exchange is None:
            self.refuse(error)
            return
        self.keep = False
        exchange.stop_responder()
        exchange.refuse(error.status, close=True, why=error.in_full())

    def end(self, *, linger: bool) -> None:
        """No request is taken any more."""
        self.held = b""
        self._intake = None
        self.close(linger=linger)

    def turn_away(self, page: Prepared) -> None:
        """Answer before anything was asked, and close."""
        self.transport.write(page.head.ready()[:-2] + b"Connection: close\r\n\r\n" + page.body)
        self.end(linger=True)

    def hand_over(self) -> None:
        """The transport is a tunnel's from now on; its end is `connection_lost`."""
        self.phase = TUNNEL
        self.wheel.forget(self)
        self.start_reading()

    def drain(self) -> None:
        """Close now if idle, else after the current exchange; who has just come may still ask."""
        if not self.keep:
            return  # it was told before
        self.keep = False
        if self.phase == HEAD and not self.held:
            accepted = self.deadline - self.switch.runtime.settings.head_timeout
            if self._timed and accepted + FIRST_WORD > monotonic():
                self.deadline = accepted + FIRST_WORD
            else:
                self.end(linger=False)

    def expired(self) -> None:
        """A deadline has passed (RFC 9110 section 15.5.9 for 408)."""
        if self.patience <= monotonic() and self.exchange is not None:
            self.end_patience()
            self.exchange.hurry()
            return
        if self.paused or self.phase in (LINGER, CLOSING):
            if not self.took_some():
                self.deadline = NEVER
                self.transport.abort()
        elif self.phase == BODY:
            self.fail(RequestError(408, "the body came too slowly", "timeouts.request_body"))
        elif self.phase == HEAD and self.held:
            self.refuse(RequestError(408, "the head came too slowly", "timeouts.request_head"))
        else:
            self.deadline = NEVER
            if self.phase == HEAD:
                self.end(linger=False)

    def end_patience(self) -> None:
        """Give the client all of its time again: the deadline was that of the patience."""
        self.patience = NEVER
        self.deadline = self.last_deadline() if self.paused else self._phase_deadline()

    def pause_body(self) -> None:
        """Leave the body in the socket: whoever reads it is slow, and the client not to blame."""
        self.stop_reading()
        if self.phase == BODY and not self.paused:
            self.deadline = NEVER

    def resume_body(self) -> None:
        if not self.reading:
            self.start_reading()
            if not self.paused:
                self.deadline = self._phase_deadline()
