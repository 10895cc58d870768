"""Who fails real traffic is left out for a while.

Two signs: failures in a row (no response, a broken one, 502 to 504), and a share of failed answers (5xx)
that is well above that of the pool's others. Where all fail alike nobody is ejected: the fault is not
an endpoint's. At most half of a pool is ejected at a time: a few bad ones are better than none. (After
Envoy's outlier detection.)
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.upstream.endpoint import Endpoint

# Of the counts is left a quarter of a `window` later, a sixteenth after one: were it half after one, then an
# endpoint that begins to fail half of its answers would take 13 s to show a share of 30 %.
FADE = 0.5
FEWEST_ERRORS = 5.0  # recent ones below which a share says nothing
LONGEST = 10         # times `duration` at most


class Ejection:
    """What a configuration says about ejection.

    Args:
        failures: in a row, none of them `window` seconds older than the next.
        window: seconds that failures and shares count.
        duration: seconds of the first ejection; the second one takes twice as long, and so on.
        rate: by how much an endpoint's share of failed answers must exceed the others'.
    """

    __slots__ = ("_failures", "_rate", "duration", "window")

    def __init__(self, failures: int, window: float, duration: float, rate: float) -> None:
        self._failures = failures
        self._rate = rate
        self.window = window
        self.duration = duration

    def failed(self, endpoint: Endpoint, now: float, sent_at: float = 0.0) -> str:
        """Count a failure; the reason if it is one too many, else nothing.

        Args:
            sent_at: monotonic seconds; of those on trial the first one that was sent since is too many.
        """
        if now - endpoint.failed_at > self.window:
            endpoint.failures = 0
        endpoint.failures += 1
        endpoint.failed_at = now
        if endpoint.failures >= self._failures:
            return f"{endpoint.failures} failures in a row, last"
        return "back and failed at once" if 0.0 < endpoint.trial_from <= sent_at else ""

    def outlier(self, endpoints: Sequence[Endpoint]) -> tuple[Endpoint, float, float] | None:
        """The endpoint that fails most, its share and the others', if it fails too often beside them."""
        if len(endpoints) < 2:
            return None
        worst = max(endpoints, key=_share)
        answers = sum(endpoint.answers for endpoint in endpoints) - worst.answers
        errors = sum(endpoint.errors for endpoint in endpoints) - worst.errors
        others = errors / answers if answers else 0.0
        if answers < FEWEST_ERRORS or worst.errors < FEWEST_ERRORS or _share(worst) - others < self._rate:
            return None
        return worst, _share(worst), others

    def forgive(self, endpoints: Sequence[Endpoint], now: float) -> None:
        """Who has not failed for long begins anew."""
        for endpoint in endpoints:
            if (endpoint.ejections and not endpoint.ejected_until
                    and now - endpoint.failed_at > LONGEST * self.duration):
                endpoint.ejections = 0

    def seconds(self, endpoint: Endpoint) -> float:
        """How long an endpoint that was just ejected stays away."""
        return self.duration * min(endpoint.ejections, LONGEST)


def end(endpoint: Endpoint, now: float) -> None:
    """Its ejection is over; what failed in the meantime had begun before and says nothing new."""
    endpoint.ejected_until = 0.0
    endpoint.answers = endpoint.errors = 0.0
    endpoint.failures = 0
    endpoint.failed_at = now


def fade(endpoints: Sequence[Endpoint]) -> None:
    """A quarter of a window has passed."""
    for endpoint in endpoints:
        endpoint.answers *= FADE
        endpoint.errors *= FADE


def _share(endpoint: Endpoint) -> float:
    return min(endpoint.errors / endpoint.answers, 1.0) if endpoint.answers else float(endpoint.errors > 0)
