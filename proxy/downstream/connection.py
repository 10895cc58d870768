"""A client's connection as such: what it has taken, how long it is given, how it ends.

The rule of this room: a close is lingering wherever the client may still be sending, so that it can read
why (RFC 9112 section 9.6), and a client that takes nothing of what it was sent is not waited for.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from proxy.clock import NEVER

if TYPE_CHECKING:
    from proxy.downstream.listener import Listener
    from proxy.http.peer import Peer

# Phases of a connection.
HEAD, BODY, WAIT, LINGER, TUNNEL, CLOSING = range(6)

LINGER_SECONDS = 3.0  # how long a client may go on sending after the last answer


class ClientConnection(asyncio.Protocol):
    """One transport, whatever is spoken over it."""

    __slots__ = (
        "_unsent", "deadline", "listener", "loop", "paused", "peer", "phase", "reading", "switch",
        "transport", "wheel", "write")

    transport: asyncio.Transport

    def __init__(self, listener: Listener, peer: Peer) -> None:
        self.listener = listener
        self.switch = listener.switch
        self.wheel = listener.switch.wheel
        self.loop = listener.loop
        self.peer = peer
        self.phase = HEAD
        self.reading = True
        self.paused = False  # the client has yet to take octets
        self.deadline = NEVER
        self._unsent = 0

    def close(self, *, linger: bool) -> None:
        """Close once everything is written; reading on for a moment where the client may be sending."""
        if linger and self.transport.can_write_eof() and not self.transport.is_closing():
            self.phase = LINGER
            self.start_reading()
            self.deadline = self.last_deadline()
            try:
                self.transport.write_eof()
            except OSError:  # stock asyncio says so: the client answered what we wrote last with a reset
                self.transport.abort()
        else:
            self.phase = CLOSING
            self.deadline = self.last_deadline()
            self.transport.close()

    def last_deadline(self) -> float:
        """For a client that has octets of the last answer to take, and for one that has them all."""
        self._unsent = self.transport.get_write_buffer_size()
        return monotonic() + (self.switch.runtime.settings.send_timeout if self._unsent else LINGER_SECONDS)

    def took_some(self) -> bool:
        """Whether a slow client has taken octets since the last look."""
        before = self._unsent
        self.deadline = self.last_deadline()
        return self._unsent < before

    def stop_reading(self) -> None:
        if self.reading:
            self.reading = False
            self.transport.pause_reading()

    def start_reading(self) -> None:
        if not self.reading and not self.transport.is_closing():
            self.reading = True
            self.transport.resume_reading()
