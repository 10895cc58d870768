"""Work for the disk on behalf of exchanges, once for all who wait for the same.

A thousand clients that ask for a file which is not in memory yet cost one look at it, however long that
takes. Whether the loop does it or a thread is the disk's matter (`http/disk.Tempo`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from proxy.http.disk import Tempo, later

log = logging.getLogger("proxy.handlers")

Work = Callable[[], Any]
Then = Callable[[Any], None]  # takes what the work returned, or the OSError that it raised


class Errands:
    """The errands of one handler."""

    __slots__ = ("_tempo", "_waiting")

    def __init__(self) -> None:
        self._tempo = Tempo(trusted=True)
        self._waiting: dict[Hashable, list[Then]] = {}

    def run(self, loop: asyncio.AbstractEventLoop, work: Work, then: Then, *, key: Hashable = None,
            long: bool = False) -> None:
        """Do the work and go on, in this call if that is quick.

        Args:
            key: the same for the same work; None: for this caller alone.
            long: it takes a thread in any case.
        """
        waiting = self._waiting.get(key) if key is not None else None
        if waiting is not None:
            waiting.append(then)
            return
        waiting = [then]
        done = partial(self._done, key, waiting)
        task = partial(_outcome, work)
        if long:
            later(loop, task, done)
        elif (outcome := self._tempo.do(loop, task, done)) is not None:
            then(outcome[0])
            return
        if key is not None:
            self._waiting[key] = waiting

    def _done(self, key: Hashable, waiting: list[Then], future: asyncio.Future[tuple[Any]]) -> None:
        self._waiting.pop(key, None)
        for then in waiting:
            then(future.result()[0])


def _outcome(work: Work) -> tuple[Any]:
    try:
        return (work(),)
    except OSError as error:
        return (error,)
    except Exception:
        # A defect of ours; those who wait get an answer all the same.
        log.exception("work for the disk failed")
        return (OSError(errno.EIO, os.strerror(errno.EIO)),)
