"""Where a log's lines go: a file, or a pipe, a terminal or a socket whose reader may have stopped reading.

The rule of this room: whoever writes a line goes on at once, and a line that was cut short never runs into
the next one. What is no file is written to without waiting, through a description of our own: another
process that writes to the same pipe would take the room that `poll` has just promised us, and O_NONBLOCK
on the description that we were given would change the terminal of whoever started us.

Lines go out by one `write` each, or many whole ones, to a descriptor opened for appending, so that those of
several processes do not mix.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat

from proxy.observe.rotation import claimed
from proxy.observe.turner import Turner

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
ANEW = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
PIECE = 4096  # PIPE_BUF: what goes into a pipe as a whole or not at all
SLOW = "its reader does not keep up"
WHOLE = b"\n"[0]


class Outlet:
    """One log's end.

    Args:
        path: a file, or `-` for a standard stream.
        standard: the number of that.
        mode: of a file that is made.
        turner: what puts a file aside when it is full; None for somebody else, by `reopen`.

    Attributes:
        fd: stays the same number for ever: faulthandler knows it.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str, standard: int, mode: int = 0o640, turner: Turner | None = None) -> None:
        self.path = path
        self._standard = standard
        self._mode = mode
        self._turner = turner
        self._torn = False  # the last line that was begun is not whole, and not ended either
        self.fd = self._open()
        self._learn()

    def _open(self) -> int:
        if self.path == "-":
            return self._standard
        while True:
            fd = _opened(self.path, self._mode)
            if claimed(self.path, fd):
                if self._turner is not None:
                    self._turner.opened(fd)
                return fd
            os.close(fd)  # it was put aside this moment

    def _learn(self) -> None:
        """What it is, and how that is written to."""
        self._own = -1
        self._socket: socket.socket | None = None
        kind = _kind(self.fd)
        self._is_file = stat.S_ISREG(kind)
        if self._is_file:
            return
        if self.path != "-":
            self._own = os.dup(self.fd)
            return
        if stat.S_ISSOCK(kind):
            self._socket = socket.socket(fileno=os.dup(self.fd))
            return
        try:
            self._own = os.open(f"/proc/self/fd/{self.fd}", ANEW)
        except OSError:
            pass  # no Linux, or a pipe of another user: `poll` has to do

    def should_reopen(self, *, turn: bool) -> bool:
        """Once a second: whether the path names another file. Where it is time, the file is put aside.

        Args:
            turn: whether this process may do that; it takes threads.
        """
        return self._turner is not None and self._turner.should_reopen(self.fd, turn=turn)

    def reopen(self) -> None:
        """Go on in the file that the path names now.

        Raises:
            OSError: it stays the old one.
        """
        fresh = self._open()
        if fresh != self.fd:
            os.dup2(fresh, self.fd, inheritable=False)
            os.close(fresh)
            self._torn = False
        self._let_go()
        self._learn()

    def close(self) -> None:
        self._let_go()
        if self.path != "-" and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1  # whatever comes late is refused: the number may soon be another file's

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._own >= 0:
            os.close(self._own)
            self._own = -1

    # Writing.

    def write(self, lines: bytes) -> tuple[int, str]:
        """Write whole lines; how many of them were not taken, and why."""
        mend = b"\n" if self._torn and not (self._is_file and _ends_whole(self.fd)) else b""
        data = mend + lines
        at, why = self._file(data) if self._is_file else self._pieces(data)
        if at:
            self._torn = data[at - 1] != WHOLE
        return data.count(b"\n", max(at, len(mend))), why

    def _file(self, data: bytes) -> tuple[int, str]:
        """To a disk, which takes less than all of it only when it is full."""
        at = 0
        try:
            for _ in range(2):
                taken = os.write(self.fd, data[at:] if at else data)
                if at + taken == len(data):
                    return len(data), ""
                begun = data.rfind(b"\n", at, at + taken) + 1 or at
                if begun < at + taken and not _cut(self.fd, data[begun:at + taken]):
                    return at + taken, "it takes no more"
                at = begun  # and once more, to hear why
        except OSError as error:
            return at, str(error)
        return at, "it takes no more"

    def _pieces(self, data: bytes) -> tuple[int, str]:
        """To somebody who reads, or does not."""
        at = 0
        try:
            while at < len(data):
                taken = self._put(_piece(data, at))
                if not taken:
                    return at, SLOW
                at += taken
        except BlockingIOError:
            return at, SLOW
        except OSError as error:
            return at, str(error)
        return at, ""

    def _put(self, piece: bytes) -> int:
        if self._socket is not None:
            return self._socket.send(piece, socket.MSG_DONTWAIT)
        if self._own >= 0:
            return os.write(self._own, piece)
        ready = select.poll()  # select() knows no descriptor above 1023
        ready.register(self.fd, select.POLLOUT)
        return os.write(self.fd, piece) if ready.poll(0) else 0


def _opened(path: str, mode: int) -> int:
    try:
        return os.open(path, FLAGS, mode)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
    # A named pipe that nobody reads yet: as one who might read it we can write what it has room for.
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)


def _kind(fd: int) -> int:
    try:
        return os.fstat(fd).st_mode
    except OSError:
        return 0  # it is closed


def _piece(data: bytes, at: int) -> bytes:
    """As many whole lines as a pipe takes at once, or a part of one that is longer."""
    end = min(at + PIECE, len(data))
    if end < len(data):
        end = data.rfind(b"\n", at, end) + 1 or end
    return data[at:end]


def _cut(fd: int, begun: bytes) -> bool:
    """Make an end of the part of a line that was written last: a line's end instead of its last octet.

    That takes no room, and whatever other processes have appended meanwhile is left alone. False where it
    cannot be done, or where that place in the file has something else.
    """
    try:
        end = os.lseek(fd, 0, os.SEEK_CUR)
        own = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.pread(own, len(begun), end - len(begun)) != begun:
            return False
        return os.pwrite(own, b"\n", end - 1) == 1
    except OSError:
        return False
    finally:
        os.close(own)


def _ends_whole(fd: int) -> bool:
    """Whether the last octet of the file ends a line; it was opened for writing alone."""
    try:
        reading = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # an empty line too many is better than two lines in one
    try:
        size = os.fstat(reading).st_size
        return size == 0 or os.pread(reading, 1, size - 1) == b"\n"
    finally:
        os.close(reading)
