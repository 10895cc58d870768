"""An origin that answers with the mark of each request, and that fails in the way it is told to.

    python -m tests.faults.chaos NAME PORT      a process of its own, which a test can kill

The request says what it wants: `X-Mark` is an id of the test's, echoed in head and body so that no
answer can be taken for another's; the query names size, pace and fault (see `Wish`). What holds for
a whole origin is an argument of `Origin`. Requests are parsed by h11, so whatever the proxy sends
has to be good HTTP; what is not is counted in `malformed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import h11

PIECE = 262144


def pieces_of(mark: str, size: int) -> Iterator[bytes]:
    """`size` octets that belong to this mark and to no other; for 0 the mark and a line end."""
    line = f"{mark}\n".encode()
    piece = line * (PIECE // len(line))
    left = size or len(line)
    while left > 0:
        yield piece[:left]
        left -= len(piece)


def body_of(mark: str, size: int) -> bytes:
    return b"".join(pieces_of(mark, size))


@dataclass
class Wish:
    """What a request's query asks for.

    Attributes:
        size: octets of the answer's body; 0: the mark and a line end.
        delay: seconds before the head.
        drip: seconds that the body takes, in ten pieces.
        fault: reset | truncate | half_close | garbage | silence | crawl (an octet a second), once `after`
            octets of the answer are out.
        chunked: no Content-Length.
        status: of the answer.
        reply: the name of one of the origin's raw replies, sent instead.
    """

    size: int = 0
    delay: float = 0.0
    drip: float = 0.0
    fault: str = ""
    after: int = 0
    chunked: bool = False
    status: int = 200
    reply: str = ""

    @classmethod
    def read(cls, target: bytes) -> Wish:
        given = dict(parse_qsl(urlsplit(target.decode("latin-1")).query))
        kinds = {"size": int, "delay": float, "drip": float, "after": int, "chunked": bool, "status": int}
        known = cls.__dataclass_fields__
        return cls(**{key: kinds.get(key, str)(value) for key, value in given.items() if key in known})


@dataclass
class Seen:
    """One request as it reached the origin."""

    mark: str
    method: str
    target: str
    length: int
    digest: str


class Origin:
    """A listening origin in the running loop; `async with` closes it with all its connections.

    Args:
        name: told in `X-Origin`.
        idle: (shortest, longest) seconds after which a kept connection is closed.
        seed: of those times.
        silent: accept and never answer.
        twist: what it makes of each wish; a fault of its own, whatever it is asked for.
        replies: name -> steps; a step is octets (see `fill`), seconds, "close", "reset" or "half_close".
    """

    def __init__(self, name="origin", port=0, *, host="127.0.0.1", idle=None, seed=1, silent=False,
                 replies=None):
        self.name = name
        self.host = host
        self.port = port
        self.idle = idle
        self.silent = silent
        self.twist = None
        self.replies = replies or {}
        self.random = random.Random(seed)
        self.requests: list[Seen] = []
        self.malformed: list[str] = []
        self.begun = Counter()  # by mark: heads that arrived, whatever became of them
        self.connections = 0    # open now
        self.busy = 0           # answers that are under way
        self.busiest = 0
        self.answered = 0
        self.accepted = 0
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, backlog=4096, limit=PIECE)
        self.port = self._server.sockets[0].getsockname()[1]
        self.place = self.host, self.port
        self.address = f"{self.host}:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        self.accepted += 1
        try:
            await Connection(self, reader, writer).run()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.connections -= 1
            self._tasks.discard(asyncio.current_task())
            writer.close()


@contextlib.asynccontextmanager
async def three_origins():
    async with Origin("ada") as ada, Origin("bruno") as bruno, Origin("clara") as clara:
        yield ada, bruno, clara


class Connection:
    """One connection of an origin."""

    def __init__(self, origin, reader, writer):
        self.origin = origin
        self.reader = reader
        self.writer = writer
        self.rest = b""
        self.parser = None
        self.kept = False

    async def run(self):
        while (seen := await self._request()) is not None:
            self.origin.requests.append(seen)
            self.origin.busy += 1
            self.origin.busiest = max(self.origin.busiest, self.origin.busy)
            try:
                goes_on = await self._answer(seen)
                self.origin.answered += 1
            finally:
                self.origin.busy -= 1
            if not goes_on:
                return
            self.kept = True

    async def _request(self):
        """The next request, whole; None where the connection ends or is malformed."""
        self.parser = h11.Connection(h11.SERVER)
        if self.rest:
            self.parser.receive_data(self.rest)
        try:
            head = await self._event(between=True)
            if not isinstance(head, h11.Request):
                return None
            mark = dict(head.headers).get(b"x-mark", b"").decode("latin-1")
            self.origin.begun[mark] += 1
            digest, length = hashlib.sha256(), 0
            while isinstance(event := await self._event(), h11.Data):
                digest.update(event.data)
                length += len(event.data)
            if not isinstance(event, h11.EndOfMessage):
                return None
        except h11.RemoteProtocolError as error:
            self.origin.malformed.append(str(error))
            return None
        self.rest = self.parser.trailing_data[0]
        return Seen(mark, head.method.decode(), head.target.decode("latin-1"), length, digest.hexdigest())

    async def _event(self, *, between=False):
        while (event := self.parser.next_event()) is h11.NEED_DATA:
            if self.parser.they_are_waiting_for_100_continue:
                self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            try:
                async with asyncio.timeout(self._idle_seconds() if between else None):
                    data = await self.reader.read(PIECE)
            except TimeoutError:
                return None
            if not data and between:
                return None
            self.parser.receive_data(data)
        return event

    def _idle_seconds(self):
        if self.origin.idle and self.kept:
            return self.origin.random.uniform(*self.origin.idle)
        return None

    async def _answer(self, seen):
        """Whether the connection goes on."""
        if self.origin.silent:
            return await self._stay_silent()
        wish = Wish.read(seen.target.encode("latin-1"))
        if self.origin.twist is not None:
            wish = self.origin.twist(wish)
        await asyncio.sleep(wish.delay)
        if wish.reply:
            own = self.origin.replies[wish.reply]
            return await self.play([fill(step, seen.mark) for step in own])
        length = wish.size or len(seen.mark) + 1
        framing = "Transfer-Encoding: chunked" if wish.chunked else f"Content-Length: {length}"
        head = (
            f"HTTP/1.1 {wish.status} So\r\n{framing}\r\nContent-Type: text/plain\r\n"
            f"X-Origin: {self.origin.name}\r\nX-Mark: {seen.mark}\r\n"
            f"X-Length: {seen.length}\r\nX-Digest: {seen.digest}\r\n\r\n"
        ).encode()
        pieces = pieces_of(seen.mark, wish.size)
        if wish.fault:
            return await self._break(wish, head + b"".join(pieces))
        if wish.drip:
            await self.send(head)
            head, pieces = b"", in_tenths(b"".join(pieces))
        for piece in pieces:
            await asyncio.sleep(wish.drip / 10)
            await self.send(head + (b"%x\r\n%b\r\n" % (len(piece), piece) if wish.chunked else piece))
            head = b""
        if wish.chunked:
            await self.send(b"0\r\n\r\n")
        return True

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def _break(self, wish, message):
        await self.send(message[:wish.after])
        if wish.fault == "garbage":
            await self.send(b"\0\xff not HTTP \r\n\r\n" * 20)
            return await self.play(["close"])
        if wish.fault == "silence":
            return await self._stay_silent()
        if wish.fault == "crawl":
            crawl = asyncio.create_task(self._crawl(message[wish.after:]))
            await self._stay_silent()
            crawl.cancel()
            return False
        return await self.play(["close" if wish.fault == "truncate" else wish.fault])

    async def _stay_silent(self):
        """Until the proxy gives up."""
        while await self.reader.read(65536):
            pass
        return False

    async def _crawl(self, octets):
        for octet in octets:
            await asyncio.sleep(1)
            await self.send(bytes((octet,)))

    async def play(self, steps):
        for step in steps:
            if isinstance(step, bytes):
                await self.send(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "half_close":
                self.writer.write_eof()
                return await self._stay_silent()
            else:
                if step == "reset":
                    reset_on_close(self.writer)
                    self.writer.transport.abort()
                return False
        return True


def in_tenths(body):
    size = len(body) // 10 + 1
    return [body[at:at + size] for at in range(0, len(body), size)]


def fill(step, mark):
    """A raw reply names its request's mark as `@`, and the length of that with a line end as `#`."""
    if not isinstance(step, bytes):
        return step
    return step.replace(b"@", mark.encode()).replace(b"#", b"%d" % (len(mark) + 1))


def reset_on_close(writer):
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def serve_forever(name, port):
    async with Origin(name, port) as origin:
        print(f"origin {origin.name} on {origin.address}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_forever(sys.argv[1], int(sys.argv[2])))
