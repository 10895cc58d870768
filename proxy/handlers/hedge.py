"""A second attempt beside one that takes longer than nearly all others do; the first answer counts.

Only for GET and HEAD without a body, only where the configuration asks for it, and within the budget of
retries: a pool that is slow because it is busy must not be given twice as much to do. (Dean and
Barroso, The Tail at Scale, 2013.) A failure is no answer while the other attempt may bring one: what
would be tried elsewhere anyway loses to it, however quick it was.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from proxy.errors import UpstreamError
from proxy.handlers.retrying import is_stale
from proxy.http.exchange import Exchange
from proxy.tasks import spawn
from proxy.upstream.answer import AnswerHead
from proxy.upstream.connect import connect
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.pace import Pace

if TYPE_CHECKING:
    from proxy.handlers.forwarding import Forwarding
    from proxy.upstream.pool import Pool

QUICKER = "given up: another endpoint was quicker"
METHODS = frozenset((b"GET", b"HEAD"))


def may_hedge(exchange: Exchange, pace: Pace) -> bool:
    """Whether to send it twice does no harm, and it is known when."""
    return (pace.seconds > 0 and exchange.method in METHODS and exchange.body_length == 0
            and not exchange.upgrade_offer)


class Hedge:
    """The rival of a forwarding's own attempt; an `Attempt` itself.

    Args:
        forwarding: whose request it sends again.
        pool: where to.
        seconds: when.
    """

    __slots__ = ("_connecting", "_forwarding", "_pool", "_sent_at", "_timer", "connection", "endpoint")

    def __init__(self, forwarding: Forwarding, pool: Pool, seconds: float) -> None:
        self._forwarding = forwarding
        self._pool = pool
        self._connecting: asyncio.Task[None] | None = None
        self.connection: UpstreamConnection | None = None
        self.endpoint: Endpoint | None = None
        self._sent_at = 0.0
        self._timer = pool.loop.call_later(seconds, self._begin)

    def is_running(self) -> bool:
        return self.endpoint is not None

    def _begin(self) -> None:
        pool, forwarding = self._pool, self._forwarding
        endpoint = pool.pick_other(forwarding.exchange, forwarding.tried_with_current())
        if endpoint is None or not pool.retry.budget.take() or not pool.enter(endpoint):
            return
        self.endpoint = endpoint
        forwarding.exchange.attempts += 1
        pool.tally.add("hedges")
        connection = endpoint.take_idle(monotonic())
        if connection is None:
            self._connecting = spawn(pool.loop, self._connect(endpoint))
        else:
            self._send(connection)

    async def _connect(self, endpoint: Endpoint) -> None:
        try:
            connection = await connect(self._pool, endpoint)
        except UpstreamError as error:
            self._connecting = None
            if not error.ours:
                self._pool.connect_failed(endpoint, error.reason)
            self.answer_failed(error, received=False)
            return
        self._connecting = None
        self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self._sent_at = now = monotonic()
        exchange = self._forwarding.exchange
        head_only = exchange.method == b"HEAD"
        connection.send(self, self._forwarding.head(), None, now, head_only=head_only)

    def cancel(self) -> None:
        """The other attempt has come to something."""
        self._timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        connection, endpoint = self.connection, self.endpoint
        self.connection = self.endpoint = None
        if connection is not None:
            connection.discard()
        if endpoint is not None:
            self._forwarding.note(endpoint, QUICKER)
            self._pool.leave(endpoint)

    def _win(self) -> None:
        """This one counts: from now on the forwarding has its endpoint and its connection."""
        endpoint, connection = self.endpoint, self.connection
        self.endpoint = self.connection = None
        if endpoint is not None:
            self._forwarding.take_over(endpoint, connection, self._sent_at)

    def _loses(self, head: AnswerHead) -> bool:
        """Whether this is a failure, and the other attempt still under way."""
        pool, endpoint, connection = self._pool, self.endpoint, self.connection
        if endpoint is None or head.status not in pool.retry.statuses or not self._forwarding.is_attempting():
            return False
        endpoint.answers += 1
        endpoint.tally.answered(head.status, monotonic() - self._sent_at)
        pool.answered_badly(endpoint, head.status, self._sent_at)
        if connection is not None and connection.is_busy():  # the body still comes; nobody wants it
            connection.discard()
        self._forwarding.note_failure(endpoint, f"HTTP {head.status}")
        self._leave(endpoint)
        return True

    def _leave(self, endpoint: Endpoint) -> None:
        self.connection = self.endpoint = None
        self._pool.leave(endpoint)

    # The response, called by the connection.

    def answer_interim(self, head: AnswerHead) -> None:
        """Not passed on: the other attempt may still be the one that answers."""

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        if not self._loses(head):
            self._win()
            self._forwarding.answer_whole(head, body)

    def answer_head(self, head: AnswerHead, data: bytes) -> None:
        if not self._loses(head):
            self._win()
            self._forwarding.answer_head(head, data)

    def answer_data(self, data: bytes) -> None:
        raise AssertionError("the forwarding has the connection by then")

    def answer_end(self, trailers: bytes) -> None:
        raise AssertionError("the forwarding has the connection by then")

    def answer_upgrade(self, head: AnswerHead, surplus: bytes) -> None:
        """Nobody asked for it."""
        if self.connection is not None:
            self.connection.discard()
        self.answer_failed(UpstreamError("head", "a 101 that nobody asked for"), received=True)

    def gives_up(self) -> bool:
        """It is not hurried."""
        return False

    def answer_failed(self, error: UpstreamError, *, received: bool) -> None:
        forwarding, endpoint = self._forwarding, self.endpoint
        if endpoint is None:
            return
        if not forwarding.is_attempting():  # this was all there was: its failure is the exchange's
            self._win()
            forwarding.answer_failed(error, received=received)
            return
        if not is_stale(self.connection, error, received=received):
            if not (error.unsent or error.ours):
                endpoint.answers += 1
                self._pool.failed(endpoint, f"{error.phase}: {error.reason}", self._sent_at)
            forwarding.note_failure(endpoint, f"{error.phase}: {error.reason}")
        self._leave(endpoint)

    def endpoint_slow(self) -> None:
        """There is no body to be sent."""

    def endpoint_fast(self) -> None:
        """There is no body to be sent."""
