"""Small files as ready responses, and the one shelf that bounds them.

Each route finds its entries in a dict of its own, by path; the shelf knows those of all routes in
this worker and drops the oldest when they take too much memory. An entry is looked at again once
it is a second old, and goes to the young end then: so the order is by last use, to the second,
and a hit costs nothing for it.
"""

from __future__ import annotations

import os
import time

from proxy.handlers.beneath import OpenFile
from proxy.handlers.representation import Fields, Representation
from proxy.http.prepared import Kept

LARGEST = 256 * 1024
ROOM = 64 * 1024 * 1024
OVERHEAD = 2048  # octets that an entry takes besides its body; bounds the count, too
FRESH = 1.0      # seconds between two looks at a file

Identity = tuple[int, int, int, int, int]


def identity(status: os.stat_result) -> Identity:
    """What tells one state of one file from another; ctime is the time that nobody can set."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class Entry(Kept):
    """One path's answer, in memory.

    Attributes:
        fresh_until: then the file is looked at again; long ago once the shelf has dropped the entry.
        identity: of the file that was read; two changes within the clock's grain share one, so
            it counts only if `about.settled`.
    """

    __slots__ = ("about", "home", "identity", "key", "path")

    def __init__(self, about: Representation, body: bytes, path: bytes, status: os.stat_result) -> None:
        super().__init__(about.head, body)
        self.about = about
        self.path = path
        self.identity = identity(status)
        self.key = b""
        self.home: dict[bytes, Entry] = {}

    def is_current(self) -> bool:
        """Whether the file is still the one that was read."""
        try:
            return self.about.settled and identity(os.stat(self.path)) == self.identity
        except OSError:
            return False


def describe(status: os.stat_result, size: int, extra: Fields) -> Representation:
    """What to say about a file in this state, of which `size` octets are served."""
    now = time.time()
    # Not changed within the last second: another change will have another time.
    settled = now - status.st_ctime > FRESH
    return Representation(status.st_mtime_ns, size, now, settled=settled, extra=extra)


def load(file: OpenFile, extra: Fields) -> tuple[Entry, bool]:
    """Read a small file; also whether it stayed the same meanwhile and so may be kept."""
    status = file.status
    body = os.pread(file.fd, status.st_size, 0)
    entry = Entry(describe(status, len(body), extra), body, file.path, status)
    return entry, len(body) == status.st_size and identity(os.fstat(file.fd)) == entry.identity


class Shelf:
    """The entries of all static routes of a worker, oldest first."""

    __slots__ = ("_order", "_room", "_taken")

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._taken = 0
        self._order: dict[Entry, None] = {}

    def put(self, entry: Entry, home: dict[bytes, Entry], key: bytes, now: float) -> None:
        """Keep an entry under a key of a route's dict, in the place of what was there."""
        if (old := home.get(key)) is not None:
            self.drop(old)
        entry.home, entry.key, entry.fresh_until = home, key, now + FRESH
        home[key] = entry
        self._order[entry] = None
        self._taken += len(entry.body) + OVERHEAD
        while self._taken > self._room:
            self.drop(next(iter(self._order)))

    def drop(self, entry: Entry) -> None:
        del entry.home[entry.key], self._order[entry]
        self._taken -= len(entry.body) + OVERHEAD
        # Whoever else kept it must not send it any more, nor hold its memory.
        entry.fresh_until, entry.body = 0.0, b""

    def confirm(self, entry: Entry, now: float) -> bool:
        """Look at an entry's file again where it is due; a stale entry is dropped."""
        if now <= entry.fresh_until:
            return True
        if not entry.is_current():
            self.drop(entry)
            return False
        entry.fresh_until = now + FRESH
        self._order[entry] = self._order.pop(entry)
        return True


SHELF = Shelf()  # one per process
