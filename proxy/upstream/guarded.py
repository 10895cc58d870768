"""A strategy of the user's own, which must not be able to leave a client without an answer."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from proxy.balancing.strategy import Candidate, Explains, Request, Score, Strategy
from proxy.observe.logs import Seldom

failures = Seldom(logging.getLogger("proxy.upstream"))


class Guarded:
    """Passes everything on; where the strategy raises, that is logged and the first one left is taken."""

    __slots__ = ("_endpoints", "_own")

    def __init__(self, own: Strategy) -> None:
        self._own = own
        self._endpoints: Sequence[Candidate] = ()

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._endpoints = tuple(endpoints)
        try:
            self._own.rebuild(endpoints)
        except Exception as error:
            self._failed("rebuild", error)

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        try:
            return self._own.pick(exchange, tried)
        except Exception as error:
            self._failed("pick", error)
        return next((endpoint for endpoint in self._endpoints if endpoint not in tried), None)

    def explain(self, exchange: Request) -> Sequence[Score]:
        try:
            if isinstance(self._own, Explains):
                return [Score(*one) for one in self._own.explain(exchange)]
        except Exception as error:
            self._failed("explain", error)
        return ()

    def _failed(self, what: str, error: Exception) -> None:
        name = type(self._own).__qualname__
        failures.warn("%s of the strategy %s failed: %s: %s", what, name, type(error).__name__, error)
