"""The supervisor's part of the board: who has which row, and what only the supervisor can count.

The rule of this room: a worker has its row before it is forked, and loses it when it has been reaped: not
before, for it writes to the last, and not later, for what it had in flight would count on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from proxy.config.schema import Config
from proxy.config.tls_schema import certificate_of
from proxy.observe.board import SMALLEST, Board, Row, alone
from proxy.observe.columns import CERTIFICATE, ENDPOINT, HOUSE, KINDS, POOL, ROUTE, WORKER
from proxy.observe.counters import Tally
from proxy.process.crew import Child

LOG = logging.getLogger("proxy.supervisor")

# Reloads may bring four times as many as there are at the start: workers (and some that drain while others
# have taken their slots), routes and endpoints. It is room in an address space, and no memory yet.
GROWTH = 4
FEWEST_ROWS = 128


class Census:
    """See the module.

    Attributes:
        board: of all processes.
    """

    def __init__(self, config: Config) -> None:
        self.board = Board(max(FEWEST_ROWS, GROWTH * config.workers),
                           cells=max(SMALLEST, GROWTH * cells_for(config)))
        self._rows: dict[int, int] = {}  # by pid
        self._house = Tally(HOUSE, self.board.first(HOUSE))
        self._house.gauge("started", int(time.time()))
        self._certificates: dict[tuple[str, str], Tally] = {}
        self.reloaded(1, config)

    def start(self, fork: Callable[[int], Child]) -> Child:
        """Have a worker forked by `fork`, which is given the number of its row.

        Raises:
            OSError: it could not be forked.
        """
        number = self.board.take()
        if not number:
            LOG.warning("there are more workers than the board has rows for: one more is in no figure")
        try:
            child = fork(number)
        except OSError:
            self.board.give_back(number, KINDS)
            raise
        self.board.taken_by(number, child.pid)
        self._rows[child.pid] = number
        return child

    def row(self, number: int) -> Row:
        """For the worker itself."""
        return self.board.row(number) if number else alone()

    def gone(self, child: Child) -> None:
        """It was reaped, and what it has counted stays; of others than workers there is nothing."""
        self.board.give_back(self._rows.pop(child.pid, 0), KINDS)

    def lost(self, left: int) -> None:
        """A worker died, and nobody had wanted that; so many are left that serve."""
        self._house.add("deaths")
        self.serving(left)

    def serving(self, workers: int) -> None:
        """So many workers serve now."""
        self._house.gauge("workers", workers)
        self._write()

    def reloaded(self, generation: int, config: Config) -> None:
        """This generation of the configuration is in force."""
        self._show(config)
        self._house.gauge("generation", generation)
        self._house.gauge("reload_failed", 0)
        self._house.gauge("reloaded", int(time.time()))
        if generation > 1:
            self._house.add("reloads")
        self._write()

    def not_reloaded(self) -> None:
        """A reload was refused; what was in force still is."""
        self._house.gauge("reload_failed", 1)
        self._house.add("failed_reloads")
        self._write()

    def _show(self, config: Config) -> None:
        """Until when its certificates are valid; of two for one name, until the first is not."""
        for tally in self._certificates.values():
            tally.gauge("expires", 0)
        ends: dict[tuple[str, str], float] = {}
        for listener in config.listen:
            for one in map(certificate_of, listener.tls):
                place = str(listener.address), one.name
                ends[place] = min(one.expires, ends.get(place, one.expires))
        for place, expires in ends.items():
            if place not in self._certificates:
                self._certificates[place] = Tally(CERTIFICATE, self.board.first(CERTIFICATE, *place))
            self._certificates[place].gauge("expires", int(expires))

    def _write(self) -> None:
        for tally in (self._house, *self._certificates.values()):
            tally.write(self.board.cells_of(0))

    def close(self) -> None:
        self.board.close()


def cells_for(config: Config) -> int:
    """What the names of a configuration take of a row."""
    endpoints = sum(len(pool.endpoints) for pool in config.pools.values())
    return (HOUSE.size + WORKER.size + (len(config.routes) + 1) * ROUTE.size
            + len(config.pools) * POOL.size + endpoints * ENDPOINT.size
            + sum(len(listener.tls) for listener in config.listen) * CERTIFICATE.size)
