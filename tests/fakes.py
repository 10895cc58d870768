"""Stand-ins that record: an exchange for handlers, a transport for protocols, the loop and the clock.

A fake keeps the real thing's contract and is stricter where a caller can be wrong: a second
answer, or a body that is not as long as its head says, fails the test at once.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from proxy.downstream.pieces import PieceSender
from proxy.http.exchange import BodyReader, BodyReady, Exchange
from proxy.http.prepared import ResponseHead, error_page
from proxy.wire.headers import HeaderBlock, parse_field
from proxy.wire.status import has_body
from proxy.wire.target import parse_target


def block_of(pairs: Iterable[tuple[bytes, bytes]]) -> HeaderBlock:
    """A header block from names and values."""
    return HeaderBlock(parse_field(b"%b: %b" % pair) for pair in pairs)


class FakeLoop:
    """Runs what was called soon or later when the test says so."""

    def __init__(self) -> None:
        self.soon: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.later: list[tuple[float, Callable[..., object], tuple[Any, ...]]] = []

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        self.soon.append((call, args))

    def call_later(self, delay: float, call: Callable[..., object], *args: Any) -> None:
        self.later.append((delay, call, args))

    def run_in_executor(self, pool: object, work: Callable[..., object], *args: Any) -> FakeThread:
        return FakeThread(work, *args)

    def run(self) -> int:
        """Run what is ready, and what becomes ready by that; how many calls it was."""
        count = 0
        while self.soon:
            call, args = self.soon.popleft()
            call(*args)
            count += 1
        return count


class FakeThread:
    """Of a thread that is quicker than anybody: the future of its work, which is done."""

    def __init__(self, work: Callable[..., object], *args: Any) -> None:
        self._outcome: object = None
        self._error: Exception | None = None
        try:
            self._outcome = work(*args)
        except Exception as error:  # the future's from here on
            self._error = error

    def result(self) -> object:
        if self._error is not None:
            raise self._error
        return self._outcome

    def add_done_callback(self, call: Callable[..., object]) -> None:
        call(self)


class FakePeer:
    """A plain connection from this machine."""

    def __init__(self, scheme: str = "http", address: str = "127.0.0.1") -> None:
        self.scheme = scheme
        self.address = address

    def origin_for(self, block: HeaderBlock, host: bytes) -> tuple[bytes, bytes]:
        return self.scheme.encode(), host


class FakeExchange(Exchange):
    """Records what was answered.

    Args:
        target: a raw target such as b"/a?b", or a Target.
        fields: the request's header fields, or a HeaderBlock.
        window: octets that the client takes before `pause`; `drain` makes room again.

    What there is to look at: `status`, `head`, `body`, `field(name)`, `streamed`, `finished`
    (whole), `aborted`, `refused` (the status given to `refuse`), `interims`, `upgraded`, `tunnelled`,
    `late` (calls after the end, which do nothing), and for the request's body `reader`, `ready`,
    `body_paused`. `collected` is what `collect_body` returns.
    """

    def __init__(
        self,
        target: Any = b"/",
        fields: Any = (),
        *,
        method: bytes = b"GET",
        host: bytes = b"a.example",
        client: str = "127.0.0.1",
        scheme: str = "http",
        started: float = 0.0,
        body_length: int | None = 0,
        upgrade_offer: bytes = b"",
        window: int | None = None,
        loop: Any = None,
    ) -> None:
        self.method = method
        self.target = parse_target(method, target) if isinstance(target, bytes) else target
        self.host = host
        self.headers = fields if isinstance(fields, HeaderBlock) else block_of(fields)
        self.client = client
        self.peer: Any = FakePeer(scheme, client)
        self.body_length = body_length
        self.body_limit = 100 * 1024 * 1024
        self.upgrade_offer = upgrade_offer
        self.request_id = b"request-1"
        self.started = started
        self.status = 0
        self.responder = None
        self.route = self.pool = self.endpoint = ""
        self.attempts = self.uncoded = 0
        self.trail = None
        self.timings = None

        self.head: ResponseHead | None = None
        self.body = bytearray()
        self.trailers = b""
        self.streamed = self.finished = self.aborted = False
        self.refused: int | None = None
        self.interims: list[bytes] = []
        self.upgraded: bytes | None = None
        self.tunnelled: int | None = None
        self.late: list[str] = []

        self.collected: Any = None
        self.ready: BodyReady | None = None
        self.reader: BodyReader | None = None
        self.body_paused = False
        self.transport: Any = None
        self.surplus = b""

        self.window = window
        self._taken = 0
        self._paused = False
        self._loop = loop

    # -- the contract

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop or asyncio.get_running_loop()

    @property
    def over(self) -> bool:
        return self.finished or self.aborted

    def respond(self, head: ResponseHead, body: bytes = b"") -> None:
        if self._is_late("respond"):
            return
        self._begin(head)
        if self.method != b"HEAD":
            self.body += body
            self._check_length()
        self.finished = True

    def start(self, head: ResponseHead, data: bytes = b"", *, stream: bool = False) -> None:
        if self._is_late("start"):
            return
        self._begin(head)
        self.streamed = stream
        if data:
            self.write(data)

    def send_file(self, head: ResponseHead, fd: int, start: int, end: int) -> None:
        if self._is_late("send_file"):
            os.close(fd)
        else:
            PieceSender(self, fd, start, end).begin(head)

    def write(self, data: bytes) -> None:
        if self._is_late("write"):
            return
        assert self.head is not None, "write before start"
        if self.method == b"HEAD":
            return
        self.body += data
        if self.head.length is not None:
            assert len(self.body) <= self.head.length, "more than Content-Length"
        self._take(len(data))

    def finish(self, trailers: bytes = b"") -> None:
        if self._is_late("finish"):
            return
        assert self.head is not None, "finish before start"
        if self.method != b"HEAD":
            self._check_length()
        self.trailers = trailers
        self.finished = True

    def interim(self, lines: bytes) -> None:
        if not self._is_late("interim"):
            assert self.head is None, "interim after the final head"
            self.interims.append(lines)

    def refuse(self, status: int, *, close: bool = False, why: str = "") -> None:
        self.why = why
        if self._is_late("refuse"):
            return
        if self.head is not None:
            self.abort()
            return
        self.refused = status
        page = error_page(status)
        self.respond(page.head, page.body)

    def abort(self) -> None:
        if not self._is_late("abort"):
            self.aborted = True

    def upgrade(self, lines: bytes) -> asyncio.Transport:
        assert self.head is None, "upgrade after an answer"
        self.upgraded = lines
        self.status = 101
        return self.transport  # type: ignore[no-any-return]

    def tunnel_ended(self, sent: int) -> None:
        self.tunnelled = sent

    def take_surplus(self) -> bytes:
        surplus, self.surplus = self.surplus, b""
        return surplus

    def collect_body(self, ready: BodyReady) -> Any:
        if self.collected is None:
            self.ready = ready
        return self.collected

    def read_body(self, reader: BodyReader) -> None:
        self.reader = reader

    def await_body(self, reader: BodyReader) -> None:
        self.awaiting = reader

    def pause_body(self) -> None:
        self.body_paused = True

    def resume_body(self) -> None:
        self.body_paused = False

    # -- what the test does and looks at

    def drain(self) -> None:
        """The client took all that was written."""
        self._taken = 0
        if self._paused:
            self._paused = False
            if self.responder is not None:
                self.responder.resume()

    def leave(self) -> None:
        """The client goes away."""
        self.aborted = True
        if self.responder is not None:
            self.responder.client_gone()

    def fields(self, name: bytes) -> list[bytes]:
        """Every value of a response field, in order."""
        assert self.head is not None, "no answer"
        lines = self.head.lines.split(b"\r\n")[1:-1]
        pairs = [line.split(b": ", 1) for line in lines]
        return [value for key, value in pairs if key.lower() == name.lower()]

    def field(self, name: bytes) -> bytes | None:
        """The one value of a response field."""
        values = self.fields(name)
        assert len(values) <= 1, f"{name!r} is there {len(values)} times"
        return values[0] if values else None

    def _begin(self, head: ResponseHead) -> None:
        assert self.head is None, "a second answer"
        self.head = head
        self.status = head.status

    def _check_length(self) -> None:
        assert self.head is not None
        if not has_body(self.head.status):
            assert not self.body, "a body where none may be"
        elif self.head.length is not None:
            assert len(self.body) == self.head.length, "less than Content-Length"

    def _take(self, octets: int) -> None:
        self._taken += octets
        if self.window is not None and self._taken >= self.window and not self._paused:
            self._paused = True
            if self.responder is not None:
                self.responder.pause()

    def _is_late(self, call: str) -> bool:
        if self.over:
            self.late.append(call)
        return self.over


class FakeClock:
    """`monotonic` for the rooms that take it: it moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float, *timed: Any) -> None:
        """Let time pass, and have each of `timed` expire if its deadline is over."""
        self.now += seconds
        for one in timed:
            if one.deadline <= self.now:
                one.expired()


class FakeTransport(asyncio.Transport):
    """The near end of a connection; the test is the far end.

    Args:
        loop: where what a real transport does a moment later waits for `loop.run`.
        window: octets that the far end takes before `take` is called; None for all at once.

    What there is to look at: `sent` (all that was written), `got` (what of it the far end has),
    `ended` (write_eof), `closing`, `aborted`, `lost`, `reading`, `limits`. A write after `write_eof`
    is an error, like the real thing's; one after `close` goes nowhere and is counted in `wasted`.
    """

    def __init__(self, loop: FakeLoop | None = None, *, window: int | None = None, half: bool = True) -> None:
        super().__init__()
        self.loop = loop or FakeLoop()
        self.window = window
        self.half = half
        self.sent = bytearray()
        self.got = bytearray()
        self.ended = self.closing = self.aborted = self.lost = False
        self.reading = True
        self.limits: int | None = None
        self.wasted = 0
        self.failure: Exception | None = None
        self._looked = 0
        self.protocol: Any = None
        self._high = 65536
        self._full = False
        self._arrived: deque[bytes | None] = deque()

    # -- the contract

    def write(self, data: Any) -> None:
        if self.ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.closing:
            self.wasted += 1
            return
        self.sent += data
        self._move()
        if not self._full and self.get_write_buffer_size() > self._high:
            self._full = True
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return 0 if self.aborted else len(self.sent) - len(self.got)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self.limits = high

    def can_write_eof(self) -> bool:
        return self.half

    def write_eof(self) -> None:
        assert not self.ended, "a second write_eof"
        self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._lose_if_flushed()

    def abort(self) -> None:
        if not self.aborted and not self.lost:
            self.closing = self.aborted = True
            self.loop.call_soon(self._lose, self.failure)

    def is_reading(self) -> bool:
        return self.reading and not self.closing

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True
        self.loop.call_soon(self._deliver)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    # -- what the far end does

    def connect(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.connection_made(self)

    def feed(self, data: bytes) -> None:
        """The far end sends; what comes while nobody reads waits."""
        self._arrived.append(bytes(data))
        self._deliver()
        self.loop.run()

    def feed_eof(self) -> None:
        """The far end sends no more."""
        self._arrived.append(None)
        self._deliver()
        self.loop.run()

    def take(self, octets: int) -> None:
        """The far end takes more of what was sent."""
        assert self.window is not None
        self.window += octets
        self._move()
        if self._full and self.get_write_buffer_size() <= self._high // 4:
            self._full = False
            self.protocol.resume_writing()
        if self.closing:
            self._lose_if_flushed()
        self.loop.run()

    def take_all(self) -> None:
        """The far end takes what is there, and what follows upon that."""
        while self.get_write_buffer_size() and not self.lost:
            self.take(self.get_write_buffer_size())

    def fail(self, failure: Exception | None = None) -> None:
        """The connection is gone."""
        self.closing = self.aborted = True
        self.loop.call_soon(self._lose, failure)
        self.loop.run()

    def answer(self) -> bytes:
        """What the far end has got since the last call."""
        got = bytes(self.got[self._looked:])
        self._looked = len(self.got)
        return got

    def _move(self) -> None:
        end = len(self.sent) if self.window is None else min(len(self.sent), self.window)
        self.got += self.sent[len(self.got):end]

    def _deliver(self) -> None:
        while self._arrived and self.reading and not self.closing:
            data = self._arrived.popleft()
            if data is not None:
                self.protocol.data_received(data)
            elif not self.protocol.eof_received():
                self.close()

    def _lose_if_flushed(self) -> None:
        if not self.get_write_buffer_size():
            self.loop.call_soon(self._lose, None)

    def _lose(self, failure: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(failure)
