"""What the supervisor and a worker tell each other: one JSON line `[word, text]` per message.

The rule of this room: nobody waits for the other side. A peer that does not read is dead or stuck,
and both are noticed elsewhere; the end of the channel is the news that the peer is gone.

supervisor -> worker   drain   stop accepting, finish what runs, end
                       stop    end at once
                       reopen  reopen the log files
worker -> supervisor   ready      accepting connections
                       failed     about to end because of `text`
                       draining   was asked by a signal to end: start a successor
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable

CHUNK = 65536


def unheard(word: str, text: str) -> None:
    """Before anybody listens."""


def unnoticed() -> None:
    """For those who learn of the end elsewhere."""


class Channel:
    """One end of a socket pair."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._unread = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_message: Callable[[str, str], None] = unheard
        self._on_end: Callable[[], None] = unnoticed

    def listen(
        self,
        loop: asyncio.AbstractEventLoop,
        on_message: Callable[[str, str], None],
        on_end: Callable[[], None] = unnoticed,
    ) -> None:
        """Have `on_message(word, text)` called for each message, `on_end()` when the peer is gone."""
        self._loop = loop
        self._on_message = on_message
        self._on_end = on_end
        loop.add_reader(self._sock, self.read)

    def send(self, word: str, text: str = "") -> None:
        try:
            self._sock.send(json.dumps([word, text]).encode() + b"\n")
        except OSError:
            pass  # gone, or so stuck that its buffer is full

    def read(self) -> None:
        """Take what has arrived."""
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            word, text = json.loads(line)
            self._on_message(word, text)
        if not data:
            self._stop_listening()
            self._on_end()

    def _stop_listening(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop = None

    def close(self) -> None:
        self._stop_listening()
        self._sock.close()

    def abandon(self) -> None:
        """Close in a forked child, where the loop is still the parent's."""
        self._sock.close()


def channel_pair() -> tuple[Channel, Channel]:
    ours, theirs = socket.socketpair()
    return Channel(ours), Channel(theirs)
