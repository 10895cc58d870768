"""A log file that is full or old is put aside and a new one begun; old ones are packed, the oldest removed.

The rule of this room: several processes write to one file and any of them may turn it, so nothing is
decided without the kernel. Who turns holds a lock on the folder; who writes holds a shared lock on the
file, so that who can lock it alone knows that nobody writes to it any more. No line is lost: those that
come while a file is turned go to the old one.

All that may wait for a disk is done by a thread, with the lowest priority.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import logging
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from proxy.observe.seldom import Seldom

log = logging.getLogger("proxy.logs")
trouble = Seldom(log)

MONDAY = 4 * 86400  # the epoch began on a Thursday; weeks are cut on Mondays
PIECE = 1 << 20
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


class Rotation:
    """What the configuration says about one log file.

    Args:
        path: of the file.
        size: octets at which it is full; None for any size.
        age: seconds that one file is for: days begin at midnight, hours on the hour; None for ever.
        keep: how many old files stay; None for all.
        compress: whether old ones become `.gz`.
    """

    def __init__(self, path: str, *, size: int | None, age: float | None, keep: int | None,
                 compress: bool) -> None:
        self.path = path
        self._folder, self._name = os.path.split(os.path.abspath(path))
        self._size = size
        self._age = age
        self._keep = keep
        self._compress = compress
        stamp = r"(\d{8}-\d{6})(?:-(\d+))?"
        self._ours = re.compile(rf"({re.escape(self._name)}-{stamp})(\.gz(?:\.part)?)?")

    # What is done on the loop: some microseconds each.

    def period(self, file: os.stat_result) -> int:
        """Which period a file belongs to that was just opened: that of its last line."""
        return self._period(file.st_mtime if file.st_size else time.time())

    def due(self, file: os.stat_result, period: int) -> bool:
        """Whether it is time to turn a file of that period."""
        full = self._size is not None and file.st_size >= self._size
        return full or (file.st_size > 0 and self._period(time.time()) != period)

    def moved(self, file: os.stat_result) -> bool:
        """Whether the path names another file than this one by now, or none."""
        return _moved(self.path, file)

    def _period(self, seconds: float) -> int:
        if self._age is None:
            return 0
        return int((seconds + time.localtime(seconds).tm_gmtoff - MONDAY) // self._age)

    # What a thread does.

    def turn(self, file: os.stat_result) -> bool:
        """Put the file aside and begin a new one, unless another process is at it or has done it (False).

        Raises:
            OSError: it stays.
        """
        with self._alone() as alone:
            if not alone or self.moved(file):
                return False
            os.rename(self.path, self._aside())
            self._begin(stat.S_IMODE(file.st_mode))
        return True

    def _begin(self, mode: int) -> None:
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _locked(folder)
        finally:
            os.close(folder)

    def _aside(self) -> str:
        """A name that nothing has yet, not even compressed."""
        first = f"{self._name}-{time.strftime('%Y%m%d-%H%M%S')}"
        taken = {match[1] for match in self._found()}
        count, name = 1, first
        while name in taken:
            count += 1
            name = f"{first}-{count}"
        return os.path.join(self._folder, name)

    def tidy(self) -> bool:
        """Remove what is too many, compress the rest; whether nothing is left to be done.

        Raises:
            OSError: such as a disk that is full; what could not be compressed is as it was.
        """
        _be_modest()
        found = self._found()  # once: a file that another process puts aside meanwhile is none of these
        if self._keep is not None:
            excess = set(_newest_first(found)[self._keep:])
            for match in found:
                if match[1] in excess:
                    _remove(os.path.join(self._folder, match[0]))
            found = [match for match in found if match[1] not in excess]
        if not self._compress:
            return True
        plain = [match[0] for match in found if not match[4]]
        done = [_compressed(os.path.join(self._folder, name)) for name in plain]
        return all(done)

    def _found(self) -> list[re.Match[str]]:
        """All our old files: groups are the name, its stamp, its number, and `.gz`."""
        matches = map(self._ours.fullmatch, os.listdir(self._folder))
        return [match for match in matches if match is not None]


def claimed(path: str, fd: int) -> bool:
    """Be one who writes to the file; False if it was put aside between its opening and now.

    Also where nothing here puts it aside: another configuration, and so another process, may.
    """
    file = os.fstat(fd)
    if not stat.S_ISREG(file.st_mode):
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # who packs it has it: by now the path names another one
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return not _moved(path, file)


def _moved(path: str, file: os.stat_result) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return True
    return not os.path.samestat(file, there)


def _newest_first(found: list[re.Match[str]]) -> list[str]:
    """Names of old files, without `.gz`."""
    ages = {match[1]: (match[2], int(match[3] or 1)) for match in found}
    return sorted(ages, key=ages.__getitem__, reverse=True)


def _locked(fd: int) -> bool:
    """Whether nobody else has the file now."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _compressed(file: str) -> bool:
    """Replace a file by its `.gz`, unless somebody still writes to it (False) or is at it already."""
    try:
        source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    with open(source, "rb") as plain:
        if not _locked(source):
            return False
        part = f"{file}.gz.part"
        try:
            _pack(plain, part)
            found = os.fstat(source)
            os.utime(part, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.rename(part, f"{file}.gz")
        except OSError:
            _remove(part)
            raise
        _remove(file)
    return True


def _pack(plain: BinaryIO, part: str) -> None:
    mode = stat.S_IMODE(os.fstat(plain.fileno()).st_mode)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(fd, "wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
        shutil.copyfileobj(plain, packed, PIECE)


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        pass  # by another process


def _be_modest() -> None:
    """This thread alone has the lowest priority: on Linux each thread has one of its own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
