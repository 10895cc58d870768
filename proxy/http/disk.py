"""Disks that may be slow: what would make the loop wait for one is done by a thread.

The page cache is asked first, without waiting (RWF_NOWAIT): what it has is read here and now, which is
nearly always, and costs no thread. Not every file system can tell (FUSE, NFS, overlay and tmpfs cannot),
and none can for an open or a stat. There the time that such calls took decides, see `Tempo`.

`Reads` are for octets of an open file, `Tempo.do` for what cannot be asked, `later` for what is long anyhow.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

LONG = 0.005          # seconds: others may not wait longer than that for one read
QUICK_AT_FIRST = 16   # quick calls in a row until the loop makes them itself
QUICK_AT_MOST = 65536
WARY_AT_FIRST = 5.0   # seconds; 10 from the first mistake on
WARY_AT_MOST = 600.0
STRIDE = 256 * 1024   # the cache is asked at these steps; it drops and reads ahead some 128 KiB at a time
THREADS = 32          # as nginx's pool; made as they are needed. What waits for one holds up no loop
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
_CANNOT_TELL = frozenset((errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))

POOL = ThreadPoolExecutor(THREADS, "disk")  # makes no thread before the first call
_probe = bytearray(1)


class Tempo:
    """Whether calls of one kind may be made on the loop: those that cannot be asked beforehand.

    One that took long sends those behind it to a thread, for some seconds and until enough in a row were
    quick; both are doubled each time that this trust was mistaken. So a disk that is always slow stalls the
    loop once at most, and one that is slow now and then ever more seldom.

    Args:
        trusted: make the first calls on the loop.
    """

    __slots__ = ("_needed", "_quick", "_until", "_wary")

    def __init__(self, *, trusted: bool) -> None:
        self._needed = 0 if trusted else QUICK_AT_FIRST
        self._quick = 0
        self._wary = WARY_AT_FIRST
        self._until = 0.0

    @property
    def slow(self) -> bool:
        return self._quick < self._needed or monotonic() < self._until

    def took(self, seconds: float) -> None:
        if seconds <= LONG:
            self._quick += 1
            return
        now = monotonic()
        if not self.slow:
            self._needed = min(max(2 * self._needed, QUICK_AT_FIRST), QUICK_AT_MOST)
            self._wary = min(2 * self._wary, WARY_AT_MOST)
        self._quick = 0
        self._until = now + self._wary

    def do(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T],
           done: Callable[[asyncio.Future[T]], None]) -> T | None:
        """What `work` returns (never None) or raises; or None, and `done` is called when a thread did it."""
        if self.slow:
            later(loop, partial(self._timed, work), done)
            return None
        return self._timed(work)

    def _timed(self, work: Callable[[], T]) -> T:
        started, waits = monotonic(), _waits()
        try:
            return work()
        finally:
            # Without a wait of its own it was the machine that is busy, or our share of it used up.
            self.took(monotonic() - started if _waits() != waits else 0.0)


def _waits() -> int:
    """How often this thread gave up its CPU because it had to wait; 1 us, where a lookup takes 30."""
    return resource.getrusage(_THREAD).ru_nvcsw


_tempos: dict[int, Tempo] = {}  # by device, of those that cannot tell


def later(loop: asyncio.AbstractEventLoop, work: Callable[[], T],
          done: Callable[[asyncio.Future[T]], None]) -> None:
    """Have a thread do `work`; then `done` is called by the loop."""
    loop.run_in_executor(POOL, work).add_done_callback(done)


class Reads:
    """The reads of one open file."""

    __slots__ = ("_fd", "_tempo")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._tempo: Tempo | None = None  # of its device, once it is needed

    def read(self, loop: asyncio.AbstractEventLoop, start: int, end: int, work: Callable[[], T],
             done: Callable[[asyncio.Future[T]], None]) -> T | None:
        """As `Tempo.do`, for a `work` that reads octets `start` to `end`: here where they are cached.

        The descriptor must stay open until `done` is called.

        Raises:
            OSError: from `work`, or because the disk fails; with `done`, it is the future's.
        """
        cached = is_cached(self._fd, start, end)
        if cached is None:
            if self._tempo is None:  # asked for once, right after the open, when the system still knows it
                self._tempo = tempo_of(self._fd)
            return self._tempo.do(loop, work, done)
        if cached:
            return work()
        later(loop, work, done)
        return None


def tempo_of(fd: int) -> Tempo:
    device = os.fstat(fd).st_dev
    tempo = _tempos.get(device)
    if tempo is None:
        tempo = _tempos[device] = Tempo(trusted=False)
    return tempo


def is_cached(fd: int, start: int, end: int) -> bool | None:
    """Whether these octets are in memory, by samples of 1 us each; None: the file system cannot tell.

    A sample is the last octet of a stride: what begins here mostly began where another part ended.
    """
    if not _NOWAIT:
        return None
    try:
        for at in range(start + STRIDE, end, STRIDE):
            os.preadv(fd, (_probe,), at - 1, _NOWAIT)
        os.preadv(fd, (_probe,), max(end - 1, start), _NOWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _CANNOT_TELL:
            return None
        raise
    return True
