"""Load at half of what a proxy can do, where latency is its own and not that of a queue at its limit.

wrk cannot be told a rate: its connections can only be told to wait between an answer and their
next request. From one request of a connection to its next go the wait and the answer, and how long
an answer takes at half load is not known before; so the wait is put right by what came of the last one.
"""

from __future__ import annotations

SHARE = 0.5  # of the full rate


class Pace:
    """How long connections wait so that all of them together ask at `SHARE` of the full rate.

    Args:
        full_rate: requests per second without waiting.
        connections: how many there are.
    """

    def __init__(self, full_rate: float, connections: int) -> None:
        self.full_rate = full_rate
        self.connections = connections
        self.pause_ms = self._turn_ms(full_rate * SHARE)  # as if answers took no time: too slow, not too fast

    def settle(self, rate: float) -> None:
        """Put the pause right after a load with it came to `rate`."""
        late = self._turn_ms(rate) - self._turn_ms(self.full_rate * SHARE)
        self.pause_ms = max(0.0, self.pause_ms - late)

    def _turn_ms(self, rate: float) -> float:
        """From one request of a connection to its next."""
        return self.connections / rate * 1e3
