"""What the operations look at: the answers of the other processes, and the events.

The rule of this room: nothing of the others is kept here, so that it cannot be out of date. Who does
not answer in time is told of; that one worker is stuck must not hide the others.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from proxy.admin.history import History
from proxy.admin.merge import SERVING, merged, newest
from proxy.admin.problems import Problem
from proxy.certificates import trouble
from proxy.observe.events import EventLog, Record

HISTORY: Final = 20  # events kept of each endpoint ...
MOST_PLACES: Final = 2000  # ... and of so many, those that changed last
MOST_BEHIND: Final = 1000  # events that a slow reader may have to read; then it is left

Told = dict[str, Any]
Reading = asyncio.Queue[Record | bytes | None]  # None is its end


class Replies(Protocol):
    """By process."""

    values: dict[str, Any]
    errors: dict[str, str]


class Asks(Protocol):
    """What asks the other processes; see `proxy.process.asking.Asker`."""

    async def ask(self, of: str, what: str, args: dict[str, Any] | None = None, *,
                  seconds: float = 2.0) -> Replies:
        """Ask `workers`, `lookout`, `supervisor` or `all`."""


class View:
    """Everything that operations need.

    Args:
        asker: asks the other processes.
        events: those so far.
        history: what was counted of late; None where nothing is.
    """

    def __init__(self, asker: Asks, events: EventLog, history: History | None = None) -> None:
        self.asker = asker
        self.events = events
        self.history = history
        self._histories: dict[tuple[str, str], deque[Record]] = {}
        self._readers: set[Reading] = set()
        for record in events:
            self._remember(record)

    def take(self, record: Record) -> None:
        """A new event."""
        self.events.keep(record)
        self._remember(record)
        for queue in list(self._readers):
            if queue.full():
                self._readers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(record)

    def _remember(self, record: Record) -> None:
        if record["endpoint"] is not None:
            place = record["pool"], record["endpoint"]
            known = self._histories.pop(place, None) or deque(maxlen=HISTORY)
            known.append(record)
            self._histories[place] = known  # the last to change stands last
            if len(self._histories) > MOST_PLACES:  # names change, and addresses go
                del self._histories[next(iter(self._histories))]

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """New events from now on; None when the reader was too slow."""
        queue: Reading = asyncio.Queue(MOST_BEHIND)
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)

    async def one(self, of: str, what: str, args: dict[str, Any] | None = None, *,
                  seconds: float = 2.0) -> Any:
        """What one process answers.

        Raises:
            Problem: it does not.
        """
        replies = await self.asker.ask(of, what, args, seconds=seconds)
        for value in replies.values.values():
            return value
        why = "; ".join(replies.errors.values()) or f"there is no {of} now"
        raise Problem(503, f"the {of} does not answer: {why}; try again")

    async def explained(self, name: str) -> Told | None:
        """All that is known of the request of that id; None where no worker keeps it.

        Raises:
            Problem: no worker answers.
        """
        found = await self._workers("explain", {"id": name})
        return next((story for story in found.values() if story is not None), None)

    async def pools(self) -> list[Told]:
        """All pools as they are now.

        Raises:
            Problem: no worker answers.
        """
        pools = merged(await self._workers("pools"))
        for pool in pools:
            for endpoint in pool["endpoints"]:
                endpoint["history"] = self._history(pool["name"], endpoint)
        return pools

    async def requests(self) -> Told:
        """What the workers remember of the last ones.

        Raises:
            Problem: no worker answers.
        """
        return newest(await self._workers("requests"))

    async def _workers(self, what: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        replies = await self.asker.ask("workers", what, args)
        if not replies.values:
            why = "; ".join(f"{name}: {error}" for name, error in replies.errors.items())
            raise Problem(503, f"no worker answers ({why or 'there is none yet'}); try again")
        return replies.values

    def _history(self, pool: str, endpoint: Told) -> list[Told]:
        """The newest first; checks of a name's addresses are told of the name."""
        names = {endpoint["address"], endpoint["origin"]}
        records = [record for name in names for record in self._histories.get((pool, name), ())]
        records.sort(key=lambda record: -record["id"])
        return [{name: record[name] for name in ("id", "time", "kind", "text", "from")}
                for record in records[:HISTORY]]

    async def status(self, pools: list[Told] | None = None) -> Told:
        """The proxy as a whole."""
        now = time.time()
        status = judged(await self.one("supervisor", "status"), now)
        try:
            problems = list(problems_of(status, await self.pools() if pools is None else pools))
        except Problem as problem:
            problems = [problem.detail]
        return {**status, "uptime": round(now - status["started"], 3), "well": not problems,
                "problems": problems}


def judged(status: Told, now: float) -> Told:
    """What the supervisor tells, and whether certificates will do: it does not look at them every second."""
    return {**status, "certificates": [
        {**shown, "trouble": trouble(shown["begins"], shown["expires"], now)}
        for shown in status["certificates"]]}


def problems_of(status: Told, pools: list[Told]) -> Iterator[str]:
    """What is not as it should be; what the operator ordered is."""
    if status["state"] != "running":
        yield f"the proxy is {status['state']}"
    if status["reload"] is not None and status["reload"]["problems"]:
        yield f"the last reload was refused: {'; '.join(status['reload']['problems'])}"
    for process in status["processes"]:
        if process["state"] != "ready":
            yield f"{process['name']} is {process['state']}"
    # Several listeners may show the same.
    yield from dict.fromkeys(
        f"the certificate for {shown['names'][0] if shown['names'] else shown['listener']} {shown['trouble']}"
        for shown in status["certificates"] if shown["trouble"])
    for pool in pools:
        if pool["paused"]:
            yield f"pool {pool['name']} is paused"
        for endpoint in pool["endpoints"]:
            what = f"pool {pool['name']}: {endpoint['address']} is {endpoint['state']}"
            if endpoint["state"] in ("down", "ejected", "unreachable"):
                yield f"{what}: {endpoint['reason']}"
            elif endpoint["state"] not in SERVING and not pool["available"]:
                yield f"{what}, and no other works"
