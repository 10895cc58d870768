"""What is said about a file: its validators, and the heads of every answer with it.

The entity tag comes from modification time and size alone, so it is the same in every worker,
after a restart, and on the next machine that has the same files.
"""

from __future__ import annotations

from email.utils import formatdate

from proxy.handlers import conditions
from proxy.handlers.ranges import Answer, parse_range
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead

Fields = tuple[tuple[bytes, bytes], ...]


class Representation:
    """One state of one file.

    Args:
        modified: st_mtime_ns.
        size: octets.
        now: wall time; a Last-Modified in the future is not sent (RFC 9110 section 8.8.2.1).
        settled: the file did not change in the last second.
        extra: Content-Type, and Cache-Control where there is one.
    """

    __slots__ = ("_about", "etag", "head", "modified", "settled", "size", "unchanged")

    def __init__(self, modified: int, size: int, now: float, *, settled: bool, extra: Fields) -> None:
        self.size = size
        self.etag = b'"%x-%x"' % (modified, size)
        self.modified = max(0, min(modified // 1_000_000_000, int(now)))
        self.settled = settled
        tag = (b"ETag", self.etag)
        self._about: Fields = (
            *extra,
            tag,
            (b"Last-Modified", formatdate(self.modified, usegmt=True).encode()),
            (b"Accept-Ranges", b"bytes"),
            (b"X-Content-Type-Options", b"nosniff"),
        )
        self.head = ResponseHead.make(200, self._about, size)
        # RFC 9110 section 15.4.5: what a 200 would have had of these, and no more.
        kept = [field for field in extra if field[0] == b"Cache-Control"]
        self.unchanged = ResponseHead.make(304, [tag, *kept], None)

    def choose(self, exchange: Exchange) -> tuple[ResponseHead, int, int]:
        """The head that answers this GET or HEAD, and the part of the file that goes with it."""
        if not exchange.headers.conditional:
            return self.head, 0, self.size
        get = exchange.headers.get
        verdict = conditions.precondition(get, self.etag, self.modified)
        if verdict == 304:
            return self.unchanged, 0, 0
        if verdict == 412:
            return ResponseHead.make(412, (), 0), 0, 0
        wanted = get(b"range")
        # Section 14.2: Range means something for GET alone.
        if wanted is None or exchange.method != b"GET":
            return self.head, 0, self.size
        if not conditions.range_is_wanted(get, self.etag, self.modified, settled=self.settled):
            return self.head, 0, self.size
        return self._part(wanted)

    def _part(self, wanted: bytes) -> tuple[ResponseHead, int, int]:
        part = parse_range(wanted, self.size)
        if part is Answer.WHOLE:
            return self.head, 0, self.size
        if part is Answer.UNSATISFIABLE:
            return ResponseHead.make(416, [(b"Content-Range", b"bytes */%d" % self.size)], 0), 0, 0
        start, end = part
        span = (b"Content-Range", b"bytes %d-%d/%d" % (start, end - 1, self.size))
        return ResponseHead.make(206, [*self._about, span], end - start), start, end
