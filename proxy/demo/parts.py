"""One process of the demo, in a process group of its own, so that nothing of it can stay behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

STOP_LIMIT = 40.0  # seconds; above the proxy's own timeouts.drain


class PartDied(Exception):
    """A part of the demo went away on its own, or never came up."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Part:
    """A running process; `title` is what the user reads about it."""

    def __init__(self, title: str, command: list[str], environ: Mapping[str, str]) -> None:
        self.title = title
        self._command = command
        self._environ = {**os.environ, **environ}
        self.start()

    def start(self) -> None:
        """Also once more, after it has ended."""
        self._process = subprocess.Popen(self._command, env=self._environ, start_new_session=True)

    @property
    def death(self) -> PartDied | None:
        """How it has ended; None while it runs."""
        status = self._process.poll()
        return None if status is None else PartDied(f"{self.title} has ended with status {status}", status)

    def send(self, number: int) -> None:
        self._process.send_signal(number)  # does nothing once the process was waited for

    def wait(self, asked_again: Callable[[], bool]) -> None:
        """Until it has ended; killed when the user insists or the time is up.

        `asked_again` blocks for a moment and says whether the user insists.
        """
        deadline = time.monotonic() + STOP_LIMIT
        while self._process.poll() is None:
            if asked_again() or time.monotonic() > deadline:
                self.kill_group()
                self._process.wait()

    def kill_group(self) -> None:
        """End whatever is left of it, children included."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
