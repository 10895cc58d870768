"""Which exchanges get a line in the access log: filters, sampling, and the slow ones in any case.

The rule of this room: who wants none of it pays nothing, for then the log itself stands in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from random import random

from proxy.http.exchange import Exchange
from proxy.observe.access_log import AccessLog
from proxy.observe.log_lines import NONE, timings_of
from proxy.observe.logs import Seldom
from proxy.observe.redact import Redaction

slow_log = Seldom(logging.getLogger("proxy.slow"), pause=1.0)  # an endpoint in trouble is slow for everybody

SLOW = {"slow": True}
Condition = Callable[[Exchange], bool]


class Selection:
    """Stands before an `AccessLog`.

    Args:
        log: gets what is left.
        skip: conditions; what meets one of them is left out, however it ended.
        slow: seconds from which an exchange is always there, and also told to the error log; None: none is.
        share: of all others that went well (below 400), those that are there.
        redaction: of what the error log is told.
    """

    def __init__(self, log: AccessLog, *, skip: Sequence[Condition], slow: float | None, share: float,
                 redaction: Redaction) -> None:
        self._log = log
        self._skip = tuple(skip)
        self._slow = float("inf") if slow is None else slow
        self._share = share
        self._sampled = {"sample": share} if share < 1 else NONE
        self._redaction = redaction
        self.refused = log.refused

    def ended(self, exchange: Exchange, now: float) -> None:
        for met in self._skip:
            if met(exchange):
                return
        if now - exchange.started >= self._slow and _is_meant_to_end(exchange):
            self._log.marked(exchange, now, SLOW)
            self._tell(exchange, now)
        elif exchange.status >= 400:
            self._log.marked(exchange, now)
        elif self._share == 1 or random() < self._share:  # noqa: S311 - nobody gains by guessing
            self._log.marked(exchange, now, self._sampled)

    def _tell(self, exchange: Exchange, now: float) -> None:
        target = self._redaction.target(exchange.target.raw)[:200].decode("latin-1")
        told = {**timings_of(exchange), "total_ms": (now - exchange.started) * 1000}
        timings = ", ".join(f"{name.removesuffix('_ms')} {value:.0f} ms" for name, value in told.items())
        who = f"{exchange.pool} {exchange.endpoint}" if exchange.endpoint else exchange.route
        slow_log.warn("slow: %s %s %d from %s: %s, request id %s", exchange.method[:40].decode("latin-1"),
                      target, exchange.status, who, timings, exchange.request_id.decode("latin-1"))


def _is_meant_to_end(exchange: Exchange) -> bool:
    """Tunnels and event streams last: that is no slowness."""
    return exchange.status != 101 and b"text/event-stream" not in (exchange.headers.get(b"accept") or b"")
