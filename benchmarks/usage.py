"""CPU time and memory of a process and all its descendants, from outside.

CPU time is the kernel's own clock of each process (user + system, nanoseconds, threads that
have ended included); /proc/PID/stat has the same figure in ticks of 10 ms, too coarse for a
short window. Memory is PSS: pages that processes share are counted once.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_SCHED_CLOCK = 2  # CPUCLOCK_SCHED of the kernel's posix-timers: the process's exact run time


class Usage(NamedTuple):
    """What a process tree has used up to a moment."""

    wall: float
    cpu: float


def usage(root: int) -> Usage:
    """The clock, and the CPU seconds of a process tree so far."""
    pids = tree(root)
    return Usage(time.monotonic(), sum(map(_cpu_seconds, pids)))


def memory_kb(root: int) -> int:
    """PSS of a process tree."""
    return sum(map(_pss_kb, tree(root)))


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, ()))
    return found


def _parents() -> list[tuple[int, int]]:
    pairs = []
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it has just ended
                continue
            # The name, in brackets, may hold anything; the parent is the second field behind it.
            pairs.append((int(entry.name), int(stat.rpartition(")")[2].split()[1])))
    return pairs


def _cpu_seconds(pid: int) -> float:
    try:
        return time.clock_gettime((~pid << 3) | _SCHED_CLOCK)
    except OSError:  # it has just ended
        return 0.0


def _pss_kb(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
