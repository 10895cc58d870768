"""Rates and percentiles of late, from two looks at the board.

The rule of this room: what the board holds only ever grows, so a figure is the difference of two looks;
nothing is asked of a worker. Rates are of the last seconds; percentiles need more requests to mean something.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import sub
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
        self._grown = array("q", map(sub, new.cells, old.cells)) + new.cells[len(old.cells):]

    def columns(self, kind: Kind, firsts: Iterable[int]) -> list[int]:
        """By how much the cells of some names have grown, column by column."""
        cells = [self._grown[first:first + kind.size] for first in firsts]
        return list(map(sum, zip(*cells, strict=True))) if cells else [0] * kind.size

    def gauge(self, first: int, kind: Kind, column: str) -> int:
        return self._new[first + kind.at[column]]


def figures(names: Sequence[Name], late: Lapse, wide: Lapse) -> Told:
    """All that is shown. Rates are taken from `late`, percentiles from the longer `wide`."""
    routes = [name.first for name in names if name.kind == ROUTE.name]
    return {
        "total": {**_line(routes, ROUTE, "seconds", late, wide), **_gauges(names, late),
                  **_per_second(ROUTE, routes, late, ("sent", "received")),
                  "classes": _per_second(ROUTE, routes, late, CLASSES)},
        "pools": dict(_pools(names, late, wide)),
    }


def _gauges(names: Iterable[Name], late: Lapse) -> Told:
    return {column: sum(late.gauge(name.first, kind, column) for name in names if name.kind == kind.name)
            for kind, column in GAUGES}


def _pools(names: Sequence[Name], late: Lapse, wide: Lapse) -> Iterator[tuple[str, Told]]:
    endpoints: dict[str, dict[str, int]] = {}
    for name in names:
        if name.kind == ENDPOINT.name and late.gauge(name.first, ENDPOINT, "standing"):  # it is not gone
            endpoints.setdefault(name.parts[0], {})[name.parts[1]] = name.first
    for name in names:
        if name.kind == POOL.name and late.gauge(name.first, POOL, "shown"):
            own = endpoints.get(name.parts[0], {})
            yield name.parts[0], {
                **_line(own.values(), ENDPOINT, "head", late, wide),
                **_per_second(POOL, [name.first], late, ("retries",)),
                "endpoints": {address: _line([first], ENDPOINT, "head", late, wide)
                              for address, first in own.items()}}


def _line(firsts: Iterable[int], kind: Kind, histogram: str, late: Lapse, wide: Lapse) -> Told:
    """Rate, share of errors and percentiles of some names together."""
    firsts = list(firsts)
    columns = late.columns(kind, firsts)
    count = {name: columns[kind.at[name]] for name in CLASSES}
    failures = columns[kind.at["failures"]] if "failures" in kind.at else 0
    unanswered = max(0, failures - count["5xx"])  # an answer of 502 to 504 is both
    bad = count["none"] + count["5xx"] + unanswered
    everything = sum(count.values()) + unanswered
    at = kind.at[histogram]
    buckets = wide.columns(kind, firsts)[at:at + BUCKETS]
    return {"rate": round(everything / late.seconds, 2),
            "errors": round(bad / everything, 4) if everything else 0.0,
            **{f"p{round(share * 100)}": percentile(buckets, share) for share in PERCENTILES}}


def _per_second(kind: Kind, firsts: Iterable[int], late: Lapse, names: Iterable[str]) -> Told:
    columns = late.columns(kind, firsts)
    return {name: round(columns[kind.at[name]] / late.seconds, 2) for name in names}


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
