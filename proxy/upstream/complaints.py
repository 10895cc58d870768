"""Lines about failed attempts: the first few of each second, and how many were left out."""

from __future__ import annotations

import logging

log = logging.getLogger("proxy.upstream")

MOST = 10  # per second; ten thousand clients may notice at once


class Complaints:
    """Those of one pool."""

    __slots__ = ("_count", "_pool")

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self._count = 0

    def add(self, endpoint: str, what: str) -> None:
        self._count += 1
        if self._count <= MOST:
            log.warning("%s %s %s", self._pool, endpoint, what)

    def second(self) -> None:
        """A second has passed."""
        if self._count > MOST:
            log.warning("%s: %d more attempts failed", self._pool, self._count - MOST)
        self._count = 0
