"""The last exchanges, and those that failed or were slow, kept for whoever asks why.

The rule of this room: no body is ever in it, and what is told has no secrets.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from proxy.config.effective import SECRET
from proxy.observe.past import LIGHT, STATUS, TRAIL, Entry, Past
from proxy.observe.redact import HIDDEN, Redaction

LONGEST: Final = 2048  # octets of a value that are told


class Ring:
    """Of one worker.

    Args:
        last: how many of the last exchanges are kept.
        remarkable: how many of those that failed (5xx, 499, or an endpoint did) or were slow.
        slow: seconds to the head of the answer, or to its end where nobody was asked for it.
    """

    def __init__(self, last: int = 256, remarkable: int = 256, slow: float = 1.0) -> None:
        self._last: deque[Entry] = deque(maxlen=last)
        self._remarkable: deque[Entry] = deque(maxlen=remarkable)
        self._slow = slow
        self._add = self._last.append

    def become(self, last: int, remarkable: int, slow: float) -> None:
        """Other sizes; what fits stays."""
        self._last = deque(self._last, maxlen=last)
        self._remarkable = deque(self._remarkable, maxlen=remarkable)
        self._slow = slow
        self._add = self._last.append

    def ended(self, entry: Entry) -> None:
        """An exchange is over."""
        self._add(entry)
        if len(entry) != LIGHT:
            ended, started = entry[:2]
            if entry[STATUS] >= 499 or entry[TRAIL] is not None or (
                    ended - started > self._slow and self._is_slow(Past(entry))):
                self._remarkable.append(entry)

    def _is_slow(self, past: Past) -> bool:
        """Not a download that takes its time, nor a tunnel: to the head, where that is known."""
        if past.status == 101:
            return False
        timings = past.timings
        return (timings[-1] if timings and len(timings) > 1 else past.ended) - past.started > self._slow

    # For who asks.

    def last(self) -> Iterator[Past]:
        """The newest first."""
        return map(Past, reversed(tuple(self._last)))

    def remarkable(self) -> Iterator[Past]:
        """Likewise, those that failed or were slow."""
        return map(Past, reversed(tuple(self._remarkable)))

    def find(self, name: str) -> Past | None:
        """By its request id; the last of several."""
        for past in (*self.last(), *self.remarkable()):
            if past.name == name:
                return past
        return None


def summary(past: Past, redaction: Redaction) -> dict[str, Any]:
    """One line of a list."""
    return {
        "id": past.name, "ended": time.time() - (time.monotonic() - past.ended), "client": past.client,
        "method": past.method.decode("latin-1"), "host": past.host.decode("latin-1"),
        "target": redaction.target(past.target.raw)[:LONGEST].decode("latin-1"), "status": past.status,
        "route": past.route, "pool": past.pool, "endpoint": past.endpoint, "attempts": past.attempts,
        "octets": past.sent, "why": past.why, "milliseconds": round((past.ended - past.started) * 1000, 3)}


def fields_told(past: Past, redaction: Redaction) -> list[list[str]]:
    """The request's header fields, by lower-case name, without secrets."""
    return [[key.decode("latin-1"), field_told(key, value, redaction)[:LONGEST].decode("latin-1")]
            for key, value in past.headers.pairs()]


def field_told(key: bytes, value: bytes, redaction: Redaction) -> bytes:
    """A field's value; hidden is also what sounds like a secret, as it is in the configuration."""
    return HIDDEN if SECRET.search(key.decode("latin-1")) else redaction.field(key, value)


def phases(past: Past) -> dict[str, float]:
    """Milliseconds: until it was sent to who answered, until the answer's head, until its end, and in all.

    In the place of the two in the middle `lost`, where no head came.
    """
    told: dict[str, float] = {}
    at = past.started
    for name, moment in zip(("queued", "head"), past.timings or (), strict=False):
        told[name] = round((moment - at) * 1000, 3)
        at = moment
    if told:
        told["body" if "head" in told else "lost"] = round((past.ended - at) * 1000, 3)
    told["total"] = round((past.ended - past.started) * 1000, 3)
    return told
