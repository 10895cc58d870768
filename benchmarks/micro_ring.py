"""What remembering an exchange costs: nanoseconds for the tuple, and for asking about one.

    python -m benchmarks.micro_ring
"""

from __future__ import annotations

import timeit
from time import monotonic, process_time

from proxy.observe.past import NAMES, entry_of, light_entry
from proxy.observe.redact import Redaction
from proxy.observe.ring import Ring, summary
from proxy.wire.target import parse_target

ROUNDS = 9
TIMES = 20_000


class Exchange:
    __slots__ = NAMES

    def __init__(self):
        for name in NAMES:
            setattr(self, name, None)
        self.started = monotonic() - 0.003
        self.status, self.method, self.host = 200, b"GET", b"shop.example"
        self.target, self.request_id, self.why = parse_target(b"GET", b"/cart?token=1"), b"r-1", ""
        self.timings = [self.started, self.started]


def cost(what, number=TIMES, **scope):
    """Nanoseconds of CPU: the best round."""
    seconds = min(timeit.repeat(what, timer=process_time, globals=scope, number=number, repeat=ROUNDS))
    return seconds / number * 1e9


def rows():
    ring, exchange, now = Ring(), Exchange(), monotonic()
    ends = "ended(entry_of(exchange, now))"
    scope = {"ended": ring.ended, "entry_of": entry_of, "exchange": exchange, "now": now}
    yield "an exchange ends", cost(ends, **scope)
    exchange.status = 502
    yield "... and has failed", cost(ends, **scope)
    yield "a kept answer", cost(
        "ended(light_entry(now, x, x, x, b'', '', 200, 1))", ended=ring.ended, light_entry=light_entry,
        now=now, x=exchange)
    ring = Ring()
    for _ in range(256):
        ring.ended(entry_of(exchange, now))
    redaction = Redaction((), ())
    yield "256 of them in a list", cost(
        "[summary(past, redaction) for past in ring.last()]", 20,
        summary=summary, ring=ring, redaction=redaction)


def main():
    for label, nanoseconds in rows():
        print(f"{label:<36}{nanoseconds:>12,.0f} ns")


if __name__ == "__main__":
    main()
