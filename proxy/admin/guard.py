"""Who may ask the admin listener for something.

The rule of this room: a page in the operator's browser is a stranger, even where the listener is for
this machine alone. So the Host must be a name of the listener (DNS rebinding: CVE-2018-14505,
CVE-2025-23217), what comes from another origin is refused (CSRF: CVE-2026-27589), and what changes
something is a DELETE or must be JSON, which no form and no simple request can send.

The dashboard's own files hold no data and need no token; everything else does, where there is one.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from proxy.admin.problems import Problem, problem_of
from proxy.config.admin_schema import AdminConfig
from proxy.observe.logs import Seldom

LOG = logging.getLogger("proxy.admin")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
GUARDED = ("/api/", "/metrics")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Guard:
    """Refuses who may not ask, and gives every answer the headers of a private place."""

    def __init__(self, admin: AdminConfig) -> None:
        self._token = None if admin.token is None else admin.token.encode()
        self._names = names_of(admin)
        self._wrong = Seldom(LOG)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._look(request)
            return await handler(request)
        except Problem as problem:
            return problem.answer()
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return problem_of(error).answer()

    def _look(self, request: web.Request) -> None:
        self._check_host(request)
        data = request.path.startswith(GUARDED)
        if data or request.method not in SAFE:
            check_origin(request)
        if data and self._token is not None:
            self._check_token(request, self._token)
        known = request.match_info.http_exception is None  # what is not there says so itself
        if known and request.method == "POST" and request.content_type != "application/json":
            raise Problem(415, "send Content-Type: application/json, even where there is no body")

    def _check_host(self, request: web.Request) -> None:
        if self._names is None:
            return
        host = host_of(request.headers.get("Host", ""))
        if host not in self._names and not ("*" in self._names and is_ip(host)):
            raise Problem(403, f"{host!r} is no name of this listener; add it to admin.hosts if it should be")

    def _check_token(self, request: web.Request, token: bytes) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not given:
            raise Problem(401, "send Authorization: Bearer TOKEN, the token being admin.token of the "
                          "configuration", {"WWW-Authenticate": 'Bearer realm="admin"'})
        right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token)
        if scheme.lower() != "bearer" or not right:
            self._wrong.warn("a wrong token from %s", request.remote)
            raise Problem(401, "this is not the token of the configuration",
                          {"WWW-Authenticate": 'Bearer realm="admin", error="invalid_token"'})


def check_origin(request: web.Request) -> None:
    """That no page of another origin asks."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    foreign = site not in ("same-origin", "none")
    if foreign or (origin is not None and urlsplit_netloc(origin) != request.headers.get("Host", "").lower()):
        raise Problem(403, "a page of another origin asks; only the dashboard itself may do that")


def urlsplit_netloc(origin: str) -> str:
    """Host and port of an Origin; `null` and the like have none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def host_of(field: str) -> str:
    """The Host field without its port, in lower case, without brackets."""
    if field.startswith("["):
        return field[1:].partition("]")[0].lower()
    return field.partition(":")[0].lower().removesuffix(".")


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def names_of(admin: AdminConfig) -> frozenset[str] | None:
    """The hosts that may be asked for; `*` in it stands for any IP address, None for everything.

    No browser reaches a Unix socket. Who listens on all addresses may be asked for by any of
    them: DNS rebinding needs a name.
    """
    address = admin.address
    if address.path is not None:
        return None
    names: set[str] = {*admin.hosts, address.host}
    if is_ip(address.host):
        names |= LOOPBACK if ip_address(address.host).is_loopback else set()
        names |= {*LOOPBACK, "*"} if ip_address(address.host).is_unspecified else set()
    elif address.host == "localhost":
        names |= LOOPBACK
    return frozenset(names)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """To every answer, before it begins."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)


