"""Bodies held by the proxy: in memory at first, then in a temporary file.

`Spool` is the one place where a body is kept, for requests (collected before an endpoint is
picked, so a slow client never holds a worker, and the body can be sent again) and for responses
(taken off the worker at its speed and fed to a slow client). Its memory is bounded by
`buffers.memory`, its file by whoever fills it.
"""

from __future__ import annotations

import os
import tempfile

PIECE = 32768  # octets moved at a time from a file


class Spool:
    """Octets in the order they came.

    Args:
        memory: octets kept in memory; what comes beyond goes to a file, all of it.
        directory: where the file is made; None for the system's temporary folder. The file has
            no name, so nothing is left behind even after a crash.

    Raises (from `append`, `take` and `spill`):
        OSError: the disk is full, the folder is gone, or no descriptor is free; nothing has changed then.
    """

    __slots__ = ("_chunks", "_directory", "_fd", "_memory", "length")

    def __init__(self, memory: int, directory: str | None) -> None:
        self._memory = memory
        self._directory = directory
        self._chunks: list[bytes] = []
        self._fd = -1
        self.length = 0

    def append(self, data: bytes) -> None:
        if not self.take(data):
            self.spill()
            self._write(data)

    def take(self, data: bytes) -> bool:
        """Keep `data`, unless that needs a file which is not there yet."""
        if self._fd >= 0:
            self._write(data)
        elif self.length + len(data) > self._memory:
            return False
        else:
            self._chunks.append(data)
            self.length += len(data)
        return True

    def hold(self, data: bytes) -> None:
        """Keep `data` in memory, though it may be too much; while there is no file."""
        self._chunks.append(data)
        self.length += len(data)

    def has_room(self, octets: int) -> bool:
        """Whether so many more stay in memory."""
        return self._fd < 0 and self.length + octets <= self._memory

    def spill(self) -> None:
        """Have a file for what is in memory, and all that comes."""
        with tempfile.TemporaryFile(buffering=0, dir=self._directory) as file:
            fd = os.dup(file.fileno())
        try:
            _write_all(fd, b"".join(self._chunks), 0)
        except OSError:
            os.close(fd)  # what was in memory stays there
            raise
        self._fd = fd
        self._chunks = []

    def _write(self, data: bytes) -> None:
        # The length moves only when all is written: a torn piece is overwritten or never read.
        _write_all(self._fd, data, self.length)
        self.length += len(data)

    @property
    def in_file(self) -> bool:
        return self._fd >= 0

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` octets from `offset`; from memory they come as one piece."""
        if self._fd >= 0:
            return os.pread(self._fd, min(size, self.length - offset), offset)
        if len(self._chunks) != 1:
            self._chunks = [b"".join(self._chunks)]
        whole = self._chunks[0]
        return whole if offset == 0 and size >= len(whole) else whole[offset:offset + size]

    def clear(self) -> None:
        """Forget what was kept; the file stays for the next octets."""
        self._chunks = []
        self.length = 0
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)

    def __del__(self) -> None:
        # With its last reference, and so at once: an exchange has many ways to end.
        if self._fd >= 0:
            os.close(self._fd)


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        offset += written
        view = view[written:]


class Body:
    """A complete request body, to be read as often as it is sent.

    Attributes:
        data: all of it where it is in memory, else None; then `read` gives it in pieces.
        length: octets.
        trailers: validated field lines that followed it, mostly none.
    """

    __slots__ = ("_spool", "data", "length", "trailers")

    def __init__(self, data: bytes | None, spool: Spool | None = None, trailers: bytes = b"") -> None:
        self._spool = spool
        if spool is not None and not spool.in_file:
            data = spool.read(0, spool.length)
        self.data = data
        self.length = len(data) if data is not None else spool.length if spool is not None else 0
        self.trailers = trailers

    def read(self, offset: int, size: int = PIECE) -> bytes:
        if self.data is not None:
            return self.data[offset:offset + size]
        return self._spool.read(offset, size) if self._spool is not None else b""
