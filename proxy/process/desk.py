"""The desk: one process per machine that the operator talks to, over HTTP (see `proxy.admin`).

The rule of this room: it serves no visitor, holds none of the sockets that they connect to and knows
nothing that others wait for, so its death is no visitor's concern: the supervisor starts another one, which
has by the fork what has happened so far. It ends with its supervisor. While workers drain it goes on for
those who are connected, so that a dashboard shows how they do, but it listens no more: a program that is
started meanwhile needs the address, or it would not serve visitors either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proxy.config.admin_schema import AdminConfig
from proxy.config.schema import Config
from proxy.observe import logs
from proxy.observe.board import Board
from proxy.observe.events import EVENT, EventLog, Record
from proxy.process import asking
from proxy.process.control import Channel
from proxy.process.sockets import Bound
from proxy.process.worker import LoopFactory, confess
from proxy.runtime.answers import log_level

if TYPE_CHECKING:
    from proxy.admin.site import Site


def run_desk(config: Config, sockets: Sequence[Bound], channel: Channel, new_loop: LoopFactory,
             events: EventLog, board: Board | None = None) -> int:
    """The whole life of a desk; returns its exit status. `events` are those so far."""
    assert config.admin is not None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(Desk(config.admin, channel, events, board).live(sockets))


class Desk:
    """Between the supervisor's words and the admin site."""

    def __init__(self, admin: AdminConfig, channel: Channel, events: EventLog,
                 board: Board | None = None) -> None:
        self._admin = admin
        self._channel = channel
        self._events = events
        self._board = board
        self._asker = asking.Asker(channel.send)
        self._life: asyncio.Task[int] | None = None
        self._site: Site | None = None
        self.answers: dict[str, asking.Answering] = {"level": log_level}

    async def live(self, sockets: Sequence[Bound]) -> int:
        self._life = asyncio.current_task()
        self._channel.listen(asyncio.get_running_loop(), self._told, self._end)
        self._channel.pulse.beat(asyncio.get_running_loop())
        try:
            # Only here is imported what it stands on: aiohttp takes a quarter of a second and 20 MB.
            from proxy.admin.site import Site

            listening = [sock for _, sock in sockets]
            async with Site(self._admin, self._asker, self._events, listening, self._board) as site:
                self._site = site
                self._channel.send("ready")
                await site.serve()
        except asyncio.CancelledError:
            return 0  # told to, or the supervisor is gone
        except Exception as error:
            confess(self._channel, error)
            return 1
        return 0

    def _told(self, word: str, text: str) -> None:
        match word:
            case "drain" if self._site is not None:
                self._site.close_doors()
            case "drain" | "stop":
                self._end()
            case "reopen":
                logs.reopen()
            case "log":
                logs.told(text)
            case asking.ASK:
                asking.answer(self.answers, text, self._channel.send)
            case _ if word == EVENT:
                self._take(json.loads(text))
            case _:
                self._asker.told(word, text)

    def _take(self, record: Record) -> None:
        if self._site is None:
            self._events.keep(record)
        else:
            self._site.view.take(record)

    def _end(self) -> None:
        if self._life is not None:
            self._life.cancel()
