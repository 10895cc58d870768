"""How `python -m proxy reload` and others reach the supervisor that runs with the same file.

A socket in the abstract namespace (unix(7)), named after the file: nothing is left behind by a crash and
there is no folder to agree on. Who may call is decided by who they are (SO_PEERCRED): the user whom the
proxy runs as, and root; and the caller looks in the same way who answers.

The rule of this room: one JSON line is asked, one is answered, and no caller can keep the supervisor busy.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final

LOG = logging.getLogger("proxy.supervisor")

MOST_CALLS: Final = 16
LONGEST: Final = 4096  # octets that are asked
PATIENCE: Final = 10.0  # seconds for a caller to say what it wants
CREDENTIALS: Final = struct.Struct("@iII")  # pid, uid, gid

Values = dict[str, Any]
Reply = Callable[[Values], None]


class NotReached(Exception):
    """Nobody answers; the message is for people."""


def name_of(file: str) -> str:
    """Of the socket."""
    return "\0pyfront-" + hashlib.sha256(os.path.realpath(file).encode()).hexdigest()[:32]


def user_of(sock: socket.socket) -> int:
    """Who is at the other end."""
    peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    user: int = CREDENTIALS.unpack(peer)[1]
    return user


class Hotline:
    """The supervisor's end.

    Args:
        answer: called with what is asked and whom to give the answer to, now or later.
        fd: of a socket that listens already, if there is one; calls are taken from `hear` on, as another
            program takes them until then.
    """

    def __init__(self, file: str, answer: Callable[[Values, Reply], None],
                 loop: asyncio.AbstractEventLoop, fd: int = -1) -> None:
        self._answer = answer
        self._loop = loop
        self._calls: set[Call] = set()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=None if fd < 0 else fd)
        self._sock.setblocking(False)
        self._sock.set_inheritable(False)
        try:
            if fd < 0:
                self._sock.bind(name_of(file))
                self._sock.listen(MOST_CALLS)
        except OSError:
            LOG.info("another proxy runs with %s: `reload` and `diff` reach that one", file)
            self._sock.close()
            return
        if fd < 0:
            self.hear()

    def fileno(self) -> int:
        """For who goes on with it; -1 if there is none."""
        return self._sock.fileno()

    def hear(self) -> None:
        """Take calls."""
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._ring)

    def rest(self) -> None:
        """Take none: who calls now waits for the program that is responsible then."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)

    def leave(self) -> None:
        """Take none ever again, and leave the name to another program; who has called is still answered."""
        self.rest()
        self._sock.close()

    def _ring(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError:
            return
        if user_of(sock) not in (0, os.geteuid()) or len(self._calls) >= MOST_CALLS:
            sock.close()
            return
        self._calls.add(Call(sock, self._answer, self._calls.discard, self._loop))

    def keep_none(self) -> None:
        """In a child."""
        self._sock.close()
        for call in self._calls:
            call.abandon()

    def close(self) -> None:
        self.leave()
        for call in list(self._calls):
            call.close()


class Call:
    """One caller."""

    def __init__(self, sock: socket.socket, answer: Callable[[Values, Reply], None],
                 ended: Callable[[Call], None], loop: asyncio.AbstractEventLoop) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._answer = answer
        self._ended = ended
        self._loop = loop
        self._asked = self._unsent = b""
        self._timer = loop.call_later(PATIENCE, self.close)
        loop.add_reader(sock, self._read)

    def _read(self) -> None:
        try:
            data = self._sock.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._asked += data
        if not data or len(self._asked) > LONGEST:
            self.close()
        elif self._asked.endswith(b"\n"):
            self._hear(self._asked)

    def _hear(self, line: bytes) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._sock)
        try:
            asked = json.loads(line)
        except ValueError:
            self.close()
            return
        self._answer(asked, self._reply)

    def _reply(self, values: Values) -> None:
        if self._sock.fileno() >= 0:
            self._unsent = json.dumps(values).encode() + b"\n"
            self._timer = self._loop.call_later(PATIENCE, self.close)
            self._loop.add_writer(self._sock, self._send)
            self._send()  # now: the loop may be about to end

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent):]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""
        if not self._unsent:
            self.close()

    def abandon(self) -> None:
        self._sock.close()

    def close(self) -> None:
        self._timer.cancel()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()
        self._ended(self)


def call(file: str, asked: Values, seconds: float) -> Values:
    """The caller's end: ask the proxy that runs with this file, and wait for its answer.

    Raises:
        NotReached: there is none, it is another user's, or it does not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(seconds)
        try:
            sock.connect(name_of(file))
            if os.geteuid() != 0 and user_of(sock) not in (0, os.geteuid()):
                raise NotReached(f"the proxy that runs with {file} is another user's")
            sock.sendall(json.dumps(asked).encode() + b"\n")
            said = b"".join(iter(partial(sock.recv, 65536), b""))
        except TimeoutError:
            raise NotReached(f"the proxy that runs with {file} does not answer") from None
        except (ConnectionRefusedError, FileNotFoundError):
            raise NotReached(f"no proxy runs with {file} here") from None
        except ConnectionError:
            said = b""
    if not said.endswith(b"\n"):
        raise NotReached(f"the proxy that runs with {file} did not answer: it is another user's, or it ends")
    values: Values = json.loads(said)
    return values
