"""Long work between two exchanges: a little at a time.

A worker that builds the runtime of a thousand routes at one go would let its clients wait for so long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from time import monotonic
from typing import TypeVar

from proxy.http.disk import POOL

Done = TypeVar("Done")
# Yields where it may be interrupted: None, or what takes long in one piece and had better be done by a thread
# first; whoever cannot wait for that has it done in its course.
Steps = Generator[Callable[[], object] | None, None, Done]

SLICE = 0.003  # seconds


async def in_slices(steps: Steps[Done]) -> Done:
    """Run it beside everything else; returns what it returns."""
    loop = asyncio.get_running_loop()
    until = monotonic() + SLICE
    while True:
        try:
            aside = next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done
        if aside is not None:
            await loop.run_in_executor(POOL, aside)
        if monotonic() >= until:
            await asyncio.sleep(0)
            until = monotonic() + SLICE


def at_once(steps: Steps[Done]) -> Done:
    """Run it where nobody waits."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done
