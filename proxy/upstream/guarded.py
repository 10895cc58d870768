"""A strategy of the user's own, which must not be able to leave a client without an answer."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from proxy.balancing.strategy import Candidate, Explains, Request, Score, Strategy
from proxy.observe.logs import Seldom

failures = Seldom(logging.getLogger("proxy.upstream"))


class Guarded:
    """Passes everything on; where the strategy fails, that is logged and the first one left is taken.

    It fails if it raises, and if it picks what was tried already or is not there: the same one would be
    tried for ever.
    """

    __slots__ = ("_endpoints", "_known", "_own")

    def __init__(self, own: Strategy) -> None:
        self._own = own
        self._endpoints: Sequence[Candidate] = ()
        self._known: Collection[Candidate] = frozenset()

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        self._endpoints = tuple(endpoints)
        self._known = frozenset(endpoints)
        try:
            self._own.rebuild(endpoints)
        except Exception as error:
            self._failed("rebuild", f"{type(error).__name__}: {error}")

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        try:
            endpoint = self._own.pick(exchange, tried)
        except Exception as error:
            self._failed("pick", f"{type(error).__name__}: {error}")
        else:
            if endpoint is None or (endpoint in self._known and endpoint not in tried):
                return endpoint
            self._failed("pick", f"{getattr(endpoint, 'name', endpoint)} was tried already, or is not there")
        return next((endpoint for endpoint in self._endpoints if endpoint not in tried), None)

    def explain(self, exchange: Request) -> Sequence[Score]:
        try:
            if isinstance(self._own, Explains):
                return [Score(*one) for one in self._own.explain(exchange)]
        except Exception as error:
            self._failed("explain", f"{type(error).__name__}: {error}")
        return ()

    def _failed(self, what: str, why: str) -> None:
        failures.warn("%s of the strategy %s failed: %s", what, type(self._own).__qualname__, why)
