"""What the supervisor, its workers and the lookout tell each other: one JSON line `[word, text]` per message.

The rule of this room: nobody waits for the other side. A peer that does not read is dead or stuck,
and both are noticed elsewhere; the end of the channel is the news that the peer is gone. What a
peer has no room for is kept here until it has, but of what is said about one thing only the last.

supervisor -> worker   prepare, listen, commit, forget   a reload (see reload.py)
                       drain      stop accepting, finish what runs, end
                       stop       end at once
                       reopen     reopen the log files
                       health     an endpoint is up or down (see news.py)
                       addresses  what an endpoint's name stands for now
                       order, weight  what the operator wants of an endpoint
worker -> supervisor   ready      accepting connections
                       failed     about to end because of `text`
                       draining   was asked by a signal to end: start a successor
                       hurry      an endpoint's address cannot be reached
                       prepared, committed   a reload

supervisor -> lookout  drain, stop, reopen, hurry
                       log    of another error log from here on; also to the desk
lookout -> supervisor  health, addresses
                       known      all that must be known before anything is served has been told
                       failed

any child <- and -> supervisor: ask, answer; only the desk: asked, gone (see asking.py)
child -> supervisor -> desk     event  something has changed (see observe/events.py)
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections import deque
from collections.abc import Callable

from proxy.process.pulse import Pulse

LOG = logging.getLogger("proxy.supervisor")

CHUNK = 65536


def unheard(word: str, text: str) -> None:
    """Before anybody listens."""


def unnoticed() -> None:
    """For those who learn of the end elsewhere."""


class Channel:
    """One end of a socket pair.

    Attributes:
        passed: while a message is heard, the descriptor that came with it, for who takes it out; -1: none.
        pulse: that both ends can see; the child's beats.
    """

    def __init__(self, sock: socket.socket, pulse: Pulse | None = None) -> None:
        sock.setblocking(False)
        self.pulse = pulse or Pulse()
        self._sock = sock
        self._unread = b""
        self._begun = b""  # the rest of a line
        self._begun_fd = -1  # that goes with its first octet
        self._unsent: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._arrived: deque[int] = deque()  # descriptors, in the order of their messages
        self.passed = -1
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
        self._flush()

    def send(self, word: str, text: str = "", about: str = "", fd: int = -1) -> None:
        """Say something, now or when there is room; if that was not said yet, it replaces what was to be
        said by the same word about the same thing.

        Args:
            fd: a descriptor that the peer gets with it; the caller's own stays the caller's.
        """
        _close(self._unsent.pop((word, about), (b"", -1))[1])
        message = [word, text] if fd < 0 else [word, text, 1]
        self._unsent[word, about] = json.dumps(message).encode() + b"\n", fd if fd < 0 else os.dup(fd)
        self._flush()

    def unread(self) -> int:
        """How many messages wait for the peer to make room."""
        return len(self._unsent)

    def _flush(self) -> None:
        """Send what there is room for; have it tried again once there is more."""
        try:
            while self._begun or self._unsent:
                if not self._begun:
                    self._begun, self._begun_fd = self._unsent.pop(next(iter(self._unsent)))
                self._begun = self._begun[self._send_begun() :]
        except BlockingIOError:
            if self._loop is not None:
                self._loop.add_writer(self._sock, self._flush)
            return
        except OSError:  # the peer is gone
            self._say_no_more()
        if self._loop is not None:
            self._loop.remove_writer(self._sock)

    def _send_begun(self) -> int:
        if self._begun_fd < 0:
            return self._sock.send(self._begun)
        sent = socket.send_fds(self._sock, [self._begun], [self._begun_fd])
        _close(self._begun_fd)
        self._begun_fd = -1
        return sent

    def _say_no_more(self) -> None:
        for _, fd in self._unsent.values():
            _close(fd)
        _close(self._begun_fd)
        self._begun, self._begun_fd = b"", -1
        self._unsent.clear()

    def read(self) -> None:
        """Take what has arrived."""
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, CHUNK, 1, socket.MSG_CMSG_CLOEXEC)
            self._arrived += fds
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            try:
                self._hear(*json.loads(line))
            except Exception:  # whatever it was about, the others are about something else
                LOG.exception("what was told could not be done")
        if not data:
            self._stop_listening()
            self._on_end()

    def _hear(self, word: str, text: str, fds: int = 0) -> None:
        if not fds:
            self._on_message(word, text)
            return
        self.passed = self._arrived.popleft()
        try:
            self._on_message(word, text)
        finally:
            _close(self.passed)
            self.passed = -1

    def take(self) -> int:
        """The descriptor that came with the message; the caller's own from now on."""
        fd, self.passed = self.passed, -1
        return fd

    def _stop_listening(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._loop = None

    def close(self) -> None:
        self._stop_listening()
        self._on_message, self._on_end = unheard, unnoticed  # or a child and its channel keep each other
        self.abandon()

    def abandon(self) -> None:
        """Close in a forked child, where the loop is still the parent's."""
        self._say_no_more()
        while self._arrived:
            _close(self._arrived.popleft())
        self._sock.close()


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def channel_pair() -> tuple[Channel, Channel]:
    ours, theirs = socket.socketpair()
    pulse = Pulse()
    return Channel(ours, pulse), Channel(theirs, pulse)
