"""What `top` shows: the last of each kind of news, and which endpoint the cursor is at."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

Told = dict[str, Any]

EVENTS: Final = 200  # kept
SPARKS: Final = 60


class Model:
    """Filled by the frames of `/api/stream`.

    Attributes:
        problem: why there is nothing new; empty while there is.
        question: what the user is asked before it is done.
        said: what came of it.
        at: the place of the cursor among all endpoints.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.status: Told | None = None
        self.pools: list[Told] = []
        self.total: Told = {}
        self.figures: dict[tuple[str, ...], Told] = {}
        self.sparks: dict[tuple[str, ...], deque[float]] = {}
        self.events: deque[Told] = deque(maxlen=EVENTS)
        self.problem = ""
        self.question = ""
        self.said = ""
        self.at = 0

    def take(self, name: str, value: Any) -> None:
        """A frame."""
        self.problem = ""
        match name:
            case "status":
                self.status = value
            case "pools":
                self.pools = value
                self.move(0)
            case "metrics":
                self._count(value)
            case "history":
                self._remember(value)
            case "event":
                self.events.append(value)
            case "problem":
                self.problem = value["detail"]

    def _count(self, metrics: Told) -> None:
        self.total = metrics["total"]
        self._spark((), self.total["rate"])
        self.figures = {}
        for pool, told in metrics["pools"].items():
            self.figures[pool,] = told
            for address, endpoint in told["endpoints"].items():
                self.figures[pool, address] = endpoint
                self._spark((pool, address), endpoint["rate"])

    def _remember(self, history: Told) -> None:
        self.sparks = {(): deque((point[1] or 0.0 for point in history["points"][-SPARKS:]), SPARKS)}
        for pool, told in history["pools"].items():
            for address, rates in told["endpoints"].items():
                self.sparks[pool, address] = deque(rates, SPARKS)

    def _spark(self, key: tuple[str, ...], rate: float) -> None:
        self.sparks.setdefault(key, deque(maxlen=SPARKS)).append(rate)

    def places(self) -> list[tuple[str, str]]:
        """(pool, endpoint) in the order in which they stand."""
        return [(pool["name"], endpoint["address"]) for pool in self.pools for endpoint in pool["endpoints"]]

    def move(self, steps: int) -> None:
        """The cursor, as far as there are endpoints."""
        self.at = max(0, min(self.at + steps, len(self.places()) - 1))

    def chosen(self) -> tuple[Told, Told] | None:
        """The pool and the endpoint at the cursor."""
        every = [(pool, endpoint) for pool in self.pools for endpoint in pool["endpoints"]]
        return every[self.at] if every else None
