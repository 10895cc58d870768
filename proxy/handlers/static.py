"""Files from a directory.

The rule of this room: a small file that was asked for before is answered by a dict lookup and a
few tests of attributes; nothing is built, read, logged or timed for it. All else may take its
time, and stays below the root (see `beneath`): what is not there, not a regular file, hidden,
or not ours to read is a 404 that does not say which.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from typing import TYPE_CHECKING

from proxy.handlers.beneath import OpenFile, Root
from proxy.handlers.file_sender import FileSender
from proxy.handlers.mime import content_type
from proxy.handlers.representation import Fields
from proxy.handlers.static_cache import LARGEST, SHELF, Entry, Shelf, describe, load
from proxy.handlers.urls import encode_path, escape
from proxy.http.exchange import Exchange, respond
from proxy.http.prepared import error_page

if TYPE_CHECKING:
    from proxy.config.schema import StaticConfig

LOG = logging.getLogger(__name__)
LOG_EVERY = 10.0  # seconds between two lines about files that cannot be read

NOT_ALLOWED = error_page(405, [(b"Allow", b"GET, HEAD")])
_MISSING = frozenset((
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG,
    errno.EILSEQ, errno.ENXIO, errno.ENODEV))  # the last two: a socket, a device without a driver
_FORBIDDEN = frozenset((errno.EACCES, errno.EPERM))
_ENCODED_SLASH = re.compile(rb"(?i)%2f|%5c|\\")


class Static:
    """Answers GET and HEAD below `prefix` with the files of `config.root`."""

    __slots__ = (
        "_cache_control", "_entries", "_hidden", "_index", "_prefix", "_quiet_until", "_root", "_shelf")

    def __init__(self, config: StaticConfig, prefix: bytes, shelf: Shelf = SHELF) -> None:
        self._root = Root(os.fsencode(config.root), follow=config.follow_symlinks)
        self._prefix = prefix
        self._index = [os.fsencode(name) for name in config.index]
        self._hidden = config.hidden
        self._cache_control: Fields = ()
        if config.max_age is not None:
            self._cache_control = ((b"Cache-Control", b"public, max-age=%d" % int(config.max_age)),)
        self._entries: dict[bytes, Entry] = {}
        self._shelf = shelf
        self._quiet_until = 0.0

    def handle(self, exchange: Exchange) -> None:
        # benchmarks/micro_static.py: 0.2 us with an exchange that does nothing.
        target = exchange.target
        entry = self._entries.get(target.path)
        if (
            entry is None
            or exchange.started > entry.fresh_until
            or exchange.method != b"GET"
            or exchange.headers.conditional
            or target.ambiguous
        ):
            self._consider(exchange)
        else:
            exchange.respond_kept(entry)

    def _consider(self, exchange: Exchange) -> None:
        target = exchange.target
        if exchange.method != b"GET" and exchange.method != b"HEAD":
            respond(exchange, NOT_ALLOWED)
            return
        if target.ambiguous and _ENCODED_SLASH.search(target.path_query.partition(b"?")[0]):
            # A separator to some readers, a character to others; no file's name has it.
            exchange.refuse(404)
            return
        entry = self._entries.get(target.path)
        if entry is not None and self._shelf.confirm(entry, exchange.started):
            _answer(exchange, entry)
            return
        try:
            self._look(exchange, target.path)
        except OSError as error:
            self._fail(exchange, error)

    def _look(self, exchange: Exchange, path: bytes) -> None:
        """Find the file that a path means, and answer with it."""
        segments = self._segments(path)
        if segments is None:
            exchange.refuse(404)
            return
        try:
            file = self._find_index(segments) if path.endswith(b"/") else self._root.open(segments)
        except IsADirectoryError:
            _add_slash(exchange)
            return
        if file.status.st_size > LARGEST:
            self._send(exchange, file)
        else:
            self._read(exchange, file)

    def _segments(self, path: bytes) -> list[bytes] | None:
        """The names below the root; None for what is not served, whether it is there or not.

        `/.well-known/` (RFC 8615) is there to be asked for, and is never hidden.
        """
        if not path.startswith(self._prefix):
            return None
        segments = [segment for segment in path[len(self._prefix):].split(b"/") if segment]
        first = 1 if len(self._prefix) <= 1 and segments[:1] == [b".well-known"] else 0
        for segment in segments[first:]:
            if segment[:1] == b"." and (not self._hidden or segment == b"." or segment == b".."):
                return None
        return segments

    def _find_index(self, segments: list[bytes]) -> OpenFile:
        for name in self._index:
            try:
                return self._root.open([*segments, name])
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                continue
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _read(self, exchange: Exchange, file: OpenFile) -> None:
        """Answer from memory, and keep it there."""
        try:
            entry, steady = load(file, self._extra(file))
        finally:
            file.close()
        _answer(exchange, entry)
        if steady:
            self._shelf.put(entry, self._entries, exchange.target.path, exchange.started)

    def _send(self, exchange: Exchange, file: OpenFile) -> None:
        """Answer from the open file, piece by piece."""
        about = describe(file.status, file.status.st_size, self._extra(file))
        head, start, end = about.choose(exchange)
        if start == end or exchange.method == b"HEAD":
            file.close()
            exchange.respond(head)
        else:
            FileSender(exchange, file.fd, start, end).begin(head)

    def _extra(self, file: OpenFile) -> Fields:
        return (b"Content-Type", content_type(file.path)), *self._cache_control

    def _fail(self, exchange: Exchange, error: OSError) -> None:
        """404 also for what we may not read: 403 would tell that it is there."""
        if error.errno in _MISSING:
            exchange.refuse(404)
            return
        if exchange.started >= self._quiet_until:
            self._quiet_until = exchange.started + LOG_EVERY
            LOG.error("static: %r: %s", exchange.target.path, error.strerror)
        exchange.refuse(404 if error.errno in _FORBIDDEN else 500)


def _answer(exchange: Exchange, entry: Entry) -> None:
    head, start, end = entry.about.choose(exchange)
    exchange.respond(head, entry.body[start:end])


def _add_slash(exchange: Exchange) -> None:
    """A directory's relative links work only below its slash.

    The path has no doubled slash, so this never names another host.
    """
    location = encode_path(exchange.target.path) + b"/"
    if exchange.target.query:
        location += b"?" + escape(exchange.target.query)
    respond(exchange, error_page(301, [(b"Location", location)]))
