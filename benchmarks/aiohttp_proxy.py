"""A plain proxy of aiohttp's server and client: what a Python programmer would write first.

`python -m benchmarks.aiohttp_proxy LISTEN UPSTREAM SITE`. Streams both ways, on uvloop.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict

UPSTREAM = web.AppKey("UPSTREAM", str)
CLIENT = web.AppKey("CLIENT", ClientSession)
HOP_BY_HOP = (
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE",
    "Trailer", "Transfer-Encoding", "Upgrade",
)
PIECE = 65536


def _forwarded(request: web.Request) -> CIMultiDict[str]:
    """The request's fields as the origin gets them."""
    fields = CIMultiDict(request.headers)
    for name in HOP_BY_HOP:
        fields.popall(name, None)
    client = request.remote or ""
    fields["X-Forwarded-For"] = fields["X-Real-IP"] = client
    fields["X-Forwarded-Proto"] = request.scheme
    fields["X-Forwarded-Host"] = request.host
    fields["X-Forwarded-Port"] = request.host.partition(":")[2] or "80"
    fields.setdefault("X-Request-ID", uuid.uuid4().hex)
    fields["Via"] = "1.1 aiohttp"
    return fields


async def proxied(request: web.Request) -> web.StreamResponse:
    """Pass a request on and its answer back, as they come."""
    body = request.content.iter_chunked(PIECE) if request.can_read_body else None
    call = request.app[CLIENT].request(
        request.method, request.app[UPSTREAM] + request.raw_path,
        headers=_forwarded(request), data=body, allow_redirects=False,
    )
    async with call as answer:
        fields = CIMultiDict(answer.headers)
        for name in HOP_BY_HOP:
            fields.popall(name, None)
        response = web.StreamResponse(status=answer.status, headers=fields)
        await response.prepare(request)
        async for piece in answer.content.iter_chunked(PIECE):
            await response.write(piece)
        await response.write_eof()
        return response


async def _client(app: web.Application) -> AsyncIterator[None]:
    connector = TCPConnector(limit=0, keepalive_timeout=60)
    client = ClientSession(connector=connector, auto_decompress=False, cookie_jar=DummyCookieJar())
    async with client:
        app[CLIENT] = client
        yield


def application(upstream: str, site: Path) -> web.Application:
    app = web.Application(client_max_size=100 * 2**20)
    app[UPSTREAM] = upstream
    app.cleanup_ctx.append(_client)
    app.router.add_static("/static/", site)
    app.router.add_route("*", "/{path:.*}", proxied)
    return app


def main(listen: str, upstream: str, site: str) -> None:
    app = application(f"http://127.0.0.1:{upstream}", Path(site))
    web.run_app(
        app, host="127.0.0.1", port=int(listen), backlog=1024, access_log=None, print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
