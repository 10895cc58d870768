"""Response heads, ready to be written.

A `ResponseHead` holds the status line and the end-to-end fields as bytes. What depends on the
connection (`Connection`, `Transfer-Encoding`) and on the second (`Date`) is added by whoever
writes it; for the common case, a kept-alive HTTP/1.1 client and a known length, `ready()` has
all of it in one piece, remade at most once a second.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.clock import WALL
from proxy.wire.accept import Accepts
from proxy.wire.status import PHRASES, status_line


class ResponseHead:
    """Status and fields of one response; shared by many exchanges, so never changed.

    Args:
        status: 100 to 599.
        lines: status line and field lines, each with its CRLF; without `Connection` and
            `Transfer-Encoding`; with `Content-Length` exactly when `length` is given.
        length: octets of the body; None when unknown, or when the response has none.
        dated: `lines` has a `Date` already.
        lasts: seconds behind `Date` that `Expires` tells; None without one.
    """

    __slots__ = ("_ready", "_second", "dated", "lasts", "length", "lines", "status")

    def __init__(self, status: int, lines: bytes, length: int | None, *, dated: bool = False,
                 lasts: int | None = None) -> None:
        self.status = status
        self.lines = lines
        self.length = length
        self.dated = dated
        self.lasts = lasts
        self._ready = lines + b"\r\n" if dated else b""
        self._second = 0

    def ready(self) -> bytes:
        """The whole head for a client that needs no `Connection` and no `Transfer-Encoding`."""
        if self.dated:
            return self._ready
        if self._second != WALL.second:
            self._second = WALL.second
            self._ready = self.lines + self.moment() + b"\r\n"
        return self._ready

    def moment(self) -> bytes:
        """The lines that tell the time, for a head that is not dated: they are others each second."""
        return WALL.date_line if self.lasts is None else WALL.date_line + WALL.expires_line(self.lasts)

    @classmethod
    def make(cls, status: int, fields: Iterable[tuple[bytes, bytes]], length: int | None) -> ResponseHead:
        """A head from name and value pairs; refuses what would break out of its line.

        An `Expires` of `+3600` is so many seconds behind each answer's `Date`.
        """
        lines, lasts = [status_line(status)], None
        for name, value in fields:
            if name == b"Expires" and value[:1] == b"+" and value[1:].isdigit():
                lasts = int(value)
                continue
            if b"\r" in value or b"\n" in value or b"\0" in value:
                raise ValueError(f"CR, LF or NUL in the value of {name!r}")
            lines.append(b"%b: %b\r\n" % (name, value))
        if length is not None:
            lines.append(b"Content-Length: %d\r\n" % length)
        return cls(status, b"".join(lines), length, lasts=lasts)


class Prepared:
    """A whole response that is ready to be sent: a head and a small body."""

    __slots__ = ("body", "head")

    def __init__(self, head: ResponseHead, body: bytes) -> None:
        self.head = head
        self.body = body


class Form(Prepared):
    """A whole 200 with its entity tag, and the 304 for who has it already."""

    __slots__ = ("_second", "_whole", "etag", "unchanged")

    def __init__(self, head: ResponseHead, body: bytes, etag: bytes, unchanged: ResponseHead) -> None:
        super().__init__(head, body)
        self.etag = etag
        self.unchanged = unchanged
        self._whole = b""
        self._second = 0

    def whole(self) -> bytes:
        """Head and body in one piece, for a small body: put together once a second, which saves 0.2 us."""
        if self._second != WALL.second:
            self._second = WALL.second
            self._whole = self.head.ready() + self.body
        return self._whole


class Kept:
    """What is right for every request of one method, target and host, in the forms that clients take it in.

    Attributes:
        fresh_until: monotonic seconds; its keeper moves them on.
        sole: the form that all clients get; None where it depends on what they accept.
        forms: the form by what a client accepts, as far as somebody asked for it.
    """

    __slots__ = ("forms", "fresh_until", "sole")

    def __init__(self, sole: Form | None = None) -> None:
        self.fresh_until = 0.0
        self.sole = sole
        self.forms: dict[Accepts, Form] = {}


PLAIN = (b"Content-Type", b"text/plain; charset=utf-8")


def error_page(status: int, extra: Iterable[tuple[bytes, bytes]] = ()) -> Prepared:
    """The small plain page for an error; says what happened and nothing about the inside."""
    body = b"%d %b\n" % (status, PHRASES.get(status, b"Error"))
    return Prepared(ResponseHead.make(status, [PLAIN, *extra], len(body)), body)
