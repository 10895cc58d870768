"""A file that is too large for memory, sent in pieces as fast as the client takes them.

The descriptor is closed whichever way it ends. What a read of the disk blocks, the loop waits
for: a piece is small enough for that to be short.
"""

from __future__ import annotations

import os

from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead

PIECE = 128 * 1024
TURN = 8  # pieces in a row, before other connections have theirs


class FileSender:
    """Sends octets `start` to `end` of a descriptor, which is its own from now on."""

    __slots__ = ("_end", "_exchange", "_fd", "_offset", "_paused", "_pumping")

    def __init__(self, exchange: Exchange, fd: int, start: int, end: int) -> None:
        self._exchange = exchange
        self._fd = fd
        self._offset = start
        self._end = end
        self._paused = False
        self._pumping = False

    def begin(self, head: ResponseHead) -> None:
        """Send the head with the first piece; a file that has nothing there any more is a 500."""
        data = self._read()
        if data is None:
            self._exchange.refuse(500)
            return
        self._exchange.responder = self
        self._pumping = True  # the exchange may say resume before start returns
        self._exchange.start(head, data, stream=True)
        self._pump()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        if not self._pumping and self._fd >= 0:
            self._pumping = True
            self._pump()

    def client_gone(self) -> None:
        self._close()

    def _pump(self) -> None:
        """Write until the client is full, the file ends, or it is the others' turn."""
        turn = TURN
        while self._fd >= 0 and self._offset < self._end:
            if self._paused:
                self._pumping = False
                return
            if not turn:
                self._exchange.loop.call_soon(self._pump)
                return
            turn -= 1
            data = self._read()
            if data is None:
                self._exchange.abort()
                return
            self._exchange.write(data)
        if self._fd >= 0:
            self._close()
            self._exchange.finish()

    def _read(self) -> bytes | None:
        """The next piece; None, and the descriptor closed, where the file fails or was cut short."""
        try:
            data = os.pread(self._fd, min(PIECE, self._end - self._offset), self._offset)
        except OSError:
            data = b""
        if not data:
            self._close()
            return None
        self._offset += len(data)
        return data

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
