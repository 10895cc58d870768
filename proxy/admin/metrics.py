"""`GET /metrics`, for Prometheus.

The rule of this room: the page is made when somebody asks for it, of what the board says at that moment.
"""

from __future__ import annotations

from aiohttp import web

from proxy.observe.board import Board
from proxy.observe.prometheus import render


def route(board: Board) -> web.RouteDef:
    async def page(request: web.Request) -> web.Response:
        body, content_type = render(board, request.headers.get("Accept", ""))
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    return web.get("/metrics", page)
