"""A data plane of forty lines that does what a test asks for in the path, and its own command line:

python -m tests.process.fake_plane FILE [KIND]
"""

import asyncio
import json
import os
import socket
import sys

from proxy.config.load import load
from proxy.process.estate import find
from proxy.process.supervisor import supervise
from proxy.tasks import spawn


class FakePlane:
    def __init__(self, config, loop, row=None):
        self.servers = []
        self.held = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.reopened = 0
        self.news = []
        self.route = config.routes[0].name
        self.answers = {"pid": lambda args: [os.getpid(), args]}

    async def start(self, sockets):
        for _, sock in sockets:
            serve = asyncio.start_unix_server if sock.family == socket.AF_UNIX else asyncio.start_server
            self.servers.append(await serve(self.answer, sock=sock))

    async def answer(self, reader, writer):
        line = await reader.readline()
        if line == b"crash\n":
            os._exit(7)
        if line == b"hold\n":
            self.held += 1
            self.idle.clear()
            writer.write(b"held\n")
            await reader.readline()
            self.held -= 1
            if not self.held:
                self.idle.set()
        if line == b"route\n":
            writer.write(b"%s\n" % self.route.encode())
        if line == b"news\n":
            writer.write(b"%s\n" % json.dumps(self.news).encode())
        writer.write(b"%d %d\n" % (os.getpid(), self.reopened))
        await writer.drain()
        writer.close()

    async def drain(self, seconds):
        for server in self.servers:
            server.close()
        try:
            await asyncio.wait_for(self.idle.wait(), seconds)
        except TimeoutError:
            pass

    async def prepare(self, config):
        self.prepared = config.routes[0].name
        if self.prepared == "unbuildable":
            raise ValueError("it cannot be built here")
        if self.prepared == "deadly":
            os._exit(9)
        if self.prepared == "endless":
            with open(os.environ["PREPARED"], "a") as file:  # noqa: ASYNC230
                file.write("prepares\n")
            await asyncio.Event().wait()

    def forget(self):
        self.prepared = None

    def commit(self, sockets, known):
        self.route, self.known = self.prepared, known
        for _, sock in sockets:
            serve = asyncio.start_unix_server if sock.family == socket.AF_UNIX else asyncio.start_server
            spawn(asyncio.get_running_loop(), self.serve(serve(self.answer, sock=sock)))

    async def serve(self, starting):
        self.servers.append(await starting)

    def told(self, word, text):
        self.news.append([word, json.loads(text)])

    def report_to(self, tell):
        self.tell = tell

    def reopen_logs(self):
        self.reopened += 1

    async def close(self):
        for server in self.servers:
            server.close()


class Broken(FakePlane):
    def __init__(self, config, loop, row=None):
        raise RuntimeError("no such\nthing")


class ShortLived(FakePlane):
    async def start(self, sockets):
        asyncio.get_running_loop().call_later(0.01, os._exit, 3)


class Deaf(FakePlane):
    """Ends neither by `drain` nor by `stop`, once it has heard of the former."""

    async def drain(self, seconds):
        os.write(2, b"deaf\n")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class Heir(FakePlane):
    """Of a program that takes over what another one leaves to it."""


KINDS = {kind.__name__: kind for kind in (FakePlane, Broken, ShortLived, Deaf, Heir)}

if __name__ == "__main__":
    file, kind = [*sys.argv[1:], "FakePlane"][:2]
    sys.exit(supervise(load(file), KINDS[kind], file, find() if KINDS[kind] is Heir else None))
