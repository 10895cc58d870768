"""What a connection to an endpoint tells whoever sent a request over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.errors import UpstreamError
    from proxy.upstream.answer import AnswerHead


class Attempt(Protocol):
    """Whoever sent a request over a connection and takes its response."""

    def answer_interim(self, head: AnswerHead) -> None:
        """A 1xx other than 101."""

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """The whole response; the connection is free again already."""

    def answer_head(self, head: AnswerHead, data: bytes) -> None:
        """The head, and the first octets of the body."""

    def answer_data(self, data: bytes) -> None:
        """More of the body."""

    def answer_end(self, trailers: bytes) -> None:
        """The response is complete; the connection is free again already."""

    def answer_upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        """A 101: the connection is the caller's, to be used as a tunnel."""

    def gives_up(self) -> bool:
        """The head is not here by the attempt's own time (`hurry`): whether to fail now, or to wait on."""

    def answer_failed(self, error: UpstreamError, *, received: bool) -> None:
        """The attempt is lost; `received`: octets of a response had come."""

    def endpoint_slow(self) -> None:
        """The endpoint takes the request more slowly than it is sent."""

    def endpoint_fast(self) -> None:
        """It takes octets again."""


class Timeouts(Protocol):
    """Seconds; see `timeouts` and `pools.*.idle_connections` in CONFIG."""

    response_head: float
    response_body: float
