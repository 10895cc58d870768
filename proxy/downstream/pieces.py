"""A file as an answer: who sends it, piece by piece, and has its descriptor.

The rule of this room: the descriptor is closed whichever way it ends, but not while a thread reads from it;
the loop waits for no disk (see `http.disk`); what was read short, failed, or was of a file that somebody has
written to meanwhile cuts the answer before its last octets, so that the client notices.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from proxy.http.disk import Reads, is_cached
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.observe.logs import Seldom

T = TypeVar("T")

broken = Seldom(logging.getLogger("proxy.downstream"))

PIECE = 128 * 1024
TAIL = 4096  # octets at the end that tell an append from another file of more octets
TURN = 8  # pieces in a row, before other connections have theirs


class State(NamedTuple):
    """Of a file: its size, when it was written to last (ns), and the last of the octets to be sent."""

    size: int
    changed: int
    tail: bytes | None


class FileSender(ABC):
    """Sends octets `start` to `end` of a descriptor, which is its own from now on.

    Args:
        state: of the file, if it is known; else it is taken when it begins.
    """

    __slots__ = ("_away", "_end", "_exchange", "_fd", "_offset", "_over", "_paused", "_reads", "_state")

    def __init__(self, exchange: Exchange, fd: int, start: int, end: int, state: State | None = None) -> None:
        self._exchange = exchange
        self._fd = fd
        self._reads = Reads(fd)
        self._offset = start
        self._end = end
        self._away = False    # a thread has the descriptor
        self._paused = False  # the client has yet to take what it was given
        self._over = False
        self._state = state

    def begin(self, head: ResponseHead) -> None:
        """Send the head once the first octet was read; a file that has nothing there any more is a 500."""
        self._exchange.responder = self
        self._read(1, self._first, partial(self._start, head))

    def _first(self) -> bytes:
        status = os.fstat(self._fd)
        tail = self._tail(min(TAIL, self._end - self._offset))
        self._state = State(status.st_size, status.st_mtime_ns, tail)
        return os.pread(self._fd, 1, self._offset)

    def _tail(self, size: int) -> bytes | None:
        """The last octets to be sent, where no disk has to be waited for."""
        at = self._end - size
        return None if is_cached(self._fd, at, self._end) is False else os.pread(self._fd, size, at)

    def _check(self) -> None:
        """Part of the work that reads, since it asks the disk; 1 us.

        Raises:
            OSError: the file was written to since the beginning. Not if its ctime alone is another one: links
                and renames change that; and not if something was appended to it, as to a log.
        """
        status, state = os.fstat(self._fd), self._state
        if state is None or (status.st_mtime_ns == state.changed and status.st_size == state.size):
            return
        if status.st_size < self._end:
            raise cut_short()
        if status.st_size <= state.size or state.tail is None or self._tail(len(state.tail)) != state.tail:
            raise OSError(errno.ESTALE, "the file was written to meanwhile")
        self._state = State(status.st_size, status.st_mtime_ns, state.tail)

    def _start(self, head: ResponseHead, first: bytes) -> None:
        if not first:
            self._fail(cut_short())
            return
        self._exchange.start(head, stream=True)
        self.go_on()

    @abstractmethod
    def go_on(self) -> None:
        """Send until it must wait; does nothing while paused, away or over."""

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.go_on()

    @property
    def _idle(self) -> bool:
        return self._paused or self._away or self._over

    def client_gone(self) -> None:
        self._close()

    def _read(self, size: int, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Have `work` read the next octets, and call `then` with what it returned, now or later."""
        self._away = True
        done = partial(self._returned, then)
        try:
            result = self._reads.read(self._exchange.loop, self._offset, self._offset + size, work, done)
        except OSError as error:
            self._away = False
            self._fail(error)
            return
        if result is not None:
            self._away = False
            then(result)

    def _returned(self, then: Callable[[T], None], future: asyncio.Future[T]) -> None:
        """A thread is back, maybe after the end."""
        self._away = False
        if self._over:
            self._release()
            return
        try:
            result = future.result()
        except OSError as error:
            self._fail(error)
        else:
            then(result)

    def _fail(self, error: OSError) -> None:
        """The file cannot be read."""
        exchange = self._exchange
        broken.warn("%r cannot be sent: %s", exchange.target.path, error.strerror)
        self._close()
        exchange.refuse(500)  # or abort, where it has begun

    def _finish(self) -> None:
        self._close()
        self._exchange.finish()

    def _close(self) -> None:
        if not self._over:
            self._over = True
            if not self._away:
                self._release()

    def _release(self) -> None:
        os.close(self._fd)


class PieceSender(FileSender):
    """Through the exchange, in pieces: what works wherever an exchange does."""

    __slots__ = ("_running",)

    def __init__(self, exchange: Exchange, fd: int, start: int, end: int, state: State | None = None) -> None:
        super().__init__(exchange, fd, start, end, state)
        self._running = False

    def go_on(self) -> None:
        """Write until the client is full, the file ends, the disk lets us wait, or it is the others' turn."""
        if self._running:
            return  # the exchange says resume within write
        self._running = True
        for _ in range(TURN):
            if self._idle:
                break
            size = min(PIECE, self._end - self._offset)
            self._read(size, partial(self._piece, size), self._put)
        else:
            self._exchange.loop.call_soon(self.go_on)
        self._running = False

    def _piece(self, size: int) -> bytes:
        data = os.pread(self._fd, size, self._offset)
        self._check()
        return data

    def _put(self, data: bytes) -> None:
        if not data:
            self._fail(cut_short())
            return
        self._offset += len(data)
        self._exchange.write(data)
        if self._offset == self._end:
            self._finish()
        else:
            self.go_on()  # where a thread has read it


def cut_short() -> OSError:
    return OSError(errno.ENODATA, "the file was cut short meanwhile")
