"""One request and its response: where the front ends meet, and all that handlers know.

HTTP/1 (and later HTTP/2) subclass `Exchange`; a handler reads the request side and calls the
response side. Order of the response calls: `interim`*, then either `respond` once, or `start`,
`write`*, `finish`; `abort` ends it at any time in a way that the client can see; `upgrade`
after a 101 turns the connection into a tunnel. A call after the end does nothing.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.http.body import Body
    from proxy.http.peer import Peer
    from proxy.http.prepared import Form, Kept, Prepared, ResponseHead
    from proxy.wire.headers import HeaderBlock
    from proxy.wire.target import Target


class Responder(Protocol):
    """Whoever produces a response over time; the exchange calls it back."""

    def pause(self) -> None:
        """The client is slower than the answer: produce no more until `resume`."""

    def resume(self) -> None:
        """The client takes bytes again."""

    def client_gone(self) -> None:
        """The client went away or failed; stop the work. The exchange is over."""


class BodyReader(Protocol):
    """Whoever wants the request's body as it arrives (see `Exchange.read_body`)."""

    def body_data(self, data: bytes) -> None:
        """The next octets of the body, decoded."""

    def body_end(self, trailers: bytes) -> None:
        """The body is complete; `trailers` are validated field lines, mostly none."""


class Filter(Protocol):
    """Whoever stands between a handler's answer and the client: gets the calls in the exchange's place.

    What it makes of them it hands on by the same calls, `Exchange.filter` being None meanwhile, and for good
    where it has nothing to change. It is off, without a word, when the exchange is over.
    """

    def respond(self, exchange: Exchange, head: ResponseHead, body: bytes) -> None:
        """See `Exchange.respond`; it need not become one."""

    def start(self, exchange: Exchange, head: ResponseHead, data: bytes, *, stream: bool) -> None:
        """See `Exchange.start`."""

    def write(self, exchange: Exchange, data: bytes) -> None:
        """See `Exchange.write`."""

    def finish(self, exchange: Exchange, trailers: bytes) -> None:
        """See `Exchange.finish`."""


class Exchange(ABC):
    """The request side as attributes, the response side as methods."""

    __slots__ = (
        "attempts",     # int: how many endpoints were tried
        "body_length",  # int | None: octets of the request's body; None: chunked; 0: there is none
        "body_limit",   # int: octets that the body may have, by its route; unset while there is no body
        "client",       # str: the client's address; from a trusted proxy's fields where it sent them
        "endpoint",     # str: the chosen endpoint's address, for the log only
        "filter",       # Filter | None: set by a middleware that changes answers
        "headers",      # HeaderBlock
        "host",         # bytes: the authority asked for, as sent, e.g. b"a.example:8080"
        "method",       # bytes, as sent
        "peer",         # Peer: the connection's other end and ours
        "pool",         # str: the pool's name, for the log only
        "received",     # int: octets of the request's body, as far as they are here
        "request_id",   # bytes
        "responder",    # Responder | None: set by a handler that answers over time
        "route",        # str: the route's name, for the log only
        "sent",         # int: octets of the response's body, as written
        "started",      # float: monotonic time of the complete head
        "status",       # int: of the final response; 0 before
        "target",       # Target
        "timings",      # list[float] | None: when it was sent, when the response head came; None: not logged
        "trail",        # list | None: (endpoint, what went wrong, monotonic time) of attempts before the last
        "uncoded",      # int: octets of the response's body before a coding of ours; 0: it has none
        "upgrade_offer",  # bytes: protocols that the client would switch to; empty for none
        "version",      # int: 10 or 11 for HTTP/1
        "why",          # str: why the proxy itself answers so, for the operator; empty where an endpoint did
    )

    method: bytes
    target: Target
    host: bytes
    headers: HeaderBlock
    client: str
    peer: Peer
    body_length: int | None
    body_limit: int
    request_id: bytes
    started: float
    status: int
    responder: Responder | None
    filter: Filter | None
    route: str
    pool: str
    endpoint: str
    attempts: int
    trail: list[tuple[str, str, float]] | None
    timings: list[float] | None
    upgrade_offer: bytes
    sent: int
    received: int
    uncoded: int
    version: int
    why: str

    @property
    @abstractmethod
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that this exchange lives on."""

    @abstractmethod
    def respond(self, head: ResponseHead, body: bytes = b"") -> None:
        """Answer at once, head and whole body in one write; `len(body)` is `head.length`.

        For HEAD the body is left out by the exchange, not by the caller.
        """

    def respond_kept(self, answer: Kept, form: Form) -> None:
        """Like `respond`, with what every request of this method, target and host would get.

        That is one without body and conditions, or with the one that it does not have this form yet, and
        while the answer is fresh: a front end may send it then without asking again.

        Args:
            form: of `answer`, the one for this client; sent if it does not say that it has it.
        """
        if self.headers.none_match:
            self.respond(form.unchanged)
        else:
            self.respond(form.head, form.body)

    @abstractmethod
    def start(self, head: ResponseHead, data: bytes = b"", *, stream: bool = False) -> None:
        """Begin an answer, with its first octets where they are there already.

        With `stream` nothing is held back for a slow client: `Responder.pause` comes at once;
        else the answer is taken as fast as it comes, into memory and then a file.
        """

    @abstractmethod
    def send_file(self, head: ResponseHead, fd: int, start: int, end: int) -> None:
        """Answer with octets `start` to `end` of an open file: `end - start` is `head.length`.

        The descriptor is the exchange's from now on, which closes it whichever way this ends. A file that
        cannot be read is a 500; one that fails or turns out shorter behind the head is an `abort`.
        """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """The next octets of the body (not yet in chunks)."""

    @abstractmethod
    def finish(self, trailers: bytes = b"") -> None:
        """The answer is complete; the next request may be read."""

    @abstractmethod
    def interim(self, lines: bytes) -> None:
        """Relay a 1xx: status line and field lines, each with its CRLF."""

    @abstractmethod
    def refuse(self, status: int, *, close: bool = False, why: str = "") -> None:
        """Answer with the plain page of a status; after `start` this is `abort`."""

    @abstractmethod
    def abort(self) -> None:
        """End the connection so that the client notices that the answer is not whole."""

    @abstractmethod
    def upgrade(self, lines: bytes) -> asyncio.Transport:
        """Send the 101 in `lines` (its final empty line included) and hand the transport over.

        The caller sets a protocol of its own on it. What the client sent behind its request
        was kept: fetch it with `take_surplus`.
        """

    @abstractmethod
    def tunnel_ended(self, sent: int) -> None:
        """Both sides of the tunnel are closed; `sent` octets went to the client."""

    @abstractmethod
    def take_surplus(self) -> bytes:
        """Octets received behind the request, for the tunnel."""

    @abstractmethod
    def collect_body(self, ready: BodyReady) -> Body | None:
        """The whole request body, spooled to memory and then to a file.

        Returns the body if it is complete already; else None, and `ready.body_ready` comes later
        (never if the client goes away: then `Responder.client_gone`).
        """

    @abstractmethod
    def read_body(self, reader: BodyReader) -> None:
        """Have the body's octets handed to `reader` as they come, nothing being kept."""

    @abstractmethod
    def await_body(self, reader: BodyReader) -> None:
        """As `read_body`, but without asking the client for it: it begins when octets come.

        RFC 9110 section 10.1.1: a client that expects 100 does not wait for ever.
        """

    @abstractmethod
    def pause_body(self) -> None:
        """With `read_body`: take no more from the client until `resume_body`."""

    @abstractmethod
    def resume_body(self) -> None:
        """Undo `pause_body`."""


class BodyReady(Protocol):
    """Whoever waits for `Exchange.collect_body`."""

    def body_ready(self, body: Body) -> None:
        """The body is complete."""


def respond(exchange: Exchange, prepared: Prepared) -> None:
    """Answer with something ready-made."""
    exchange.respond(prepared.head, prepared.body)
