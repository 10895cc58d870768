"""A reload, as a worker has it.

supervisor -> worker   prepare   {"attempt": 2}, with a parcel (see `runtime.parcel`): build, change nothing
                       listen    {"attempt": 2, "listener": 0}, with a socket of a new listener, by its
                                 place in the configuration that came with `prepare`
                       commit    {"attempt": 2, "known": [[word, text], ...]}: change over; what is
                                 known of endpoints that this worker has not heard of
                       forget    it does not come to that
worker -> supervisor   prepared  {"attempt": 2, "problem": "why not, or nothing"}
                       committed {"attempt": 2, "seconds": 0.002}: for so long clients had to wait

The rule of this room: between two `prepare` nothing is half done: either the new configuration serves, or
the old one as if nothing had been asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Iterable
from time import monotonic
from typing import Any, Protocol

from proxy.config.log_schema import ErrorLog
from proxy.config.schema import Config
from proxy.observe import logs
from proxy.process.control import Channel
from proxy.process.crew import Child
from proxy.process.sockets import Bound
from proxy.runtime.parcel import unpack
from proxy.runtime.slices import in_slices

LOG = logging.getLogger("proxy.worker")

LISTEN, PREPARE, COMMIT, FORGET = "listen", "prepare", "commit", "forget"
PREPARED, COMMITTED = "prepared", "committed"
NOTHING = 0  # is attempted


class Changing(Protocol):
    """A data plane that can change over, see `worker.Plane`."""

    async def prepare(self, config: Config) -> None: ...
    def forget(self) -> None: ...
    def commit(self, sockets: Iterable[Bound], known: Iterable[tuple[str, str]]) -> None: ...


class Reloading:
    """Between the supervisor's words and the plane."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._sockets: list[tuple[int, socket.socket]] = []
        self._config: Config | None = None
        self._wanted = NOTHING
        self._busy = asyncio.Lock()

    def take_socket(self, text: str) -> None:
        self._sockets.append((json.loads(text)["listener"], socket.socket(fileno=self._channel.take())))

    def want(self, text: str) -> int:
        """Another configuration is to be prepared; returns which attempt it is."""
        self._wanted = json.loads(text)["attempt"]
        return self._wanted

    async def prepare(self, plane: Changing, attempt: int, parcel: int) -> None:
        """Build it all and say how that went; the parcel is closed."""
        problem = ""
        async with self._busy:  # one that was given up may not be through
            try:
                self._config = await in_slices(unpack(parcel))
                await plane.prepare(self._config)
            except Exception as error:
                LOG.debug("a reload was not possible here", exc_info=error)
                problem = logs.escape(str(error) or type(error).__name__)
            finally:
                os.close(parcel)
            if self._wanted != attempt:
                plane.forget()
        said = json.dumps({"attempt": attempt, "problem": problem})
        self._channel.send(PREPARED, said, str(attempt))

    def commit(self, plane: Changing, asked: dict[str, Any], *, listening: bool) -> Config | None:
        """Change over; the configuration that serves now, or None where it is not the one that is meant.

        Args:
            listening: whether this worker still takes new connections.
        """
        if self._wanted != asked["attempt"] or self._config is None:
            return None
        if not listening:
            self._close_sockets()
        began = monotonic()
        listeners = self._config.listen
        plane.commit([(listeners[place], sock) for place, sock in self._sockets],
                     [(word, text) for word, text in asked["known"]])
        self._sockets.clear()
        seconds = monotonic() - began
        self._channel.send(COMMITTED, json.dumps({"attempt": self._wanted, "seconds": seconds}))
        self._wanted = NOTHING
        return self._config

    def forget(self, plane: Changing | None) -> None:
        self._wanted = NOTHING
        self._close_sockets()
        if plane is not None:
            plane.forget()

    def _close_sockets(self) -> None:
        for _, sock in self._sockets:
            sock.close()
        self._sockets.clear()


def change_log(old: ErrorLog, new: ErrorLog, children: Iterable[Child] = ()) -> None:
    """Write to the error log that a reload names; the supervisor has seen that it can be opened.

    Args:
        children: the supervisor's; those of them who are told of no configuration are told of this.
    """
    if old == new:
        return
    logs.change(new)
    for child in children:
        if child.slot.kind != "worker":
            child.channel.send("log", logs.telling(new))
