"""When an exchange may have another attempt, and what its failures are counted as.

The rule: another attempt is made only where nothing can have been executed twice (RFC 9110 section 9.2.2),
nothing has reached the client, and the pool's retries allow it. LIFECYCLE, "An attempt", has the table.
"""

from __future__ import annotations

from time import monotonic

from proxy.errors import UpstreamError
from proxy.handlers.upload import Upload
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.pool import Pool

# May be sent again when its fate is unknown (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


class Retrying(Upload):
    """The decisions of a forwarding, and what they depend on."""

    __slots__ = ("_endpoint", "_fresh", "_pool", "_relaying", "_retries", "_tried")

    _pool: Pool
    _endpoint: Endpoint | None     # of the current attempt
    _tried: tuple[Endpoint, ...]   # those before it
    _fresh: bool     # the last kept connection was closed already: a new one is to be opened
    _relaying: bool  # octets of a final response have gone to the client
    _retries: int

    def is_attempting(self) -> bool:
        """Whether an attempt of its own is under way; a rival may be as well."""
        return self._endpoint is not None

    def tried_with_current(self) -> tuple[Endpoint, ...]:
        return self._tried if self._endpoint is None else (*self._tried, self._endpoint)

    def _blame(self, endpoint: Endpoint, error: UpstreamError) -> None:
        """Count the attempt as failed, once: its head was counted when it came."""
        if not self._relaying:
            endpoint.answers += 1
        elif self.exchange.status >= 500:
            return
        self._pool.failed(endpoint, f"{error.phase}: {error.reason}", self._sent_at)

    def _goes_on(self, endpoint: Endpoint, error: UpstreamError, *, stale: bool) -> bool:
        """Whether there is another attempt; the current one is left then."""
        if error.ours:
            return False
        if stale and self._is_repeatable():
            # The endpoint closed what we kept while the request was on its way: no failure of anybody. It
            # cannot happen twice: from now on connections are new.
            self._fresh = True
            self.note(endpoint, "it had closed the kept connection")
            self._leave()
            return True
        late = error.status == 504  # which costs its client seconds, even where nothing was sent
        if error.unsent:
            retry = self._pool.retry
            if "connect" not in retry.on or (late and self._retries >= retry.attempts):
                return False
            if self._pool.queue is None and len(self._tried) + 1 >= len(self._pool.endpoints):
                return False
        elif not self._retry_elsewhere("timeout" if late else "reset"):
            return False
        self._try_elsewhere(endpoint, f"{error.phase}: {error.reason}", retry=late or not error.unsent)
        return True

    def _retry_elsewhere(self, why: str) -> bool:
        """Whether another endpoint shall do what this one may have begun; counts as a retry if so."""
        return self._may_repeat(why) and self._pool.retry.budget.take()

    def gives_up(self) -> bool:
        """Whether another endpoint is asked, as the head is not here by `retry.timeout`."""
        return self._may_repeat("timeout") and self._pool.retry.budget.has_one()

    def _has_tried_enough(self) -> bool:
        """Where all are down each is asked by somebody, but nobody asks them all."""
        return self._pool.panic and len(self._tried) > self._pool.retry.attempts

    def _may_repeat(self, why: str) -> bool:
        endpoint, retry = self._endpoint, self._pool.retry
        if why not in retry.on or self._retries >= retry.attempts or endpoint is None:
            return False
        if not self._is_repeatable():
            return False
        # Who was cut off may as well ask one that rests, for it may be back, or wait until one is.
        cut_off, tried = why == "reset", (*self._tried, endpoint)
        return (cut_off and self._pool.queue is not None) or self._pool.has_other(tried, resting=cut_off)

    def _is_repeatable(self) -> bool:
        """Executing it twice is the same as once, by its method or because its client sees to it."""
        exchange = self.exchange
        if self._body is None and exchange.body_length != 0:
            return False  # the client sends it once, and may do so while another connection is opened
        return exchange.method in IDEMPOTENT or exchange.headers.get(b"idempotency-key") is not None

    def _try_elsewhere(self, endpoint: Endpoint, why: str, *, retry: bool = True) -> None:
        """Leave this attempt for another one."""
        self._retries += retry
        self._pool.tally.add("retries")
        self.note_failure(endpoint, why)
        self._leave()

    def note_failure(self, endpoint: Endpoint, why: str) -> None:
        """Not asked again, unless all have failed."""
        self._tried += (endpoint,)
        self.note(endpoint, why)

    def note(self, endpoint: Endpoint, why: str) -> None:
        """An attempt that was not the one, for the log."""
        exchange = self.exchange
        if exchange.trail is None:
            exchange.trail = []
        exchange.trail.append((endpoint.name, why, monotonic()))

    def _leave(self) -> None:
        """The current attempt is over, in whatever way."""
        self._connection = None
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            self._pool.leave(endpoint)


def is_stale(connection: UpstreamConnection | None, error: UpstreamError, *, received: bool) -> bool:
    """Whether the endpoint closed what was kept, while the request was on its way: nobody's failure."""
    return connection is not None and connection.reused and not received and error.status == 502
