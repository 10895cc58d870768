"""The admin listener: an aiohttp site on sockets that somebody else has bound."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Self

from aiohttp import web

from proxy.admin import dashboard, metrics
from proxy.admin.guard import Guard, add_headers
from proxy.admin.history import History
from proxy.admin.openapi import document
from proxy.admin.operations import OPERATIONS
from proxy.admin.streams import PULSE, Pulse
from proxy.admin.table import VIEW
from proxy.admin.view import Asks, View
from proxy.config.admin_schema import AdminConfig
from proxy.observe.board import Board
from proxy.observe.events import EventLog
from proxy.tasks import spawn

LONGEST_BODY = 65536  # octets
GRACE = 0.5  # seconds that streams have to end


class Site:
    """Serves from `async with` to its end.

    Args:
        admin: who may ask.
        asker: asks the other processes.
        events: those so far.
        sockets: that listen.
        board: what all processes count; None where nothing is.

    Attributes:
        view: takes new events.
    """

    def __init__(self, admin: AdminConfig, asker: Asks, events: EventLog,
                 sockets: Sequence[socket.socket], board: Board | None = None) -> None:
        self._admin = admin
        self._sockets = sockets
        self._board = board
        self.view = View(asker, events, None if board is None else History(board))
        self._runner: web.AppRunner | None = None
        self._doors: list[web.SockSite] = []
        self._closing: list[asyncio.Task[None]] = []
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # No access log: what changes something is an event.
        app = make_app(self._admin, self.view, self._board)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=GRACE)
        await self._runner.setup()
        for sock in self._sockets:
            self._doors.append(web.SockSite(self._runner, sock))
            await self._doors[-1].start()
        if self.view.history is not None:
            self._keeping = spawn(asyncio.get_running_loop(), self.view.history.keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        await asyncio.gather(*self._closing)  # which the runner must not forget before
        if self._runner is not None:
            await self._runner.cleanup()

    def close_doors(self) -> None:
        """Listen no more; who is connected is served on."""
        loop = asyncio.get_running_loop()
        self._closing += [spawn(loop, door.stop()) for door in self._doors]
        self._doors.clear()

    async def serve(self) -> None:
        """Until it is cancelled."""
        await asyncio.get_running_loop().create_future()


def make_app(admin: AdminConfig, view: View, board: Board | None = None) -> web.Application:
    app = web.Application(middlewares=[Guard(admin).middleware], client_max_size=LONGEST_BODY)
    app.on_response_prepare.append(add_headers)
    app[VIEW] = view
    app[PULSE] = Pulse(view)
    for operation in OPERATIONS:
        if operation.method == "GET":
            app.router.add_get(operation.path, operation.handle)  # and HEAD
        else:
            app.router.add_route(operation.method, operation.path, operation.handle)
    app.router.add_routes(dashboard.routes())
    if board is not None:
        app.router.add_routes([metrics.route(board)])
    described = json.dumps(document(OPERATIONS))

    async def openapi(request: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    app.router.add_get("/api/openapi.json", openapi)
    return app
