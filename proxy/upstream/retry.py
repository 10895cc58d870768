"""When an attempt is worth another one, and how many of those a pool can bear.

The rule: another attempt must not do anything twice (that is the handler's to know), and all of them
together must not turn trouble into a storm: they stay within a share of the traffic (the retry budget
of Finagle and Envoy). A connect that failed costs no endpoint any work and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable

FADE = 0.9      # of the counts is left a second later: about ten seconds count
ALWAYS = 10.0   # retries that the budget grants without traffic, lest a quiet site have none


class Budget:
    """Retries as a share of exchanges, both counted over about ten seconds.

    Attributes:
        exchanges: raised by whoever begins one.
    """

    __slots__ = ("_retries", "_share", "exchanges")

    def __init__(self, share: float) -> None:
        self._share = share
        self._retries = 0.0
        self.exchanges = 0.0

    def has_one(self) -> bool:
        """Whether one more retry is within the budget."""
        return self._retries + 1 <= ALWAYS + self._share * self.exchanges

    def take(self) -> bool:
        """The same; it counts if so."""
        if not self.has_one():
            return False
        self._retries += 1
        return True

    def inherit(self, other: Budget) -> None:
        """Go on with what another one has counted."""
        self.exchanges, self._retries = other.exchanges, other._retries

    def fade(self) -> None:
        """A second has passed."""
        self._retries *= FADE
        self.exchanges *= FADE


class Retry:
    """What a configuration says about retries.

    Args:
        attempts: after the first one.
        on: `connect`, `reset`, `timeout` and statuses from 500 on, as text.
        share: of the traffic that retries may be.
        timeout: seconds that one attempt waits for a response's head where another may follow; None
            for the pool's own.

    Attributes:
        statuses: those among `on`.
    """

    __slots__ = ("attempts", "budget", "on", "statuses", "timeout")

    def __init__(self, attempts: int, on: Iterable[str], share: float, timeout: float | None = None) -> None:
        self.attempts = attempts
        self.on = frozenset(on)
        self.statuses = frozenset(int(text) for text in self.on if text.isdigit())
        self.budget = Budget(share)
        self.timeout = timeout


NO_RETRY = Retry(0, (), 0.0)
