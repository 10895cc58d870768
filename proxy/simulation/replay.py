"""A load from an access log of ours: when requests came, from whom, and for what.

Both formats are read, line by line, so that a log that was changed from one to the other is fine
too. A `combined` line knows its second only: the requests of one second are spread evenly over it.
How long each took is not taken over: that was the doing of the endpoints and the strategy of then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Final

from proxy.simulation.load import MOST_REQUESTS, NO_FIELDS, Load, Request, Target, effort

LONGEST_LINE: Final = 65536  # octets; a target and two fields of 2 KiB each, escaped, are far below
_COMBINED: Final = re.compile(r'(\S+) \S+ \S+ \[([^]]{1,40})\] "\S+ (\S+) HTTP/')


@dataclass(frozen=True, slots=True)
class Entry:
    """A request of the log.

    Args:
        time: seconds since 1970; a whole number where the log knows no better.
    """

    time: float
    client: str
    target: str


class Log:
    """Reads a log's lines and counts what it had no use for.

    Args:
        pool: of lines that name one, those of this pool alone; None: those of any.

    Attributes:
        unread: lines that are in neither format.
        elsewhere: lines of requests that no endpoint (of this pool) was asked for.
    """

    def __init__(self, pool: str | None) -> None:
        self._pool = pool
        self.unread = 0
        self.elsewhere = 0

    def entries(self, lines: Iterable[str]) -> Iterator[Entry]:
        for line in lines:
            entry = self._json(line) if line.startswith("{") else self._combined(line)
            if entry is not None:
                yield entry

    def _combined(self, line: str) -> Entry | None:
        match = _COMBINED.match(line)
        if match and (time := second(match[2])) is not None:
            return Entry(time, match[1], match[3])
        self.unread += 1
        return None

    def _json(self, line: str) -> Entry | None:
        try:
            record = json.loads(line)
            pool = record.get("pool", "")
            if not pool or (self._pool is not None and pool != self._pool):
                self.elsewhere += 1
                return None
            return Entry(moment(record["time"]), str(record["client"]), str(record["target"]))
        except (ValueError, KeyError, TypeError):
            self.unread += 1
            return None


@lru_cache(64)  # a busy log has hundreds of lines of one second
def second(text: str) -> float | None:
    """`22/Nov/2026:08:01:16 +0000` as seconds since 1970."""
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except ValueError:
        return None


def moment(text: str) -> float:
    """`2026-11-22T08:01:16.123Z` as seconds since 1970.

    Raises:
        ValueError: not such a text.
        TypeError: no text.
    """
    return datetime.fromisoformat(text).timestamp()


def read_log(
    path: str, log: Log, service: float, shape: str, seed: int, length: float | None
) -> Load:
    """The load that a log tells of.

    Args:
        path: the file.
        log: reads its lines.
        service, shape, seed: see `generate`.
        length: seconds from the first request that are replayed; None: all.

    Raises:
        OSError: the file cannot be read.
        ValueError: nothing in it can be replayed; the message ends what begins with its name.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        entries = sorted(log.entries(_lines(file.readline)), key=lambda entry: entry.time)
    if not entries:
        raise ValueError(_nothing(log))
    first = entries[0].time
    spaced = zip(spread([entry.time for entry in entries]), entries, strict=True)
    # Sorted again: where both formats are mixed, one that was spread may have passed the next.
    kept = sorted(
        ((time - first, entry) for time, entry in spaced if length is None or time - first < length),
        key=itemgetter(0))
    times = [time for time, _ in kept]
    if len(times) > MOST_REQUESTS:
        raise ValueError(f"holds {len(times):,} requests, more than the {MOST_REQUESTS:,} of one simulation; "
                         "replay less of it with --duration")
    works, lucks = effort(len(times), service, shape, seed)
    # A log of one moment is one of a second.
    return Load(times, _requests([entry for _, entry in kept]), works, lucks, length or max(times[-1], 1.0))


def _lines(readline: Callable[[int], str]) -> Iterator[str]:
    """Lines, those that never end in pieces."""
    while line := readline(LONGEST_LINE):
        yield line


def spread(times: list[float]) -> Iterator[float]:
    """Times in order; those of one whole second evenly spread over it."""
    for time, group in groupby(times):
        count = sum(1 for _ in group)
        step = 1 / count if time.is_integer() else 0.0
        yield from (time + place * step for place in range(count))


def _requests(entries: list[Entry]) -> list[Request]:
    known: dict[tuple[str, str], Request] = {}
    for entry in entries:
        key = (entry.client, entry.target)
        if key not in known:
            path, _, query = entry.target.partition("?")
            known[key] = Request(entry.client, Target(path.encode(), query.encode()), NO_FIELDS)
    return [known[entry.client, entry.target] for entry in entries]


def _nothing(log: Log) -> str:
    if log.elsewhere:
        whose = f"the pool {log._pool!r}" if log._pool else "any pool"
        return f"holds no request that went to {whose}, but {log.elsewhere:,} others"
    if log.unread:
        return f"holds {log.unread:,} lines, none of them in the format combined or json of `access_log`"
    return "is empty"
