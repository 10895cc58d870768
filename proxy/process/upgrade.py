"""An upgrade, as the program has it that is to be replaced: start the new one, wait until it serves, leave.

The rule of this room: whatever the new program does, this one serves on until it has heard `ready`; and where
it does not hear that, it says why.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from proxy.process.estate import VARIABLE

LOG = logging.getLogger("proxy.supervisor")

PATIENCE: Final = 60.0  # seconds until the new program must serve
GRACE: Final = 5.0      # for one that was told to end
PAUSE: Final = 0.05     # between two looks whether it has

Leave = Callable[[int], tuple[int, list[int]]]


class Upgrade:
    """One attempt.

    Args:
        leave: given the end of a pipe for the heir's words, makes its estate: see `estate.leave`.
        ready: called with the pid of the program that serves.
        failed: called with the reason why it does not.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, leave: Leave, ready: Callable[[int], None],
                 failed: Callable[[str], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._failed = failed
        self._said = b""
        self._hear, tell = os.pipe()
        try:
            self._program = start(leave, tell)
        except BaseException:
            os.close(self._hear)
            raise
        finally:
            os.close(tell)
        self._timer = loop.call_later(PATIENCE, self._too_late)
        loop.add_reader(self._hear, self._read)

    def cancel(self, why: str) -> None:
        """Have the new program end, if it does not serve yet; then this attempt has failed."""
        if self._hear < 0:
            return
        self._hear_no_more()
        self._program.terminate()
        self._bury(why, self._loop.time() + GRACE)

    def _read(self) -> None:
        data = os.read(self._hear, 65536)
        self._said += data
        if data and not self._said.endswith(b"\n"):
            return
        self._hear_no_more()
        told = json.loads(self._said or "{}")
        if told.get("ready"):
            self._ready(self._program.pid)
        else:
            self._bury(told.get("failed", ""), self._loop.time() + GRACE)

    def _too_late(self) -> None:
        self.cancel(f"it did not serve within {PATIENCE:g} s")

    def forget(self) -> None:
        """In a child, where the loop is still the parent's."""
        if self._hear >= 0:
            os.close(self._hear)

    def _hear_no_more(self) -> None:
        if self._hear >= 0:
            self._timer.cancel()
            self._loop.remove_reader(self._hear)
            os.close(self._hear)
            self._hear = -1

    def _bury(self, why: str, until: float) -> None:
        """Until it has ended."""
        status = self._program.poll()
        if status is not None:
            self._failed(why or described(status))
            return
        if self._loop.time() > until:
            self._program.kill()
        self._loop.call_later(PAUSE, self._bury, why, until)


def start(leave: Leave, tell: int) -> subprocess.Popen[bytes]:
    """The command line of this process again, with whatever program lies there now.

    Raises:
        OSError: it cannot be run.
    """
    estate, descriptors = leave(tell)
    try:
        environ = {**os.environ, VARIABLE: f"{os.getpid()}:{estate}"}
        command = [sys.executable, *sys.orig_argv[1:]]
        return subprocess.Popen(command, env=environ, pass_fds=descriptors)
    finally:
        os.close(estate)


def described(status: int) -> str:
    """Of a program that has said nothing itself."""
    return f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}"
