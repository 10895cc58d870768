"""The board: what all processes count, in one piece of shared memory.

The rule of this room: a process writes its own row and no other, so that nobody waits for anybody, and
who wants to know adds the rows up. The supervisor makes the board before it forks; it has the first
row, to which it adds the counters of workers that are gone (what they had in flight is gone with them).

A name (a route, a pool, an endpoint) has the same cells in every row, from the first time that anybody
asks for it until the board ends: a reload moves nothing, and an old runtime counts on beside the new
one. Names are only ever added, under the one lock there is. What is not taken costs no memory: the
pages of a memory file are there once they are written. So there is room for 18,000 endpoints that come and
go, 256 octets for each and worker; who finds none is counted nowhere, and that is told.

    turn, octets of names, cells in use, version of the rows, full | who has each row | names | rows
"""

from __future__ import annotations

import fcntl
import json
import logging
import mmap
import os
import sys
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final

from proxy.observe.seldom import Seldom

trouble = Seldom(logging.getLogger("proxy.board"))

CELL: Final = 8  # octets
TURN, NAMED, USED, VERSION, FULL, PIDS = range(6)
TAKEN: Final = -1  # a row whose process has yet to be forked
SPARE: Final = 64  # the first cells of each row: for names that found no room, read by nobody
SMALLEST: Final = 1 << 19  # cells of a row, so that there is room for names to come
FEW: Final = 1 << 16  # of one that nobody shares
PATIENCE: Final = 1.0  # seconds for a supervisor that moves a row; mostly it takes less than a millisecond

# Seconds up to which a bucket counts; the last one counts the rest.
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BUCKETS: Final = len(BOUNDS) + 1
MICRO: Final = 1_000_000  # a histogram's sum is kept in whole microseconds


class Kind:
    """What is counted for each name of a kind: where its columns stand in the name's cells.

    Args:
        name: of the kind.
        gauges: how much of something there is now; nothing once a worker is gone.
        counters: how often something has happened.
        histograms: how long something took: `BUCKETS` cells and one for the sum, in microseconds.

    Attributes:
        at: where each column begins.
        counted: where the counters begin.
        sums: where the sums of histograms stand.
        size: in cells.
    """

    __slots__ = ("at", "counted", "histograms", "name", "size", "sums")

    def __init__(self, name: str, *, gauges: Sequence[str] = (), counters: Sequence[str] = (),
                 histograms: Sequence[str] = ()) -> None:
        self.name = name
        self.histograms = tuple(histograms)
        self.at = {column: at for at, column in enumerate((*gauges, *counters))}
        self.counted = len(gauges)  # from there on counters
        self.size = len(self.at)
        for column in histograms:
            self.at[column] = self.size
            self.size += BUCKETS + 1
        self.sums = tuple(self.at[column] + BUCKETS for column in histograms)


class Row:
    """One process's part of the board.

    Attributes:
        cells: its numbers.
    """

    __slots__ = ("_others", "_version", "board", "cells", "number")

    def __init__(self, board: Board, number: int) -> None:
        self.board = board
        self.number = number
        self.cells = board.cells_of(number)
        self._others: list[memoryview[int]] = []
        self._version = -1

    def others(self) -> list[memoryview[int]]:
        """The rows of the other workers that live; 0.1 us while they are the same."""
        version = self.board.head[VERSION]
        if version != self._version:
            self._version = version
            self._others = [self.board.cells_of(number) for number in self.board.taken()
                            if number not in (0, self.number)]
        return self._others


class Name:
    """A name and where its cells begin."""

    __slots__ = ("first", "kind", "parts")

    def __init__(self, kind: str, parts: tuple[str, ...], first: int) -> None:
        self.kind = kind
        self.parts = parts
        self.first = first


class Board:
    """See the module.

    Args:
        rows: processes that may count at a time, the supervisor among them.
        cells: of a row.
        names: octets for the names.
        shared: with processes that are forked later.
    """

    def __init__(
        self, rows: int, cells: int = SMALLEST, names: int = 4 << 20, *, shared: bool = True,
    ) -> None:
        self.rows = rows
        self._width = cells
        self._names_at = (PIDS + rows) * CELL
        self._names_end = self._names_at + names
        rows_at = -(-self._names_end // mmap.PAGESIZE) * mmap.PAGESIZE
        size = rows_at + rows * cells * CELL
        self._fd = _memory_file(size) if shared else -1
        self._memory = mmap.mmap(self._fd, size)
        everything = memoryview(self._memory)
        self.head = everything[:self._names_at].cast("q")
        self._rows = everything[rows_at:].cast("q")
        self._known: dict[tuple[str, ...], int] = {}
        self._names: list[Name] = []
        self._read = 0
        self.head[USED] = SPARE
        self.head[PIDS] = os.getpid()

    def cells_of(self, number: int) -> memoryview[int]:
        return self._rows[number * self._width:(number + 1) * self._width]

    def taken(self) -> list[int]:
        """The numbers of the rows that somebody has."""
        return [number for number in range(self.rows) if self.head[PIDS + number]]

    def pid_of(self, number: int) -> int:
        return self.head[PIDS + number]

    # Names.

    def first(self, kind: Kind, *parts: str) -> int:
        """Where the cells of a name begin in every row; 0 if there is no room for one more."""
        key = (kind.name, *parts)
        found = self._known.get(key)
        if found is None:
            with self._lock():
                self._learn()
                found = self._known.get(key)
                if found is None:
                    found = self._add(kind, key)
            if not found:
                trouble.warn("no figures are kept of %s: more routes, pools and endpoints have come and gone "
                             "than there is room for; a restart makes some", " ".join(key))
        return found

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Held for microseconds, and let go by the dead."""
        if self._fd < 0:
            yield
            return
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def _add(self, kind: Kind, key: tuple[str, ...]) -> int:
        first = self.head[USED]
        line = json.dumps([first, *key]).encode() + b"\n"
        at = self._names_at + self.head[NAMED]
        if first + kind.size > self._width or at + len(line) > self._names_end:
            self.head[FULL] = 1
            return 0
        self._memory[at:at + len(line)] = line
        self.head[USED] = first + kind.size
        self.head[NAMED] += len(line)  # last: who reads names without the lock finds whole lines
        self._learn()
        return first

    def _learn(self) -> None:
        """Read the names that others have added."""
        end = self.head[NAMED]
        if end == self._read:
            return
        lines = self._memory[self._names_at + self._read:self._names_at + end]
        self._read = end
        for line in lines.splitlines():
            first, kind, *parts = json.loads(line)
            self._known[kind, *parts] = first
            self._names.append(Name(kind, tuple(parts), first))

    def names(self) -> Sequence[Name]:
        """All that there are, in the order in which they were added."""
        self._learn()
        return self._names

    def taken_share(self) -> float:
        """Of the room for names, 0 to 1; exactly 1 once a name has found none."""
        if self.head[FULL]:
            return 1.0
        return max(self.head[USED] / self._width, self.head[NAMED] / (self._names_end - self._names_at))

    # Rows: the supervisor's business.

    def row(self, number: int) -> Row:
        return Row(self, number)

    def take(self) -> int:
        """A row for a process that is about to be forked; 0 if there is none left."""
        for number in range(1, self.rows):
            if not self.head[PIDS + number]:
                self.head[PIDS + number] = TAKEN
                self.head[VERSION] += 1
                return number
        return 0

    def taken_by(self, number: int, pid: int) -> None:
        """The process of a row has been forked."""
        if number:
            self.head[PIDS + number] = pid

    def give_back(self, number: int, kinds: dict[str, Kind]) -> None:
        """The process of a row is gone: what it counted stays, added to the first row."""
        if not number:
            return
        self.head[TURN] += 1  # odd: who reads now reads again
        try:
            used = self.head[USED]
            gone, ours = self.cells_of(number), self.cells_of(0)
            counted = array("q", gone[:used].tobytes())
            for name in self.names():
                kind = kinds[name.kind]
                counted[name.first:name.first + kind.counted] = array("q", bytes(kind.counted * CELL))
            ours[:used] = memoryview(array("q", map(int.__add__, counted, ours[:used].tolist())))
            gone[:used] = memoryview(array("q", bytes(used * CELL)))
            self.head[PIDS + number] = 0
            self.head[VERSION] += 1
        finally:
            self.head[TURN] += 1

    def read(self) -> list[list[int]]:
        """The numbers of all rows that somebody has, the supervisor's first, as they were at one time."""
        until = monotonic() + PATIENCE
        while monotonic() < until:
            turn = self.head[TURN]
            if turn % 2 == 0:
                rows = self._look()
                if self.head[TURN] == turn:
                    return rows
            os.sched_yield()
        return self._look()  # the supervisor has died meanwhile: better counted twice than not shown

    def _look(self) -> list[list[int]]:
        used = self.head[USED]
        return [self.cells_of(number)[:used].tolist() for number in self.taken()]

    def close(self) -> None:
        """Give the file back; the memory goes with the last who looks at it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def alone(cells: int = FEW) -> Row:
    """A row for a process that shares its numbers with nobody."""
    board = Board(2, cells, shared=False)
    return board.row(board.take())


def totals(rows: Sequence[Sequence[int]]) -> list[int]:
    """The rows added up."""
    return list(map(sum, zip(*rows, strict=True)))


def _memory_file(size: int) -> int:
    if sys.platform == "linux":
        fd = os.memfd_create("board")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd
