"""The last minutes in figures, so that a dashboard that is opened now shows what was.

The rule of this room: the desk looks at the board once a second, whether anybody watches or not: a look takes
30 us for each name (50 ms for 1,000 routes and 500 endpoints), and disturbs no worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Final

from proxy.admin.figures import Lapse, Look, Told, figures, look
from proxy.observe.board import Board
from proxy.observe.seldom import Seldom

LOG = logging.getLogger("proxy.admin")

EVERY: Final = 1.0  # seconds
LATE: Final = 2     # looks: a worker writes every 250 ms, which would be noise in a lapse of one
WIDE: Final = 10    # looks, for percentiles
KEPT: Final = 300   # points of the whole
SPARKS: Final = 60  # points of each pool and endpoint
POINT: Final = ("rate", "errors", "p50", "p95", "p99")


class History:
    """Figures of now, and of the time before.

    Attributes:
        now: the last figures, as `proxy.admin.figures.figures` gives them; None before there are any.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._looks: deque[Look] = deque([look(board, time.time())], maxlen=WIDE + 1)
        self._points: deque[list[float | None]] = deque(maxlen=KEPT)
        self._sparks: dict[tuple[str, ...], deque[float]] = {}
        self.now: Told | None = None
        self._trouble = Seldom(LOG)

    async def keep(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                self.sample(time.time())
            except Exception as error:  # a gap is better than figures that stand still for ever
                self._trouble.warn("figures could not be taken: %r", error)

    def sample(self, now: float) -> None:
        """Look at the board."""
        looks = self._looks
        if now - looks[-1].time <= 0:  # somebody has set the clock back
            looks.clear()
            looks.append(look(self._board, now))
            return
        looks.append(look(self._board, now))
        late = Lapse(looks[-1], looks[max(-1 - LATE, -len(looks))])
        known = len(looks[-1].cells)
        names = [name for name in self._board.names() if name.first < known]  # none that was added since
        self.now = {"time": round(now, 3), **figures(names, late, Lapse(looks[-1], looks[0]))}
        self._points.append([round(now, 3), *(self.now["total"][name] for name in POINT)])
        self._spark(self.now["pools"])

    def _spark(self, pools: Told) -> None:
        rates: dict[tuple[str, ...], float] = {}
        for name, pool in pools.items():
            rates[name,] = pool["rate"]
            for address, endpoint in pool["endpoints"].items():
                rates[name, address] = endpoint["rate"]
        self._sparks = {key: self._sparks.get(key) or deque(maxlen=SPARKS) for key in rates}
        for key, rate in rates.items():
            self._sparks[key].append(rate)

    def past(self) -> Told:
        """Points (time, then `POINT`), and the rates of each pool and endpoint; the oldest first."""
        pools: Told = {}
        for (pool, *endpoint), rates in self._sparks.items():
            if endpoint:
                pools[pool]["endpoints"][endpoint[0]] = list(rates)
            else:
                pools[pool] = {"rates": list(rates), "endpoints": {}}
        return {"every": EVERY, "kept": KEPT, "sparks": SPARKS, "points": list(self._points), "pools": pools}
