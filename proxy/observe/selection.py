"""Which exchanges get a line in the access log: filters, sampling, and the slow ones in any case.

The rule of this room: who wants none of it pays nothing, for then the log itself stands in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from random import random

from proxy.observe.access_log import AccessLog
from proxy.observe.log_lines import timings_of
from proxy.observe.logs import Seldom
from proxy.observe.past import Entry, Past
from proxy.observe.redact import Redaction

slow_log = Seldom(logging.getLogger("proxy.slow"), pause=1.0)  # an endpoint in trouble is slow for everybody

SLOW = {"slow": True}
Condition = Callable[[Past], bool]


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
        self._sampled = {"sample": share}
        self._redaction = redaction
        self.refused = log.refused

    def ended(self, entry: Entry) -> None:
        past = Past(entry)
        for met in self._skip:
            if met(past):
                return
        if past.ended - past.started >= self._slow and _is_meant_to_end(past):
            self._log.marked(entry, SLOW)
            self._tell(past)
        elif past.status >= 400 or self._share == 1:
            self._log.ended(entry)
        elif random() < self._share:  # noqa: S311 - nobody gains by guessing
            self._log.marked(entry, self._sampled)

    def _tell(self, past: Past) -> None:
        target = self._redaction.target(past.target.raw)[:200].decode("latin-1")
        told = {**timings_of(past), "total_ms": (past.ended - past.started) * 1000}
        timings = ", ".join(f"{name.removesuffix('_ms')} {value:.0f} ms" for name, value in told.items())
        who = f"{past.pool} {past.endpoint}" if past.endpoint else past.route
        slow_log.warn("slow: %s %s %d from %s: %s, request id %s", past.method[:40].decode("latin-1"),
                      target, past.status, who, timings, past.request_id.decode("latin-1"))


def _is_meant_to_end(past: Past) -> bool:
    """Tunnels and event streams last: that is no slowness."""
    return past.status != 101 and b"text/event-stream" not in (past.headers.get(b"accept") or b"")
