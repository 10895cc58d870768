"""Whether a child's loop still turns: it counts its own seconds where its supervisor can see them.

The rule of this room: time is not compared between processes. Who is looked at so often without having
counted on is stuck, whatever the clocks say: after a night's sleep of the machine nobody is.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

from proxy.observe import logs

if TYPE_CHECKING:
    from proxy.process.crew import Child
    from proxy.process.keeping import Keeper

LOG = logging.getLogger("proxy.supervisor")

EVERY = 1.0        # seconds between two beats, and between two looks
LAST_WORDS = 1.0   # seconds that one who is killed has for its traceback


class Pulse:
    """One number that a child and its supervisor share; made before the fork."""

    __slots__ = ("_cell", "_memory")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._cell = memoryview(self._memory).cast("q")

    @property
    def count(self) -> int:
        """Beats so far; none while a child starts, which takes as long as it takes."""
        return self._cell[0]

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the child: count from now on."""
        self._cell[0] += 1
        logs.tick()
        loop.call_later(EVERY, self.beat, loop)


class Watch:
    """The supervisor's look at all of its children.

    Args:
        keeper: has them.
        patience: asked at each look: seconds that a loop may stand still; None: for ever.
    """

    def __init__(self, keeper: Keeper, patience: Callable[[], float | None]) -> None:
        self._keeper = keeper
        self._patience = patience
        self._seen: dict[int, tuple[int, int]] = {}  # by pid: its count, and how often it was that

    def begin(self) -> None:
        """Look from now on."""
        self.look()
        logs.tick()
        self._keeper.loop.call_later(EVERY, self.begin)

    def look(self) -> None:
        """End those that have not counted on for too long."""
        before, self._seen = self._seen, {}
        patience = self._patience()
        most = None if patience is None else max(2, ceil(patience / EVERY))
        for child in self._keeper.children.values():
            count = child.channel.pulse.count
            last, same = before.get(child.pid, (0, 0))
            same = same + 1 if count and count == last else 0
            self._seen[child.pid] = count, same
            if same == most:
                self._end(child, same * EVERY)

    def _end(self, child: Child, seconds: float) -> None:
        child.complaint = f"its loop stood still for {seconds:g} s, so it was killed"
        LOG.error("%s %d: its loop stands still for %g s; where it stands is told below",
                  child.slot.kind, child.pid, seconds)
        os.kill(child.pid, signal.SIGABRT)  # faulthandler writes the traceback into the error log
        self._keeper.kill_after(child, LAST_WORDS)
