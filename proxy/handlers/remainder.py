"""The rest of a response that nobody wants."""

from __future__ import annotations

from proxy.errors import UpstreamError
from proxy.upstream.answer import AnswerHead
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.pool import Pool

MOST = 64 * 1024  # octets that cost less to read than a new connection to open
MOST_PIECES = 16  # in which they may come: one that drips is not waited for


class Remainder:
    """Takes it, so that the connection can be kept; an `Attempt` whose head has come.

    Until its end it takes the endpoint's place, for the endpoint still works on it.
    """

    __slots__ = ("_connection", "_endpoint", "_left", "_pieces", "_pool")

    def __init__(self, pool: Pool, endpoint: Endpoint, connection: UpstreamConnection) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._connection = connection
        self._left = MOST
        self._pieces = MOST_PIECES
        connection.hand_to(self)

    def answer_data(self, data: bytes) -> None:
        self._left -= len(data)
        self._pieces -= 1
        if self._left < 0 or self._pieces < 0:
            self._connection.discard()
            self._pool.leave(self._endpoint)

    def answer_end(self, trailers: bytes) -> None:
        self._pool.leave(self._endpoint)

    def answer_failed(self, error: UpstreamError, *, received: bool) -> None:
        self._pool.leave(self._endpoint)

    def gives_up(self) -> bool:
        raise AssertionError("the head has come")

    def answer_interim(self, head: AnswerHead) -> None:
        raise AssertionError("the head has come")

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        raise AssertionError("the head has come")

    def answer_head(self, head: AnswerHead, data: bytes) -> None:
        raise AssertionError("the head has come")

    def answer_upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        raise AssertionError("the head has come")

    def endpoint_slow(self) -> None:
        """Whatever is still to be sent of the request can wait."""

    def endpoint_fast(self) -> None:
        """See `endpoint_slow`."""
