"""What is said about one form of a file: its validators, and the heads of every answer with it.

The entity tag of what is read into memory is a hash of its octets; that of a file which is not, its size
and modification time. So it is the same in every worker, after a restart, and on the next machine that has
the same files. A time that builds give to all files, to come out the same, tells nothing and is not told.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from email.utils import formatdate
from os import stat_result

from proxy.handlers import conditions
from proxy.handlers.beneath import Root
from proxy.handlers.multipart import multipart
from proxy.handlers.ranges import Answer, asks_for_part, parse_ranges
from proxy.http.exchange import Exchange
from proxy.http.prepared import Form, ResponseHead

GRAIN = 1.0  # seconds in which a file may change twice under one time
# 1970, 1980 and the like: the times in builds that come out the same (SOURCE_DATE_EPOCH, ZIP files).
OLDEST = 315_619_200  # 1980-01-02
Fields = tuple[tuple[bytes, bytes], ...]
Identity = tuple[int, int, int, int, int]
Pieces = tuple[bytes | tuple[int, int], ...]  # octets, and spans (first, one behind the last) of the form
# RFC 9110 section 15.4.5: what a 304 has of the 200's fields, besides ETag and Date.
_OF_PAGE = frozenset((b"Content-Type", b"Content-Encoding", b"Vary", b"X-Content-Type-Options"))
_OF_UNCHANGED = frozenset((b"Cache-Control", b"Vary", b"Expires"))


def identity(status: stat_result) -> Identity:
    """What tells one state of one file from another; ctime is the time that nobody can set."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Source:
    """Where the octets are.

    Attributes:
        root: below which it is.
        segments: names from the root down.
        state: of the file when it was looked at.
        settled: it had not changed for a second, so that another change has another time.
    """

    root: Root
    segments: list[bytes]
    state: Identity
    settled: bool

    @classmethod
    def of(cls, root: Root, segments: list[bytes], status: stat_result) -> Source:
        return cls(root, segments, identity(status), time.time() - status.st_ctime > GRAIN)

    @property
    def modified(self) -> int:
        """Nanoseconds since 1970."""
        return self.state[3]


    @property
    def has_time(self) -> bool:
        """Its time tells when it was changed."""
        return self.modified > OLDEST * 1_000_000_000


def mark_of(octets: bytes) -> bytes:
    """What tells them from others; 96 bits, in 1 ms for a megabyte."""
    return hashlib.blake2b(octets, digest_size=12).hexdigest().encode()


def _mark(source: Source, body: bytes | None) -> bytes:
    if body is not None:
        return mark_of(body)
    return b"%x-%x" % (source.modified, source.state[2]) if source.has_time else b""


class Representation(Form):
    """One form of one state of one file.

    Args:
        source: the file that it is read or made from.
        size: octets of this form.
        extra: Content-Type, and what else goes with every answer.
        coding: the content coding; b"" for the plain form.
        body: the octets; None where they stay in the file.
        made: mark of the file's octets, where this was made from them by a library that may make others once
            it is a newer one: so the entity tag is weak (RFC 9110 section 8.8.1), and no part can be had.

    Attributes:
        mark: what the entity tag is made of; b"" where there is none.
        modified: the second that Last-Modified tells; None where it is not sent.
    """

    __slots__ = ("_about", "_made", "coding", "extra", "in_memory", "mark", "modified", "size", "source")

    def __init__(self, source: Source, size: int, extra: Fields, body: bytes | None, coding: bytes = b"",
                 *, made: bytes = b"") -> None:
        self.source = source
        self.size = size
        self.in_memory = body is not None
        # A Last-Modified in the future is not sent (section 8.8.2.1).
        self.modified = min(source.modified // 1_000_000_000, int(time.time())) if source.has_time else None
        self._made = made
        self.mark = made or _mark(source, body)
        self.extra = extra
        self.coding = coding
        etag = self._etag()
        tag: Fields = ((b"ETag", etag),) if etag else ()
        encoding: Fields = ((b"Content-Encoding", coding),) if coding else ()
        ranges: Fields = () if made else ((b"Accept-Ranges", b"bytes"),)
        self._about: Fields = (
            *extra, *encoding, *tag, *self._date(), *ranges, (b"X-Content-Type-Options", b"nosniff"))
        kept = [field for field in extra if field[0] in _OF_UNCHANGED]
        unchanged = ResponseHead.make(304, [*tag, *kept], None)
        super().__init__(ResponseHead.make(200, self._about, size), body or b"", etag, unchanged)

    def _etag(self) -> bytes:
        """Each coding's octets are others."""
        if not self.mark:
            return b""
        return b'%b"%b%b"' % (
            b"W/" if self._made else b"", self.mark, b"-" + self.coding if self.coding else b"")

    def _date(self) -> Fields:
        modified = self.modified
        return () if modified is None else ((b"Last-Modified", formatdate(modified, usegmt=True).encode()),)

    def choose(self, exchange: Exchange) -> tuple[ResponseHead, Pieces]:
        """The head that answers this GET or HEAD, and what goes with it."""
        whole = self.head, ((0, self.size),)
        if not exchange.headers.conditional:
            return whole
        get = exchange.headers.get
        verdict = conditions.precondition(get, self.etag, self.modified)
        if verdict == 304:
            return self.unchanged, ()
        if verdict == 412:
            return ResponseHead.make(412, (), 0), ()
        wanted = get(b"range")
        if wanted is None or self._made or not asks_for_part(exchange.method, wanted):
            return whole
        if not conditions.range_is_wanted(get, self.etag, self.modified, settled=self.source.settled):
            return whole
        return self._parts(wanted) or whole

    def page(self, status: int) -> ResponseHead:
        """The head with which this is the page of an error: nothing is said of a file that was asked for."""
        kept = [field for field in self._about if field[0] in _OF_PAGE]
        return ResponseHead.make(status, kept, self.size)

    def _parts(self, wanted: bytes) -> tuple[ResponseHead, Pieces] | None:
        parts = parse_ranges(wanted, self.size)
        if parts is Answer.WHOLE:
            return None
        if parts is Answer.UNSATISFIABLE:
            return ResponseHead.make(416, [(b"Content-Range", b"bytes */%d" % self.size)], 0), ()
        if len(parts) > 1:
            body = multipart(parts, self.size, dict(self.extra).get(b"Content-Type", b""))
            about = [field for field in self._about if field[0] != b"Content-Type"]
            head = ResponseHead.make(206, [(b"Content-Type", body.content_type), *about], body.length)
            pieces = [piece for first, start, end in body.parts for piece in (first, (start, end))]
            return head, (*pieces, body.end)
        [(start, end)] = parts
        span = (b"Content-Range", b"bytes %d-%d/%d" % (start, end - 1, self.size))
        return ResponseHead.make(206, [*self._about, span], end - start), ((start, end),)


def taken(body: bytes, pieces: Pieces) -> bytes:
    """The pieces of a form whose octets are here."""
    if len(pieces) == 1 and not isinstance(pieces[0], bytes):
        [(start, end)] = pieces
        return body[start:end]
    return b"".join(piece if isinstance(piece, bytes) else body[piece[0]:piece[1]] for piece in pieces)
