"""The supervisor's hands: forks children, hears what they say, reaps and kills them.

The rule of this room: it knows no kinds of children and decides nothing; who dies is told of.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import signal
from collections.abc import Callable
from functools import partial

from proxy.process.control import Channel, channel_pair
from proxy.process.crew import Child, Slot
from proxy.process.fork import fork_child

LOG = logging.getLogger("proxy.supervisor")


class Keeper:
    """All children of this process.

    Args:
        told: called with each message of a child.
        gone: called with a child and what `waitpid` said of it.

    Attributes:
        children: by pid, those that were not reaped.
        loop: the supervisor's.
    """

    def __init__(self, told: Callable[[Child, str, str], None], gone: Callable[[Child, int], None]) -> None:
        self._told = told
        self._gone = gone
        self.children: dict[int, Child] = {}
        # A selector of our own: a child closes it without a word to the loop that stands on it.
        self._selector = selectors.DefaultSelector()
        self.loop = asyncio.SelectorEventLoop(self._selector)

    def start(self, slot: Slot, life: Callable[[Channel], int]) -> Child:
        """Fork a child that does nothing but `life`.

        Raises:
            OSError: the system has no room for it.
        """
        ours, theirs = channel_pair()

        def become() -> int:
            self._selector.close()
            # Left open in this child, our ends would hide our death from the others.
            ours.abandon()
            for other in self.children.values():
                other.channel.abandon()
            return life(theirs)

        try:
            child = Child(fork_child(become), slot, ours)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.children[child.pid] = child
        ours.listen(self.loop, partial(self._told, child))
        return child

    def reap(self) -> None:
        """SIGCHLD: one signal may stand for several deaths."""
        for child in list(self.children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                child.channel.read()  # its last words may still lie there
                child.channel.close()
                del self.children[child.pid]
                self._gone(child, status)

    def kill_after(self, child: Child, seconds: float) -> None:
        """It should have ended by then."""
        self.loop.call_later(seconds, self._kill, child)

    def _kill(self, child: Child) -> None:
        if self.children.get(child.pid) is child:  # not reaped, so the pid is still its own
            LOG.error("%s %d does not end: killed", child.slot.kind, child.pid)
            os.kill(child.pid, signal.SIGKILL)
