"""The dashboard's files: a page, its style and its scripts, as they lie in `assets/`.

The rule of this room: the files hold no data, and nothing is fetched from anywhere else; the page may
run no script and no style but these, so that a name or a path that somebody made up stays text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiohttp import web

ASSETS: Final = Path(__file__).with_name("assets")
TYPES: Final = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}
# Trusted types: no text becomes markup, not even by a mistake of ours.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'")


class Asset:
    """One file, ready to send."""

    def __init__(self, file: Path) -> None:
        self._octets = file.read_bytes()
        self._tag = f'"{hashlib.sha256(self._octets).hexdigest()[:16]}"'
        self._type = TYPES[file.suffix]

    async def handle(self, request: web.Request) -> web.Response:
        headers = {"ETag": self._tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        if self._tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=self._octets, headers={**headers, "Content-Type": self._type})
        response.enable_compression()
        return response


def routes() -> Iterator[web.RouteDef]:
    """`/` is the page; everything else has its name below `/assets/`."""
    for file in sorted(ASSETS.iterdir()):
        if file.suffix in TYPES:
            path = "/" if file.name == "index.html" else f"/assets/{file.name}"
            yield web.get(path, Asset(file).handle)
