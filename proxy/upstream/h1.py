"""An HTTP/1 connection to an endpoint: sends a request, reads its response, is kept or thrown away.

One attempt at a time; its callbacks go straight on to the client. A connection is kept only when
its response was complete, the request was sent whole, nothing came behind the response, and the
endpoint did not say that it would close (RFC 9112 sections 9.2, 9.3 and 9.6). Anything that
arrives while nobody asked closes it and answers nobody.
"""

from __future__ import annotations

import asyncio
import select
import socket
from time import monotonic
from typing import cast

from proxy.clock import NEVER, DeadlineWheel
from proxy.errors import RequestError, UpstreamError
from proxy.http.body import PIECE, Body
from proxy.upstream.answer import LARGEST_HEAD, AnswerHead, AnswerMemo
from proxy.upstream.attempt import Attempt, Timeouts
from proxy.upstream.endpoint import Endpoint
from proxy.wire.h1 import ChunkedDecoder, chunk, last_chunk
from proxy.wire.status import has_body

# Phases of a connection.
IDLE, HEAD, SIZED, CHUNKED, UNTIL_END, DONE = range(6)

MOST_INTERIM = 100  # 1xx responses before a final one; more is a flood


class UpstreamConnection(asyncio.Protocol):
    """One transport to an endpoint."""

    __slots__ = (
        "_attempt", "_body", "_body_at", "_closing_after", "_decoder", "_head_by", "_head_only", "_held",
        "_interims", "_late_by", "_left", "_memo", "_phase", "_poll", "_sending", "_timeouts", "_wheel",
        "deadline", "endpoint", "idle_since", "opened_at", "reading", "reused", "spare", "stuffed",
        "transport")

    transport: asyncio.Transport

    def __init__(self, endpoint: Endpoint, memo: AnswerMemo, timeouts: Timeouts, wheel: DeadlineWheel,
                 own: socket.socket) -> None:
        self.endpoint = endpoint
        self._memo = memo
        self._timeouts = timeouts
        self._wheel = wheel
        watch = select.poll()
        watch.register(own.fileno(), select.POLLIN)
        self._poll = watch.poll
        self._attempt: Attempt | None = None
        self._phase = IDLE
        self._held = b""
        self._head_by = NEVER  # by when the attempt wants it
        self._late_by = NEVER  # by when it must be there
        self._head_only = False
        self.idle_since = 0.0
        self._interims = self._left = self._body_at = 0
        self._decoder: ChunkedDecoder | None = None
        self._body: Body | None = None
        self._closing_after = False
        self._sending = False
        self.stuffed = False
        self.reading = True
        self.reused = False
        self.spare = False  # opened though others may have been idle: it takes the place of one
        self.deadline = NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.opened_at = monotonic()
        self._wheel.watch(self)

    def is_busy(self) -> bool:
        return self._attempt is not None

    def hand_to(self, attempt: Attempt) -> None:
        """The rest of the response is for `attempt`, if there is any rest."""
        if self._attempt is not None:
            self._attempt = attempt

    # Sending.

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection has time left, and is still silent and open, asked of the kernel.

        The loop may not have told yet, and octets that nobody asked for could be taken for the
        answer to what is sent now. 0.6 us; a `recv` that peeks and raises takes 1.3.
        """
        return now < self.deadline and not self._poll(0) and not self.transport.is_closing()

    def send(self, attempt: Attempt, head: bytes, body: Body | None, now: float, *, head_only: bool) -> None:
        """Send a whole request: its head with the final empty line, and its body."""
        self._attempt = attempt
        self._phase = HEAD
        self._head_only = head_only
        self._interims = 0
        self._head_by = NEVER
        self.deadline = now + self._timeouts.response_head
        if body is None:
            self.transport.write(head)
        elif body.data is not None and len(body.data) <= PIECE and not body.trailers:
            self.transport.write(head + body.data)
        else:
            self.transport.write(head)
            self._body = body
            self._body_at = 0
            self._sending = True
            self._pump()

    def hurry(self, until: float) -> None:
        """If the response's head is not here by then, the attempt is asked whether to wait on."""
        self._late_by, self._head_by = self.deadline, until
        self.deadline = min(self.deadline, until)

    def send_open(self, attempt: Attempt, head: bytes, now: float, *, head_only: bool) -> None:
        """Send a head whose body follows with `send_data` and `send_end`."""
        self.send(attempt, head, None, now, head_only=head_only)
        self._sending = True

    def send_data(self, data: bytes) -> None:
        if self._sending:
            self.transport.write(data)
            if self._phase == HEAD:
                # Until the body is whole the endpoint owes no answer, only that it takes the octets.
                self.deadline = monotonic() + self._timeouts.response_head if self.stuffed else NEVER

    def send_end(self, data: bytes) -> None:
        if self._sending:
            self._sending = False
            if data:
                self.transport.write(data)
            if self._phase == HEAD:
                self.deadline = monotonic() + self._timeouts.response_head

    def _pump(self) -> None:
        """Send as much of the body as the endpoint takes."""
        body = cast(Body, self._body)
        framed = bool(body.trailers)
        while not self.stuffed and self._body_at < body.length:
            piece = body.read(self._body_at)
            self._body_at += len(piece)
            self.transport.write(chunk(piece) if framed else piece)
        if self._body_at >= body.length:
            if framed:
                self.transport.write(last_chunk(body.trailers))
            self._body = None
            self._sending = False

    def pause_writing(self) -> None:
        self.stuffed = True
        if self._attempt is not None:
            self._attempt.endpoint_slow()

    def resume_writing(self) -> None:
        self.stuffed = False
        if self._sending and self._phase == HEAD:
            self.deadline = min(monotonic() + self._timeouts.response_head, self._head_by)
        if self._body is not None:
            self._pump()
        if self._attempt is not None:
            self._attempt.endpoint_fast()

    # Receiving.

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        try:
            if phase == HEAD:
                self._head(self._held + data if self._held else data)
            elif phase == SIZED:
                self._sized(data)
            elif phase == CHUNKED:
                self._chunked(data)
            elif phase == UNTIL_END:
                self.deadline = monotonic() + self._timeouts.response_body
                cast(Attempt, self._attempt).answer_data(data)
            else:
                self.discard()  # octets that nobody asked for
        except UpstreamError as error:
            self._fail(error, received=True)
        except RequestError as error:
            self._fail(UpstreamError("body", error.reason), received=True)

    def _head(self, data: bytes) -> None:
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > LARGEST_HEAD:
                self._wait_for_head(data)
                return
            raw = data[:end + 4]
            head = self._memo.find(raw) or self._memo.parse(raw)
            data = data[end + 4:]
            if head.status >= 200:
                self._final(head, data)
                return
            if head.status == 101:
                self._upgrade(head, data)
                return
            self._count_interim()
            cast(Attempt, self._attempt).answer_interim(head)
            if self._phase != HEAD:
                return

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > LARGEST_HEAD:
            raise UpstreamError("head", "the response head is too long")
        if data[:5] != b"HTTP/"[:len(data)]:
            raise UpstreamError("head", f"not HTTP: {data[:40]!r}")
        self._held = data

    def _count_interim(self) -> None:
        self._interims += 1
        if self._interims > MOST_INTERIM:
            raise UpstreamError("head", "a flood of 1xx responses")

    def _final(self, head: AnswerHead, data: bytes) -> None:
        attempt = cast(Attempt, self._attempt)
        self._held = b""
        if head.keep_alive:
            self.endpoint.idle_limit.told(head.keep_alive)
        if head.close:
            self.endpoint.will_close(monotonic())
        length = head.length
        if self._head_only or not has_body(head.status):
            length = 0
        if length is not None and not (head.chunked and length != 0) and len(data) >= length:
            self._release(reusable=not head.close and len(data) == length)
            attempt.answer_whole(head, data[:length] if len(data) > length else data)
            return
        self.deadline = monotonic() + self._timeouts.response_body
        self._closing_after = head.close
        if head.chunked:
            self._phase = CHUNKED
            self._decoder = ChunkedDecoder()
            first = self._decoder.feed(data)
            attempt.answer_head(head, first)
            self._end_of_chunks()
        elif length is None:
            self._phase = UNTIL_END
            attempt.answer_head(head, data)
        else:
            self._phase = SIZED
            self._left = length - len(data)
            attempt.answer_head(head, data)

    def _sized(self, data: bytes) -> None:
        attempt = cast(Attempt, self._attempt)
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            self.deadline = monotonic() + self._timeouts.response_body
            attempt.answer_data(data)
            return
        surplus = len(data) > left
        attempt.answer_data(data[:left] if surplus else data)
        if self._attempt is attempt:
            self._release(reusable=not self._closing_after and not surplus)
            attempt.answer_end(b"")

    def _chunked(self, data: bytes) -> None:
        self.deadline = monotonic() + self._timeouts.response_body
        attempt = cast(Attempt, self._attempt)
        payload = cast(ChunkedDecoder, self._decoder).feed(data)
        if payload:
            attempt.answer_data(payload)
        self._end_of_chunks()

    def _end_of_chunks(self) -> None:
        decoder, attempt = self._decoder, self._attempt
        if attempt is None or decoder is None or not decoder.done:
            return
        self._release(reusable=not self._closing_after and not decoder.rest)
        attempt.answer_end(decoder.trailers)

    def _upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        attempt = cast(Attempt, self._attempt)
        self._attempt = None
        self._phase = DONE
        self._held = b""
        self._wheel.forget(self)
        attempt.answer_upgrade(head, surplus)

    # Ends.

    def _release(self, *, reusable: bool) -> None:
        """The response is complete: keep the connection or close it."""
        self._attempt = None
        self._decoder = None
        if not reusable or self._sending or self.stuffed or self.transport.is_closing():
            self.discard()
            return
        self._phase = IDLE
        self.reused = True
        if not self.reading:
            self.resume()
        self.idle_since = now = monotonic()
        self.deadline = now + self.endpoint.idle_limit.seconds
        if self.spare:
            self.endpoint.make_room()
            self.spare = False
        if not self.endpoint.keep(self):
            self.discard()

    def discard(self) -> None:
        """Close without a word."""
        self.endpoint.forget(self)
        self._attempt = None
        self._body = None
        self._phase = DONE
        self._sending = False
        self.transport.abort()

    def _fail(self, error: UpstreamError, *, received: bool) -> None:
        attempt = self._attempt
        self.discard()
        if attempt is not None:
            attempt.answer_failed(error, received=received)

    def eof_received(self) -> bool:
        if self._phase == UNTIL_END:
            attempt = cast(Attempt, self._attempt)
            self.discard()
            attempt.answer_end(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.forget(self)
        phase = self._phase
        if phase == IDLE and self.reused:
            self.endpoint.lost_idle(self, monotonic())
        attempt, self._attempt = self._attempt, None
        self._phase = DONE
        self._body = None
        self._sending = False
        if attempt is not None:
            how = "reset" if exc else "closed"
            where = "head" if phase == HEAD else "body"
            received = phase != HEAD or bool(self._held)
            attempt.answer_failed(UpstreamError(where, f"the connection was {how}"), received=received)

    def expired(self) -> None:
        self.deadline = NEVER
        if self._phase == IDLE:
            self.endpoint.overdue(self, monotonic())
        elif self._phase == HEAD and self._waits_on():
            self.deadline, self._head_by = self._late_by, NEVER
        elif self._phase == HEAD:
            self._fail(UpstreamError("head", "no response in time", status=504), received=bool(self._held))
        else:
            self._fail(UpstreamError("body", "the response stalls", status=504), received=True)

    def _waits_on(self) -> bool:
        hurried = self._head_by < self._late_by
        return hurried and not cast(Attempt, self._attempt).gives_up()

    # Flow control.

    def pause(self) -> None:
        """Read no more until `resume`; the endpoint is not to be blamed for the wait."""
        if self.reading and not self.transport.is_closing():
            self.reading = False
            self.deadline = NEVER
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.reading and not self.transport.is_closing():
            self.reading = True
            self.deadline = monotonic() + self._timeouts.response_body
            self.transport.resume_reading()
