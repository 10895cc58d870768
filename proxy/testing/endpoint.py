"""An endpoint of a pool inside the test: an application behind real sockets, and the faults it is to have."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from proxy.errors import RequestError
from proxy.tasks import spawn
from proxy.testing.applications import Asked, Fields, Lifespan, call_asgi, call_wsgi, kind_of
from proxy.testing.faults import Fault
from proxy.upstream.connect import over
from proxy.wire.h1 import ChunkedDecoder, chunk, last_chunk, parse_request_line
from proxy.wire.headers import HeaderBlock, split_fields
from proxy.wire.status import has_body, status_line

if TYPE_CHECKING:
    from proxy.upstream.endpoint import Endpoint
    from proxy.upstream.h1 import UpstreamConnection
    from proxy.upstream.pool import Pool

LONGEST_HEAD = 1 << 20
PIECE = 65536


class TestEndpoint:
    """One address of a pool.

    Args:
        name: the address that the configuration has.
        application: ASGI, WSGI, or a coroutine function of a reader and a writer.
        executor: where WSGI applications run.

    Attributes:
        fault: what it does wrong from now on; None for nothing.
        asked: the requests that it got, the last one at the end.
        connections: how many were opened to it.
    """

    __test__ = False  # for pytest: this is none

    def __init__(self, name: str, application: Any, executor: Executor) -> None:
        self.name = name
        self.asked: list[Asked] = []
        self.connections = 0
        self._application = application
        self._kind = kind_of(application)
        self._executor = executor
        self._fault: Fault | None = None
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        self._lifespan = Lifespan(application) if self._kind == "asgi" else None

    def __repr__(self) -> str:
        return f"<TestEndpoint {self.name}>"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        if fault is not None and fault.kind == "refuse":
            self._loop.call_soon_threadsafe(self._hang_up)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """It has this fault within the block."""
        before, self.fault = self._fault, fault
        try:
            yield
        finally:
            self.fault = before

    # Its life, in the proxy's loop.

    async def begin(self) -> None:
        """Start the application.

        Raises:
            RuntimeError: it refuses.
        """
        if self._lifespan is not None:
            spawn(self._loop, self._lifespan.live())
            await self._lifespan.begun()

    def release(self) -> None:
        """Who hangs or waits goes on."""
        self._closing.set()

    async def end(self) -> None:
        """Close everything."""
        self._closing.set()
        tasks = list(self._open)
        self._hang_up()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lifespan is not None:
            await self._lifespan.end()

    def _hang_up(self) -> None:
        for task in self._open:
            task.cancel()

    async def connect(self, pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
        """In the place of what opens connections in a pool.

        Raises:
            ConnectionRefusedError: that is its fault now.
        """
        fault = self._fault
        if fault is not None and fault.kind == "refuse" and fault.strikes():
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        near, far = tcp_pair()
        self.connections += 1
        task = spawn(self._loop, self._serve(far))
        self._open[task] = far
        task.add_done_callback(lambda done: self._open.pop(done, None))
        return await over(near, pool, endpoint)

    async def _serve(self, far: socket.socket) -> None:
        """One connection."""
        try:
            reader, writer = await asyncio.open_connection(sock=far, limit=LONGEST_HEAD)
        except BaseException:
            far.close()
            raise
        try:
            if self._kind == "raw":
                await self._application(reader, writer)
            else:
                await _Serving(self, reader, writer).run()
        except (OSError, RequestError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, _Over):
            pass  # the proxy has closed it, or it was to be cut
        finally:
            writer.close()

    async def wait(self, seconds: float | None) -> None:
        """So long, or until all is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    def next_fault(self) -> Fault | None:
        """What the request that has come meets."""
        fault = self._fault
        return fault if fault is not None and fault.kind != "refuse" and fault.strikes() else None

    async def call(self, asked: Asked, answer: _Serving) -> None:
        if self._lifespan is not None:
            await call_asgi(self._application, asked, answer, self._lifespan.state)
        else:
            await call_wsgi(self._application, asked, answer, self._executor)


class _Over(Exception):
    """The connection is to end here."""


class _Serving:
    """The requests of one connection, one by one."""

    def __init__(self, endpoint: TestEndpoint, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self._endpoint = endpoint
        self._reader = reader
        self._writer = writer
        self._held = b""
        self._method = ""
        self._begun = self._chunked = self._silent = False
        self._left: int | None = None  # octets of the body until the connection is dropped

    async def run(self) -> None:
        while (head := await self._head()) is not None:
            asked = await self._request(head)
            self._endpoint.asked.append(asked)
            await self._answer(asked)

    async def _head(self) -> bytes | None:
        """Up to and with its empty line; None at the end of the connection."""
        while b"\r\n\r\n" not in self._held:
            data = await self._reader.read(PIECE)
            if not data:
                return None
            self._held += data
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    async def _request(self, head: bytes) -> Asked:
        first, _, section = head.partition(b"\r\n")
        line, found = parse_request_line(first), split_fields(section, 10_000)
        block = HeaderBlock(found)
        if block.expect:
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self._decoded() if block.chunked else await self._sized(block.length or 0)
        self._method = line.method.decode()
        return Asked(self._method, line.target.raw.decode("latin-1"), tuple(
            (key.decode("latin-1"), value.decode("latin-1")) for key, value, _, _ in found), body)

    async def _sized(self, length: int) -> bytes:
        while len(self._held) < length:
            self._held += await self._more()
        body, self._held = self._held[:length], self._held[length:]
        return body

    async def _decoded(self) -> bytes:
        decoder, body = ChunkedDecoder(), b""
        data, self._held = self._held, b""
        while True:
            body += decoder.feed(data)
            if decoder.done:
                self._held = decoder.rest
                return body
            data = await self._more()

    async def _more(self) -> bytes:
        data = await self._reader.read(PIECE)
        if not data:
            raise _Over
        return data

    # The answer.

    async def _answer(self, asked: Asked) -> None:
        self._begun = self._chunked = self._silent = False
        fault = self._endpoint.next_fault()
        if fault is not None:
            await self._suffer(fault)
        if fault is not None and fault.kind == "status":
            text = b"a fault of the test\n"
            await self.start(int(fault.amount), [(b"Content-Length", b"%d" % len(text))])
            await self.write(text)
        else:
            await self._call(asked)
        if self._chunked:
            self._writer.write(last_chunk(b""))
        await self._writer.drain()

    async def _call(self, asked: Asked) -> None:
        try:
            await self._endpoint.call(asked, self)
        except (OSError, _Over):
            raise
        except Exception:
            if self._begun:
                self._cut()
            await self.start(500, [(b"Content-Length", b"0")])
            raise
        if not self._begun:
            await self.start(500, [(b"Content-Length", b"0")])

    async def _suffer(self, fault: Fault) -> None:
        self._left = int(fault.amount) if fault.kind == "drop" else None
        if fault.kind == "reset":
            self._cut()
        elif fault.kind == "hang":
            await self._endpoint.wait(None)
            raise _Over
        elif fault.kind == "slow":
            await self._endpoint.wait(fault.amount)

    def _cut(self) -> None:
        """End the connection with a reset.

        Raises:
            _Over: always.
        """
        own = self._writer.get_extra_info("socket")
        with socket.socket(fileno=os.dup(own.fileno())) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise _Over

    async def start(self, status: int, fields: Fields) -> None:
        self._begun = True
        named = {name.lower() for name, _ in fields}
        self._silent = self._method == "HEAD" or not has_body(status)
        self._chunked = not self._silent and b"content-length" not in named
        lines = [b"%b: %b\r\n" % field for field in fields if field[0].lower() != b"transfer-encoding"]
        if self._chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        self._writer.write(status_line(status) + b"".join(lines) + b"\r\n")
        await self._writer.drain()

    async def write(self, data: bytes) -> None:
        if self._silent or not data:
            return
        if self._left is not None and self._left < len(data):
            await self._send(data[:self._left])
            self._writer.close()
            raise _Over
        if self._left is not None:
            self._left -= len(data)
        await self._send(data)

    async def _send(self, data: bytes) -> None:
        if data:
            self._writer.write(chunk(data) if self._chunked else data)
            await self._writer.drain()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected sockets of this machine's loopback: what resets them is a reset."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.setblocking(False)
    return near, far
