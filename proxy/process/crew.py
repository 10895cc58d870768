"""What the supervisor knows of its children, and how long it waits before it replaces one.

A slot is a place for one of them: a worker, with listening sockets of its own, the lookout or the desk. Who
dies is replaced at once, who keeps dying ever more slowly, so that a defect cannot keep a CPU busy
with starts.
"""

from __future__ import annotations

import asyncio

from proxy.process.control import Channel

STEADY = 10.0       # seconds: who served for so long did not die of its start
FIRST_PAUSE = 0.25  # seconds, doubled with each death in a row ...
LONGEST_PAUSE = 5.0  # ... up to this


class Slot:
    """A place for one child, and how those that had it fared.

    Args:
        kind: `worker`, `lookout` or `desk`; for messages too.
        number: of the worker, from 0.
    """

    __slots__ = ("child", "deaths", "kind", "number", "timer")

    def __init__(self, kind: str, number: int = 0) -> None:
        self.kind = kind
        self.number = number
        self.child: Child | None = None
        self.deaths = 0  # in a row
        self.timer: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """For answers and events, where a pid would say nothing."""
        return f"worker {self.number}" if self.kind == "worker" else self.kind

    def serves(self) -> bool:
        return self.child is not None and self.child.ready_at is not None

    def death(self, served: float | None) -> float:
        """Note one, `served` seconds after it was ready (None: it never was); how long to wait now."""
        if served is not None and served >= STEADY:
            self.deaths = 0
        self.deaths += 1
        if served is not None and self.deaths == 1:
            return 0.0
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.deaths - 1, 10))

    def forget_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Child:
    """One process of ours, from its fork until it is reaped.

    Attributes:
        ready_at: since when a worker serves, or the lookout knows all that it must.
    """

    __slots__ = ("channel", "complaint", "leaving", "pid", "ready_at", "slot")

    def __init__(self, pid: int, slot: Slot, channel: Channel) -> None:
        self.pid = pid
        self.slot = slot
        self.channel = channel
        self.ready_at: float | None = None
        self.leaving = False  # it drains, and its slot belongs to another already
        self.complaint = ""   # its last words

    @property
    def name(self) -> str:
        return self.slot.name

    def served(self, now: float) -> float | None:
        return None if self.ready_at is None else now - self.ready_at
