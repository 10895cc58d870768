"""A file as an answer over a plain socket: from the page cache to the client, past this process.

The rule of this room: the transport has the connection, and what it wrote goes out before the file does. It
is asked for nothing while the file is sent: octets go over a copy of the socket's descriptor (neither loop
lets others wait for one that a transport has), a bounded number each time that the client has room.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sys
import termios
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from proxy.descriptors import is_scarce
from proxy.downstream.pieces import FileSender, PieceSender, cut_short
from proxy.http.prepared import ResponseHead

if TYPE_CHECKING:
    from proxy.downstream.h1 import H1Connection
    from proxy.downstream.h1_exchange import H1Exchange

TURN = 512 * 1024  # octets in a row, before other connections have theirs: 0.15 ms
LAST = 4096        # octets that go by themselves, once those before them are certain to be of one state
_NO_SENDFILE = frozenset((errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP))  # not from this file system


def send_file(exchange: H1Exchange, connection: H1Connection, head: ResponseHead, fd: int, start: int,
              end: int) -> None:
    """See `Exchange.send_file`."""
    if exchange.status or exchange.over:
        os.close(fd)
        return
    if start == end or exchange.method == b"HEAD":
        os.close(fd)
        exchange.respond(head)
        return
    copy = _copy_of_socket(connection.transport)
    if copy < 0:
        PieceSender(exchange, fd, start, end).begin(head)
    else:
        SocketSender(exchange, connection, copy, fd, start, end).begin(head)


def _copy_of_socket(transport: asyncio.Transport) -> int:
    """Another descriptor of a plain connection; -1 where there is none to have."""
    own = transport.get_extra_info("socket")
    if own is None or transport.get_extra_info("sslcontext") is not None:
        return -1
    try:
        copy = os.dup(own.fileno())
    except OSError:  # too many are open, or it was just closed
        return -1
    if is_scarce(copy):  # a connection has its share, which is two: this would be a third
        os.close(copy)
        return -1
    return copy


class SocketSender(FileSender):
    """By sendfile. The wheel watches it, since the transport of the connection sees no progress meanwhile."""

    __slots__ = ("_connection", "_socket", "_taken", "_timeout", "_waiting", "deadline")

    _exchange: H1Exchange

    def __init__(self, exchange: H1Exchange, connection: H1Connection, copy: int, fd: int, start: int,
                 end: int) -> None:
        super().__init__(exchange, fd, start, end)
        self._connection = connection
        self._socket = copy
        self._waiting = False  # for the socket to have room
        self._taken = start
        self._timeout = connection.switch.runtime.settings.send_timeout
        self.deadline = monotonic() + self._timeout
        connection.wheel.watch(self)

    def go_on(self) -> None:
        """Send one turn's octets, or as many as the client has room for."""
        if self._idle:
            return
        left = self._end - self._offset
        size = left if left <= LAST else min(TURN, left - LAST)
        self._read(size, partial(self._turn, size), self._sent)
        if self._away:
            self._stop_waiting()

    def _turn(self, size: int) -> int:
        """What is sent cannot be taken back: a change while it was is found before the next ones go."""
        self._check()
        return os.sendfile(self._socket, self._fd, self._offset, size)

    def _sent(self, octets: int) -> None:
        if not octets:
            self._fail(cut_short())
            return
        self._offset += octets
        self._exchange.sent += octets
        if self._offset == self._end:
            self._finish()
        else:
            self.deadline = monotonic() + self._timeout
            if octets < TURN:  # the client has no room for more
                self._taken = self._acknowledged()
            self._wait()

    def _fail(self, error: OSError) -> None:
        if isinstance(error, BlockingIOError):
            self._wait()
        elif isinstance(error, (ConnectionError, TimeoutError)):
            self._close()
            self._connection.transport.abort()
        elif error.errno in _NO_SENDFILE and self._exchange.status:
            self._hand_over()
        else:
            super()._fail(error)

    def _hand_over(self) -> None:
        """Have it sent the other way."""
        pieces = PieceSender(self._exchange, os.dup(self._fd), self._offset, self._end, self._state)
        self._close()
        self._exchange.responder = pieces
        pieces.go_on()

    # Waiting.

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._exchange.loop.add_writer(self._socket, self.go_on)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._exchange.loop.remove_writer(self._socket)

    def expired(self) -> None:
        """Nothing could be sent for `timeouts.send`; but a client may take long for what the kernel has."""
        taken = self._acknowledged()
        if taken > self._taken or self._away or self._paused:
            self._taken = taken
            self.deadline = monotonic() + self._timeout
        else:
            self._close()
            self._connection.transport.abort()

    def _acknowledged(self) -> int:
        """The offset up to which the client's system has the file."""
        unsent = fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4))
        return self._offset - int.from_bytes(unsent, sys.byteorder)

    def _close(self) -> None:
        if not self._over:
            self._connection.wheel.forget(self)
            self._stop_waiting()
        super()._close()

    def _release(self) -> None:
        os.close(self._socket)
        super()._release()
