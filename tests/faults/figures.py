"""What a fault did, in figures: they are asserted by the tests and printed at the end of the run.

Memory is what the proxy's processes have resident (RSS) or, divided among those who share a page,
PSS; `fds` are their open files.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from time import perf_counter

import psutil

from tests.faults.load import CUT, LATE, OK, RACED, REFUSED, STATUS, UNANSWERED, WRONG, counts, quantile
from tests.scenarios.support import cpu_seconds, open_fds, pss, rss

KIB, MIB = 1024, 1024 * 1024
REPORT: list[str] = []  # printed by conftest


@dataclass
class Usage:
    """Of the workers; the supervisor serves nobody."""

    rss: int
    fds: int


class Watch:
    """Looks at a proxy's workers: before, at the peak and after."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.before = self.now()
        self.peak = self.before
        self.after = None

    def now(self):
        found = Usage(0, 0)
        for pid in self.proxy.workers():
            try:
                found.rss += rss(pid)
                # The size of the folder is their number since Linux 6.2, and quickly asked.
                found.fds += os.stat(f"/proc/{pid}/fd").st_size or open_fds(pid)
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, TypeError):
                pass  # it is being replaced
        return found

    async def __aenter__(self):
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.look()
        self.after = self.now() if self.proxy.process.poll() is None else None

    async def _look(self):
        while True:
            self.look()
            await asyncio.sleep(0.05)

    def look(self):
        if self.proxy.process.poll() is None:
            now = self.now()
            self.peak = Usage(*(max(getattr(self.peak, key), getattr(now, key)) for key in ("rss", "fds")))

    def pss(self):
        """Octets; asks the kernel to walk all pages, so not more often than needed."""
        return sum(map(pss, self.proxy.workers()))

    @property
    def growth(self):
        """Octets that the peak of the RSS lies above what was before."""
        return self.peak.rss - self.before.rss


class Busy:
    """Seconds of CPU per second, of a proxy's workers, between two looks."""

    def __init__(self, proxy):
        self.pids = proxy.workers()
        self.cpu = sum(map(cpu_seconds, self.pids))
        self.began = perf_counter()

    def share(self):
        return (sum(map(cpu_seconds, self.pids)) - self.cpu) / (perf_counter() - self.began)


@dataclass
class Figures:
    """One line of the report."""

    fault: str
    outcomes: list = field(default_factory=list)
    watch: Watch | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.found = counts(self.outcomes)

    @property
    def failed(self):
        return sum(self.found[kind] for kind in (STATUS, REFUSED, UNANSWERED, LATE))

    @property
    def cut(self):
        return self.found[CUT]

    @property
    def wrong(self):
        return self.found[WRONG]

    def why(self):
        """The first few that did not go well, for a test's message."""
        worst = (WRONG, LATE, REFUSED, UNANSWERED, CUT, STATUS)
        bad = [one for kind in worst for one in self.outcomes if one.kind == kind]
        lines = (f"{one.kind} {one.status} {one.ask.method} {one.ask.query} {one.why}" for one in bad[:8])
        return "\n".join([str(dict(self.found)), *lines])

    def report(self, *notes):
        parts = []
        if self.outcomes:
            sent = sum(self.found.values()) - self.found[RACED]
            parts.append(f"sent {sent} failed {self.failed} cut {self.cut} wrong {self.wrong}")
            good = [one for one in self.outcomes if one.kind == OK]
            times = [quantile(good, part) * 1000 for part in (0.5, 0.99, 1.0)]
            if good:
                parts.append("p50/p99/max {:.1f}/{:.1f}/{:.1f} ms".format(*times))
        if self.watch is not None:
            looks = [look for look in (self.watch.before, self.watch.peak, self.watch.after) if look]
            parts.append("RSS {} MB".format("/".join(f"{look.rss / MIB:.1f}" for look in looks)))
            parts.append("fds {}".format("/".join(str(look.fds) for look in looks)))
        REPORT.append(f"{self.fault:34} " + "; ".join([*parts, *self.notes, *notes]))
