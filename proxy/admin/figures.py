"""Rates and percentiles of late, from two looks at the board.

The rule of this room: what the board holds only ever grows, so a figure is the difference of two looks;
nothing is asked of a worker. Rates are of the last seconds; percentiles need more requests to mean something.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.observe.board import BOUNDS, BUCKETS, Board, Kind, Name, totals
from proxy.observe.columns import CLASSES, ENDPOINT, POOL, ROUTE, WORKER

Told = dict[str, Any]
PERCENTILES: Final = (0.5, 0.95, 0.99)
GAUGES: Final = ((WORKER, "connections"), (WORKER, "asking"), (WORKER, "tunnels"), (POOL, "waiting"))


@dataclass(frozen=True)
class Look:
    """The sums of all rows at one time; `time` is in seconds since 1970."""

    time: float
    cells: array[int]


def look(board: Board, time: float) -> Look:
    return Look(time, array("q", totals(board.read())))


class Lapse:
    """What has happened between two looks.

    Args:
        new, old: the looks; the older one knows fewer names, which begin with nothing.
    """

    def __init__(self, new: Look, old: Look) -> None:
        self.seconds = new.time - old.time
        self._new = new.cells
        self._old = old.cells

    def counted(self, first: int, kind: Kind, column: str) -> int:
        return self._grown(first + kind.at[column])

    def buckets(self, first: int, kind: Kind, histogram: str) -> list[int]:
        at = first + kind.at[histogram]
        return [self._grown(cell) for cell in range(at, at + BUCKETS)]

    def gauge(self, first: int, kind: Kind, column: str) -> int:
        return self._new[first + kind.at[column]]

    def _grown(self, cell: int) -> int:
        return self._new[cell] - (self._old[cell] if cell < len(self._old) else 0)


def figures(names: Sequence[Name], late: Lapse, wide: Lapse) -> Told:
    """All that is shown. Rates are taken from `late`, percentiles from the longer `wide`."""
    routes = [name.first for name in names if name.kind == ROUTE.name]
    return {
        "total": {**_line(routes, ROUTE, "seconds", late, wide), **_gauges(names, late),
                  "sent": _per_second(routes, ROUTE, "sent", late),
                  "received": _per_second(routes, ROUTE, "received", late),
                  "classes": {name: _per_second(routes, ROUTE, name, late) for name in CLASSES}},
        "pools": dict(_pools(names, late, wide)),
    }


def _gauges(names: Iterable[Name], late: Lapse) -> Told:
    return {column: sum(late.gauge(name.first, kind, column) for name in names if name.kind == kind.name)
            for kind, column in GAUGES}


def _pools(names: Sequence[Name], late: Lapse, wide: Lapse) -> Iterator[tuple[str, Told]]:
    endpoints: dict[str, dict[str, int]] = {}
    for name in names:
        if name.kind == ENDPOINT.name:
            endpoints.setdefault(name.parts[0], {})[name.parts[1]] = name.first
    for name in names:
        if name.kind == POOL.name and late.gauge(name.first, POOL, "shown"):
            own = endpoints.get(name.parts[0], {})
            yield name.parts[0], {
                **_line(own.values(), ENDPOINT, "head", late, wide),
                "retries": _per_second([name.first], POOL, "retries", late),
                "endpoints": {address: _line([first], ENDPOINT, "head", late, wide)
                              for address, first in own.items()}}


def _line(firsts: Iterable[int], kind: Kind, histogram: str, late: Lapse, wide: Lapse) -> Told:
    """Rate, share of errors and percentiles of some names together."""
    firsts = list(firsts)
    count = {name: sum(late.counted(first, kind, name) for first in firsts) for name in CLASSES}
    bad = count["none"] + count["5xx"]
    if "failures" in kind.at:
        bad += (failures := sum(late.counted(first, kind, "failures") for first in firsts))
        count["failures"] = failures
    everything = sum(count.values())
    columns = [wide.buckets(first, kind, histogram) for first in firsts]
    buckets = [sum(column) for column in zip(*columns, strict=True)]
    return {"rate": round(everything / late.seconds, 2),
            "errors": round(bad / everything, 4) if everything else 0.0,
            **{f"p{round(share * 100)}": percentile(buckets, share) for share in PERCENTILES}}


def _per_second(firsts: Iterable[int], kind: Kind, column: str, late: Lapse) -> float:
    return round(sum(late.counted(first, kind, column) for first in firsts) / late.seconds, 2)


def percentile(buckets: Sequence[int], share: float) -> float | None:
    """In seconds, taking a bucket's requests as evenly spread; None without requests.

    What is over the last bound is said to be at it.
    """
    wanted = sum(buckets) * share
    if not wanted:
        return None
    low = 0.0
    for bound, count in zip(BOUNDS, buckets, strict=False):
        if count and wanted <= count:
            return round(low + (bound - low) * wanted / count, 6)
        wanted -= count
        low = bound
    return BOUNDS[-1]
