"""`compress`: answers are compressed on their way to clients that take it.

The rule of this room: in doubt an answer goes through as it came. The application's own coding, a part of
something, what may not be changed or is vouched for by a digest, and what has no body are left alone.

Secrets (BREACH): where an answer holds both a secret and text that an attacker chooses, the length of its
compressed form tells about the secret. So this is off unless a route asks for it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from proxy.compression.codecs import AVAILABLE, FAST, encode, encoder, live_encoder
from proxy.compression.media import Media
from proxy.http.exchange import Exchange
from proxy.http.handler import Handler
from proxy.http.prepared import ResponseHead
from proxy.middleware.coded_answer import CodedAnswer
from proxy.middleware.coded_head import coded, fields_of, relined, varied, weak
from proxy.wire.status import has_body

if TYPE_CHECKING:
    from proxy.config.compress_schema import CompressConfig

WHOLE = 64 * 1024  # octets that are compressed in one go; longer bodies let other connections have their turn
# The application's own coding, a part, or octets that a digest vouches for (RFC 9530).
LEFT_ALONE = frozenset((b"content-encoding", b"content-range", b"content-digest", b"repr-digest"))


class Compress:
    """A handler whose answers are compressed; the `Filter` of its exchanges until an answer begins."""

    __slots__ = ("_codings", "_handler", "_levels", "_media", "_minimum")

    def __init__(self, handler: Handler, config: CompressConfig) -> None:
        self._handler = handler
        wanted = {coding.encode() for coding in config.codings}
        self._codings = tuple(coding for coding in AVAILABLE if coding in wanted)
        self._levels = dict.fromkeys(AVAILABLE, config.level) if config.level else FAST
        self._minimum = config.minimum
        self._media = Media(config.types)

    def handle(self, exchange: Exchange) -> Awaitable[None] | None:
        exchange.filter = self
        return self._handler.handle(exchange)

    def respond(self, exchange: Exchange, head: ResponseHead, body: bytes) -> None:
        exchange.filter = None
        head_only = exchange.method == b"HEAD"
        head, coding = self._choose(exchange, head, head.length if head_only else len(body))
        if coding is None:
            exchange.respond(head, body)
        elif head_only:
            exchange.respond(coded(head, coding, None))
        elif len(body) > WHOLE:
            making = encoder(coding, self._levels[coding])
            CodedAnswer(exchange, making, live=False).begin_whole(coded(head, coding, None), body)
        else:
            small = encode(coding, body, self._levels[coding])
            exchange.uncoded = len(body)
            exchange.respond(coded(head, coding, len(small)), small)

    def start(self, exchange: Exchange, head: ResponseHead, data: bytes, *, stream: bool) -> None:
        exchange.filter = None
        head, coding = self._choose(exchange, head, head.length)
        if coding is None:
            exchange.start(head, data, stream=stream)
        elif stream and b"gzip" in self._codings and exchange.headers.accepts.best((b"gzip",)):
            CodedAnswer(exchange, live_encoder(), live=True).begin(coded(head, b"gzip", None), data)
        else:
            making = encoder(coding, self._levels[coding])
            CodedAnswer(exchange, making, live=stream).begin(coded(head, coding, None), data)

    def write(self, exchange: Exchange, data: bytes) -> None:
        raise AssertionError("it stands aside once the answer has begun")

    def finish(self, exchange: Exchange, trailers: bytes) -> None:
        raise AssertionError("it stands aside once the answer has begun")

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        about = {"codings": [coding.decode() for coding in self._codings], "minimum": self._minimum}
        return {**self._handler.describe(exchange), "compress": about}

    def why_plain(self, exchange: Exchange, head: ResponseHead, length: int | None) -> str:
        """Why an answer is not compressed, for people; empty if it is."""
        fields = fields_of(head)
        if head.status == 304:
            return "a 304 has no body"
        if why := self._unfit(exchange, head, fields) or self._unwanted(head, fields, length):
            return why
        return "" if exchange.headers.accepts.best(self._codings) else "the client takes no coding on offer"

    def _unfit(self, exchange: Exchange, head: ResponseHead, fields: dict[bytes, bytes]) -> str:
        """What speaks against every coding, whoever asks."""
        if not has_body(head.status):
            return "it has no body"
        if _forbids(fields.get(b"cache-control")) or _forbids(exchange.headers.get(b"cache-control")):
            return "Cache-Control: no-transform forbids it (RFC 9111 section 5.2)"
        return "" if self._media.has(fields.get(b"content-type", b"")) else "its media type is none of types"

    def _unwanted(self, head: ResponseHead, fields: dict[bytes, bytes], length: int | None) -> str:
        """What speaks against it this time."""
        if head.status == 206:
            return "it is a part of something"
        if not fields.keys().isdisjoint(LEFT_ALONE):
            return "it has a coding, or a digest of its octets, already"
        return "it is shorter than `minimum`" if length is not None and length < self._minimum else ""

    def _choose(self, exchange: Exchange, head: ResponseHead,
                length: int | None) -> tuple[ResponseHead, bytes | None]:
        """The head as it is for the plain form, and the coding if it shall have one.

        Args:
            length: octets of the body, as it would be for GET; None: unknown.
        """
        fields = fields_of(head)
        if head.status == 304:
            return self._unchanged(exchange, head, fields), None
        if self._unfit(exchange, head, fields):
            return head, None
        head = relined(head, varied(head.lines, fields.get(b"vary")))
        if self._unwanted(head, fields, length):
            return head, None
        return head, exchange.headers.accepts.best(self._codings)

    def _unchanged(self, exchange: Exchange, head: ResponseHead, fields: dict[bytes, bytes]) -> ResponseHead:
        """A 304 names the tag of the form that the client has: its cache looks for that (RFC 9111 4.3.4)."""
        tag, asked = fields.get(b"etag", b""), exchange.headers.get(b"if-none-match") or b""
        if tag[:1] != b'"' or b"W/" + tag not in asked:
            return head
        return relined(head, weak(varied(head.lines, fields.get(b"vary"))))


def _forbids(cache_control: bytes | None) -> bool:
    """RFC 9111 sections 5.2.1.6 and 5.2.2.6."""
    return cache_control is not None and b"no-transform" in cache_control.lower()
