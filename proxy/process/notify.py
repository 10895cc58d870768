"""What systemd wants to know of a service (sd_notify(3)): a datagram to a socket that it names.

The rule of this room: nobody waits for systemd, and where there is none every call does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import MutableMapping

LOG = logging.getLogger("proxy.supervisor")


class Notifier:
    """The service's voice; `environ` is what systemd has put its wishes into.

    `WATCHDOG_PID` is taken out of it: it names this process, and would keep an upgrade from answering.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = address_of(environ.get("NOTIFY_SOCKET", ""))
        watched = environ.pop("WATCHDOG_PID", str(os.getpid()))
        micros = environ.get("WATCHDOG_USEC", "")
        # Half of what systemd waits for, as it recommends.
        self._status = "STATUS="
        self._pause = int(micros) / 2e6 if micros.isdigit() and watched == str(os.getpid()) else 0.0

    def ready(self, status: str) -> None:
        self._become(status, "READY=1")

    def reloading(self) -> None:
        """`ready` ends it. The time is what `Type=notify-reload` tells it from earlier ones by."""
        self._become("reloading", "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._become("finishing what runs", "STOPPING=1")

    def succeeded_by(self, pid: int) -> None:
        """Another process is the service from now on; this one, whose word counts still, must say so."""
        self._become(f"handed over to {pid}", f"MAINPID={pid}")

    def keep_alive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say again and again that the loop turns, if systemd wants to hear that."""
        if self._pause and self._address:
            # Of who follows another program nobody heard what it said before it was the service.
            self._say("WATCHDOG=1", self._status)
            loop.call_later(self._pause, self.keep_alive, loop)

    def _become(self, status: str, *lines: str) -> None:
        self._status = f"STATUS={status}"
        self._say(*lines, self._status)

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            LOG.debug("systemd does not listen: %s", error)


def address_of(named: str) -> str:
    """A path, or `@` for a NUL: a name in the abstract namespace; other kinds are of virtual machines."""
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else ""
