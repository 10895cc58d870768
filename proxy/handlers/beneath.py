"""Opening a file below a root, and nothing else.

The path is walked one component at a time from a handle of the root, each opened relative to the
one before and never through a symbolic link; a link is read and its target walked in the same
way. So a link that is put in place while we look cannot lead outside: it is what Linux's
`openat2(RESOLVE_BENEATH)` does, with absolute links below the root allowed as well.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Self

MOST_LINKS = 40  # as Linux: MAXSYMLINKS
# O_NONBLOCK: opening a FIFO must not wait for its writer. O_NOCTTY: a terminal must not become ours.
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# O_PATH needs no right to list the directory, as with any other open of a file below it.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# What O_NOFOLLOW says about a link: on Linux, with O_DIRECTORY, and on FreeBSD.
_MAY_BE_LINK = frozenset((errno.ELOOP, errno.ENOTDIR, errno.EMLINK))

# What an error of `Root.open` means.
MISSING = frozenset((
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
    errno.EILSEQ, errno.ENXIO, errno.ENODEV))  # the last two: a socket, a device without a driver
FORBIDDEN = frozenset((errno.EACCES, errno.EPERM))


class OpenFile:
    """A regular file's descriptor, its status, and the path to look at it again. Close it."""

    __slots__ = ("fd", "path", "status")

    def __init__(self, fd: int, path: bytes) -> None:
        self.fd = fd
        self.path = path
        self.status = os.fstat(fd)

    def close(self) -> None:
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Root:
    """A directory whose files are served; opened anew each time, since it may be replaced.

    Args:
        path: the directory.
        follow: whether a symbolic link may lead out of it.
    """

    __slots__ = ("_follow", "path")

    def __init__(self, path: bytes, *, follow: bool) -> None:
        self.path = os.path.abspath(path)
        self._follow = follow

    def open(self, segments: list[bytes]) -> OpenFile:
        """The regular file that the segments name.

        Raises:
            OSError: IsADirectoryError for a directory, FileNotFoundError for what leads outside
                and for a device, FIFO or socket; else as `os.open`.
        """
        path = b"/".join((self.path, *segments))
        fd = os.open(path, _FILE) if self._follow else self._open_beneath(segments)
        try:
            file = OpenFile(fd, path)
            if stat.S_ISREG(file.status.st_mode):
                return file
            code = errno.EISDIR if stat.S_ISDIR(file.status.st_mode) else errno.ENOENT
            raise OSError(code, os.strerror(code), path)
        except BaseException:
            os.close(fd)
            raise

    def open_directory(self, segments: list[bytes]) -> int:
        """The descriptor of a directory that may be listed; close it.

        Raises:
            OSError: as from `open`.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        if self._follow:
            return os.open(b"/".join((self.path, *segments)), flags)
        return self._open_beneath(segments, flags)

    def _open_beneath(self, segments: list[bytes], final: int = _FILE) -> int:
        """Walk; the handles of the directories on the way are kept for a link's `..`."""
        if not segments:
            return os.open(self.path, final)
        opened = [os.open(self.path, _DIRECTORY)]
        todo = segments[::-1]
        links = 0
        try:
            while todo:
                name = todo.pop()
                if name == b"..":
                    _leave(opened)
                    continue
                flags = _DIRECTORY if todo else final
                try:
                    opened.append(os.open(name, flags | os.O_NOFOLLOW, dir_fd=opened[-1]))
                except OSError as error:
                    links += 1
                    todo += self._link(name, opened, error, links)[::-1]
            return opened.pop()
        finally:
            for fd in opened:
                os.close(fd)

    def _link(self, name: bytes, opened: list[int], error: OSError, links: int) -> list[bytes]:
        """The components that a link stands for; the error itself where it is none."""
        if error.errno not in _MAY_BE_LINK or links > MOST_LINKS:
            raise error
        try:
            target = os.readlink(name, dir_fd=opened[-1])
        except OSError:
            raise error from None
        if target.startswith(b"/"):
            target = self._below(target)
            while len(opened) > 1:
                os.close(opened.pop())
        return [part for part in target.split(b"/") if part and part != b"."]

    def _below(self, target: bytes) -> bytes:
        """An absolute target as seen from the root, which may itself be reached through links."""
        for root in (self.path, os.path.realpath(self.path)):
            if target == root or target.startswith(root.rstrip(b"/") + b"/"):
                return target[len(root):]
        raise FileNotFoundError(errno.ENOENT, "the link leaves the root", target)


def _leave(opened: list[int]) -> None:
    if len(opened) == 1:
        raise FileNotFoundError(errno.ENOENT, "the link leaves the root")
    os.close(opened.pop())
