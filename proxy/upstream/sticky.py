"""A cookie that brings a client back to its endpoint.

The cookie's value is a keyed hash of the endpoint's name: nobody can read an address out of it, or make one
that leads to an endpoint of his choice, and every worker, restart and reload knows it again, because
nothing is stored. A client whose endpoint is gone, down or ejected gets another one, and that one's cookie.
Who is served by another one merely because his own is full this moment, or failed once, is not moved: what
he has left there is still there.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable

from proxy import machine
from proxy.balancing.keys import cookie_value
from proxy.http.exchange import Exchange
from proxy.upstream.endpoint import Endpoint


class Sticky:
    """The cookie of one pool.

    Args:
        cookie: its name.
        secret: what the values depend on; the same on all machines that share clients. Empty: derived
            from what only this machine knows.
        pool: the pool's name.
        max_age: seconds that browsers keep it; None: until they are closed.
        secure: whether it is for https alone; None: if the client came by https.
    """

    __slots__ = ("_cookie", "_key", "_max_age", "_of", "_secure")

    def __init__(self, cookie: str, secret: str, pool: str, *, max_age: float | None = None,
                 secure: bool | None = None) -> None:
        self._cookie = cookie.encode()
        material = secret or machine.secret()
        self._key = hmac.digest(material.encode(), b"sticky " + pool.encode(), hashlib.sha256)
        self._max_age = b"" if max_age is None else b"; Max-Age=%d" % int(max_age)
        self._secure = secure
        self._of: dict[bytes, Endpoint] = {}

    def rebuild(self, endpoints: Iterable[Endpoint]) -> None:
        """All endpoints of the pool, whatever their standing."""
        self._of = {self.value(endpoint): endpoint for endpoint in endpoints}

    def value(self, endpoint: Endpoint) -> bytes:
        digest = hmac.digest(self._key, endpoint.name.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:15])  # 20 characters, none of them padding

    def find(self, exchange: Exchange) -> Endpoint | None:
        """The endpoint that the client's cookie names, if there still is one."""
        cookies = exchange.headers.get(b"cookie")
        if cookies is None:
            return None
        value = cookie_value(cookies, self._cookie)
        return None if value is None else self._of.get(value)

    def home(self, exchange: Exchange) -> Endpoint | None:
        """The endpoint that the client is stuck to, as long as it keeps its clients."""
        endpoint = self.find(exchange)
        return endpoint if endpoint is not None and endpoint.keeps_clients() else None

    def sticks(self, exchange: Exchange, endpoint: Endpoint) -> bool:
        """Whether the client, answered by `endpoint`, is to be given its cookie."""
        found = self.find(exchange)
        return found is not endpoint and (found is None or not found.keeps_clients())

    def line(self, endpoint: Endpoint, *, https: bool) -> bytes:
        """The field line that sets it. Lax: it must come along when a link leads here from elsewhere."""
        secure = https if self._secure is None else self._secure
        return b"Set-Cookie: %b=%b; Path=/%b; HttpOnly; SameSite=Lax%b\r\n" % (
            self._cookie, self.value(endpoint), self._max_age, b"; Secure" if secure else b"")
