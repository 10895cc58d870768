"""What a path below a root is: the part of a static answer that asks the disk, and may have to wait for it.

The rule of this room: nothing here knows of an exchange or of the loop, so that all of it may run in a
thread; what is opened is opened below the root (see `beneath`), and is a regular file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from proxy.compression.codecs import AVAILABLE, encode
from proxy.handlers.beneath import OpenFile, Root
from proxy.handlers.builds import Builds
from proxy.handlers.listing import Listing, Order, scan
from proxy.handlers.representation import Fields, Identity, Pieces, Representation, Source, identity, mark_of
from proxy.handlers.static_cache import LARGEST, Entry, Looked, state_of

SUFFIXES: Final = {b"br": b".br", b"zstd": b".zst", b"gzip": b".gz"}
# Octets of a file that is compressed here. Its coded form stays in memory; making it takes 0.1 s of a thread.
LARGEST_MADE = 4 * 1024 * 1024
GAIN = 0.95  # a form that takes more of the plain one's octets is not worth its decoding
# Seconds that a sidecar may be older than its file: copies of a folder give times in any order.
TOLERANCE = 60

Describe = Callable[[bytes], tuple[Fields, bool]]  # name -> fields; whether it is worth compressing


class Changed(OSError):
    """The file is not the one that was looked at; look again."""


class Library:
    """The files below a root.

    Args:
        root: where they are.
        builds: names that may also be below another root, where files of earlier builds are kept.
        index: names that stand for their directory.
        describe: what is said about a file besides its validators, by its name below the root.
        precompressed: codings whose files may lie beside.
        minimum: octets from which a file is compressed here; None: never.
    """

    __slots__ = ("_builds", "_describe", "_index", "_minimum", "_precompressed", "_root")

    def __init__(self, root: Root, builds: Builds, index: Sequence[bytes], describe: Describe,
                 precompressed: Collection[bytes], minimum: int | None) -> None:
        self._root = root
        self._builds = builds
        self._index = index
        self._describe = describe
        self._precompressed = [coding for coding in SUFFIXES if coding in precompressed]
        self._minimum = minimum

    @property
    def root(self) -> bytes:
        """The folder."""
        return self._root.path

    def look(self, segments: list[bytes], *, directory: bool) -> tuple[Entry, bool]:
        """The entry of a path, and whether its file stayed the same while it was read.

        Raises:
            IsADirectoryError: it is one, and was not asked for as such.
            OSError: as from `Root.open`.
        """
        entry, steady, file = self.fetch(segments, directory=directory)
        file.close()
        return entry, steady

    def fetch(self, segments: list[bytes], *, directory: bool) -> tuple[Entry, bool, OpenFile]:
        """The same with the open file, which is the caller's to close."""
        before: Looked = ()
        if directory:
            segments, before = self._index_of(segments)
        try:
            return self._fetch(self._root, segments, before)
        except FileNotFoundError:
            kept = self._builds.kept_root
            if kept is None or b"/".join(segments) not in self._builds:
                raise
            return self._fetch(kept, segments, (*before, (b"/".join((self.root, *segments)), None)))

    def _fetch(self, root: Root, segments: list[bytes], before: Looked) -> tuple[Entry, bool, OpenFile]:
        """With `before`: what would come before this file, and what was there in its place."""
        file = root.open(segments)
        try:
            entry, steady = self._entry(root, file, segments, before)
        except BaseException:
            file.close()
            raise
        return entry, steady, file

    def _index_of(self, segments: list[bytes]) -> tuple[list[bytes], Looked]:
        """The first that is there, and what was found in the place of those before it."""
        before: Looked = ()
        for name in self._index:
            path = b"/".join((self.root, *segments, name))
            state = state_of(path)  # first, so that what comes to be there meanwhile is seen by the next look
            try:
                self._root.open([*segments, name]).close()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                before = (*before, (path, state))
                continue
            return [*segments, name], before
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _beside(self, root: Root, file: OpenFile, segments: list[bytes],
                coding: bytes) -> tuple[Source | None, Identity | None]:
        """The file in a coding if it is there and no older than the file itself, and what is there at all."""
        names = [*segments[:-1], segments[-1] + SUFFIXES[coding]]
        try:
            with root.open(names) as beside:
                source = Source.of(root, names, beside.status)
        except OSError:
            return None, None
        late = file.status.st_mtime - beside.status.st_mtime > TOLERANCE
        return None if late else source, source.state

    def _entry(self, root: Root, file: OpenFile, segments: list[bytes], before: Looked) -> tuple[Entry, bool]:
        status = file.status
        fields, compressible = self._describe(b"/".join(segments))
        looked: list[tuple[bytes, Identity | None]] = [(file.path, identity(status)), *before]
        sidecars: dict[bytes, Source] = {}
        codings: list[bytes] = []
        if compressible:
            for coding in self._precompressed:
                beside, state = self._beside(root, file, segments, coding)
                looked.append((file.path + SUFFIXES[coding], state))
                if beside is not None:
                    sidecars[coding] = beside
            made = self._minimum is not None and self._minimum <= status.st_size <= LARGEST_MADE
            codings = [coding for coding in SUFFIXES if coding in sidecars or (made and coding in AVAILABLE)]
            if self._precompressed or made:
                fields = (*fields, (b"Vary", b"Accept-Encoding"))
        body = os.pread(file.fd, status.st_size, 0) if status.st_size <= LARGEST else None
        size = status.st_size if body is None else len(body)
        plain = Representation(Source.of(root, segments, status), size, fields, body)
        steady = size == status.st_size and identity(os.fstat(file.fd)) == looked[0][1]
        return Entry(plain, tuple(looked), sidecars, codings), steady

    def make(self, entry: Entry, coding: bytes) -> Representation | None:
        """The form of an entry in one of its codings; None where the plain one is hardly larger.

        Raises:
            Changed: the file was.
            OSError: it cannot be read.
        """
        plain = entry.plain
        beside = entry.sidecars.get(coding)
        if beside is not None:
            body, size = self._read(beside)
            return Representation(beside, size, plain.extra, body, coding)
        data = plain.body if plain.in_memory else self.read_whole(plain.source)
        mark = plain.mark if plain.in_memory else mark_of(data)
        coded = encode(coding, data)
        if len(coded) > GAIN * len(data):
            return None
        return Representation(plain.source, len(coded), plain.extra, coded, coding, made=mark)

    def _read(self, source: Source) -> tuple[bytes | None, int]:
        size = source.state[2]
        return (self.read_whole(source) if size <= LARGEST else None), size

    def read_whole(self, source: Source) -> bytes:
        with self.open(source) as file:
            data = os.pread(file.fd, source.state[2], 0)
            if len(data) != source.state[2] or identity(os.fstat(file.fd)) != source.state:
                raise Changed
        return data

    def open(self, source: Source) -> OpenFile:
        """The file of a form, as it was when it was looked at.

        Raises:
            Changed: it is another one now, or gone.
        """
        try:
            file = source.root.open(source.segments)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise Changed from error
        if identity(file.status) != source.state:
            file.close()
            raise Changed
        return file

    def scan(self, segments: list[bytes], is_hidden: Callable[[bytes], bool], order: Order) -> Listing:
        """What is in a directory, as far as it is served."""
        fd = self._root.open_directory(segments)
        try:
            return scan(fd, is_hidden, order, partial(self._status, segments))
        finally:
            os.close(fd)

    def _status(self, segments: list[bytes], name: bytes) -> os.stat_result:
        """Of what a link leads to."""
        try:
            with self._root.open([*segments, name]) as file:
                return file.status
        except IsADirectoryError:
            fd = self._root.open_directory([*segments, name])
            try:
                return os.fstat(fd)
            finally:
                os.close(fd)


def read_pieces(file: OpenFile, pieces: Pieces) -> bytes:
    """The body of several parts; closes the file.

    Raises:
        OSError: it cannot be read, or was written to meanwhile.
    """
    with file:
        body = b"".join(
            piece if isinstance(piece, bytes) else os.pread(file.fd, piece[1] - piece[0], piece[0])
            for piece in pieces)
        same = _written(file.status) == _written(os.fstat(file.fd))
    if not same or len(body) != length_of(pieces):
        raise OSError(errno.EIO, "the file was written to meanwhile")
    return body


def _written(status: os.stat_result) -> tuple[int, int]:
    """Not ctime, which links and renames change."""
    return status.st_size, status.st_mtime_ns


def length_of(pieces: Pieces) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
