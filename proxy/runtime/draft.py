"""The next runtime of a worker, built beside the one that serves.

The rule of this room: whatever may fail fails here, and nothing that serves is touched before all
processes are done with this. What then remains is the change itself, which takes a few milliseconds.
"""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass

from proxy.clock import DeadlineWheel
from proxy.config.schema import Config
from proxy.observe.access_log import AccessLog
from proxy.runtime.build import building
from proxy.runtime.build_log import open_log
from proxy.runtime.carry import Carry
from proxy.runtime.runtime import Runtime
from proxy.runtime.showing import Loaded, loading
from proxy.runtime.slices import in_slices


@dataclass(slots=True)
class Draft:
    """All that is to replace what a worker has."""

    config: Config
    log: AccessLog | None
    runtime: Runtime
    carry: Carry
    certificates: Loaded


async def draw_up(config: Config, old_config: Config, old: Runtime, old_log: AccessLog | None,
                  certificates: Loaded, loop: asyncio.AbstractEventLoop, wheel: DeadlineWheel) -> Draft:
    """Build it, a little at a time.

    Raises:
        OSError: the access log cannot be opened; a certificate cannot be shown.
        ValueError: the user's own strategy cannot be made here.
    """
    same_log = config.access_log == old_config.access_log
    log = old_log if same_log else None if config.access_log is None else open_log(config.access_log)
    carry = Carry(config, old_config, old)
    try:
        certificates = await in_slices(loading(config.listen, certificates))
        runtime = await in_slices(building(config, log, loop, wheel, carry, old.counters))
    except BaseException:
        throw_away(log, old_log)
        raise
    return Draft(config, log, runtime, carry, certificates)


def throw_away(log: AccessLog | None, other_than: AccessLog | None) -> None:
    """Of a draft that came to nothing."""
    if log is not None and log is not other_than:
        log.close()


def close_after(runtime: Runtime, log: AccessLog) -> None:
    """Close the log when the last exchange is over that is told to it."""
    weakref.finalize(runtime, log.close)
