"""What a slow client has not taken yet.

An answer comes off the worker as fast as the worker sends it; what the client does not take at
once waits here, in memory at first and then in a file, and is fed to the client at its own pace.
Past `most` octets (or when the disk is full) the producer is asked to wait until all of it is taken,
which is when the file begins anew.
"""

from __future__ import annotations

import logging
from typing import Protocol

from proxy.http.body import PIECE, Spool
from proxy.observe.logs import Seldom

no_room = Seldom(logging.getLogger("proxy.downstream"))


class Sink(Protocol):
    """Where the octets go: a connection that says when it has had enough."""

    paused: bool

    def write(self, data: bytes) -> None: ...


class Outflow:
    """A first-in, first-out store of octets between a producer and a slow client."""

    __slots__ = ("_late", "_most", "_offset", "_spool", "sink")

    def __init__(self, sink: Sink, spool: Spool, most: int) -> None:
        self.sink = sink
        self._spool = spool
        self._most = most
        self._offset = 0
        self._late: list[bytes] = []  # what found no room, or shall not go into a file yet

    def put(self, data: bytes, *, patient: bool = False) -> None:
        """Keep `data`; with `patient` not in the file, but beside what is in memory, the producer waiting."""
        if self._late or (patient and not self._spool.in_file and not self._spool.has_room(len(data))):
            self._late.append(data)
            return
        try:
            self._spool.append(data)
        except OSError as error:
            no_room.warn("cannot keep an answer for a slow client in a file (%s); the endpoint waits", error)
            self._late.append(data)

    def spill(self) -> None:
        """Patience is over: what is beside the memory goes into the file."""
        late, self._late = self._late, []
        for data in late:
            self.put(data)

    @property
    def full(self) -> bool:
        """Whether the producer should wait; with what was fed already, for the file holds that too."""
        return bool(self._late) or self._spool.length >= max(self._most, 1)

    @property
    def empty(self) -> bool:
        return not self._late and self._offset >= self._spool.length

    def feed(self) -> None:
        """Hand over as much as the client takes."""
        while not self.sink.paused and self._offset < self._spool.length:
            piece = self._spool.read(self._offset, PIECE)
            self._offset += len(piece)
            self.sink.write(piece)
        if self._offset >= self._spool.length:
            self._spool.clear()
            self._offset = 0
            while self._late and not self.sink.paused:
                self.sink.write(self._late.pop(0))
