"""The least that a server in Python on uvloop can be: it reads no request, and sends the answer that it has.

    python -m benchmarks.fixed_answers PORT

What a proxy takes beyond this is its own; what this takes beyond nginx is the loop's and the interpreter's.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

_FIELDS = (
    b"Date: Sun, 22 Nov 2026 09:05:50 GMT\r\nLast-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\n"
    b'ETag: "0123456789abcdef01234567"\r\n')
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n" + _FIELDS + b"\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\n%bContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n%b" % (
    _FIELDS, b"x" * 1024)


class FixedAnswer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._write(UNCHANGED if b"\r\nIf-None-Match: " in data else WHOLE)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FixedAnswer, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
