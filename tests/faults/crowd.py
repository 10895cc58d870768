"""Many clients that do nothing, or next to nothing: idle, stalled in a head or a body, or not reading."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import contextmanager
from time import perf_counter

from tests.faults.load import WAIT


@contextmanager
def many_descriptors():
    """All descriptors that this process may have; yields how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """`count` connections, each of which sends `data` and then does as told.

    Args:
        buffer: octets of the receive buffer, for clients that shall be slow; None for the system's.
    """

    def __init__(self, place, count, data=b"", *, buffer=None):
        self.place = place
        self.count = count
        self.data = data
        self.buffer = buffer
        self.socks = []
        self.loop = asyncio.get_running_loop()

    async def __aenter__(self):
        try:
            await self._by_fifties(self._join, range(self.count))
        except BaseException:
            self.leave()
            raise
        return self

    async def _by_fifties(self, work, things):
        """Fifty at a time, so that these are many clients and yet no flood."""
        async with asyncio.timeout(60):
            return [done for at in range(0, len(things), 50)
                    for done in await asyncio.gather(*map(work, things[at:at + 50]))]

    async def __aexit__(self, *_):
        self.leave()

    async def _join(self, number):
        sock = socket.socket(socket.AF_INET)
        self.socks.append(sock)
        if self.buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        sock.setblocking(False)
        await self.loop.sock_connect(sock, self.place)
        await self.loop.sock_sendall(sock, self.data)

    async def ask(self, request):
        """What each got by one read after it asked."""

        async def work(sock):
            await self.loop.sock_sendall(sock, request)
            return await self.loop.sock_recv(sock, 65536)

        return await self._by_fifties(work, self.socks)

    async def send(self, data):
        async with asyncio.timeout(WAIT):
            await asyncio.gather(*(self.loop.sock_sendall(sock, data) for sock in self.socks))

    async def receive(self):
        """What each got by one read; b"" where the connection is closed."""
        async with asyncio.timeout(WAIT):
            return await asyncio.gather(*(self.loop.sock_recv(sock, 65536) for sock in self.socks))

    async def receive_all(self):
        """(seconds until the end, all that came) of each."""
        async with asyncio.timeout(WAIT):
            return await asyncio.gather(*(self._to_the_end(sock) for sock in self.socks))

    async def _to_the_end(self, sock):
        began, data = perf_counter(), b""
        try:
            while piece := await self.loop.sock_recv(sock, 65536):
                data += piece
        except ConnectionError:
            pass
        return perf_counter() - began, data

    def leave(self):
        for sock in self.socks:
            sock.close()
        self.socks = []
