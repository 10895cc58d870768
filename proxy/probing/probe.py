"""One check of an endpoint: a connection of its own, perhaps a request, and what to say of it.

The rule of this room: an endpoint sees what a site's request looks like and learns nothing else of
us. The application is asked as the site (`host`, X-Forwarded-Proto), so that Django's ALLOWED_HOSTS
and SECURE_SSL_REDIRECT let the probe pass; no redirect is followed, no cookie kept, no proxy of the
environment used. Whatever goes wrong is an outcome, except a lack of ours, which is nobody's fault.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import (
    BaseConnector,
    ClientConnectorError,
    ClientPayloadError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    StreamReader,
    TCPConnector,
    ThreadedResolver,
    UnixConnector,
)
from multidict import CIMultiDict
from yarl import URL

from proxy.config.address import Address
from proxy.config.pool_schema import HealthCheck
from proxy.config.wording import quoted
from proxy.errors import in_words

USER_AGENT = "health-check"
MOST_BODY = 65536  # octets that are read: a page's end is no news, and a download must not keep us
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class CannotProbe(Exception):
    """We lack something (descriptors, memory): this says nothing about the endpoint."""


class Outcome(NamedTuple):
    """What came of a probe; `why` is for people, as in `HTTP 500 in 12 ms`."""

    good: bool
    why: str


class Found(NamedTuple):
    """What an attempt met with; `but` follows the time that it took."""

    good: bool
    what: str
    but: str = ""


Attempt = Callable[[], Awaitable[Found]]


def make_attempt(address: Address, check: HealthCheck) -> Attempt:
    """What `check` wants to have done at `address`."""
    return HttpAttempt(address, check) if check.type == "http" else TcpAttempt(address, check)


async def probe(attempt: Attempt, seconds: float) -> Outcome:
    """Make one attempt.

    Raises:
        CannotProbe: there was none.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(seconds):
            found = await attempt()
    except TimeoutError:
        return Outcome(False, f"no answer in {seconds:g} s")
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise CannotProbe(os.strerror(error.errno)) from None
        return Outcome(False, reason_of(error)[:200])
    return Outcome(found.good, f"{found.what} in {(clock() - began) * 1000:.0f} ms{found.but}")


def reason_of(error: Exception) -> str:
    """What an operator wants to know of a failure."""
    match error:
        case ServerDisconnectedError():
            return "closed before a response"
        case ClientPayloadError():
            return "response cut short"
        case ClientResponseError():
            # In aiohttp's message the octets have a line to themselves, and a mark below them.
            lines = [line.strip(" ^") for line in error.message.splitlines()]
            return f"not HTTP: {' '.join(filter(None, lines)) or error.status}"
        case ClientConnectorError():
            return reason_of(error.os_error)
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "no TLS: it answers without"
        case ssl.SSLError():
            return f"no TLS: {error.reason or error}"
        case ConnectionResetError(errno=None):  # uvloop's, while a TLS handshake runs
            return os.strerror(errno.ECONNRESET).lower()
        case OSError(errno=int()):
            return in_words(error)
    return f"{type(error).__name__}: {error}"


class HttpAttempt:
    """A request of its own connection; the status and perhaps the body decide."""

    def __init__(self, address: Address, check: HealthCheck) -> None:
        self._path = address.path
        self._method = check.method
        # A URL must have a host; for a socket's path nobody looks at it.
        authority = str(address) if address.path is None else "localhost"
        self._url = URL(f"{'https' if check.tls else 'http'}://{authority}{check.path}", encoded=True)
        host = check.host or authority
        self._headers = CIMultiDict(
            {"Host": host, "X-Forwarded-Proto": check.proto, "User-Agent": USER_AGENT} | check.headers)
        self._by_address = check.host is None
        self._name = name_of(host) if check.tls else None
        self._statuses = check.status
        self._body = check.body
        self._pattern = None if check.body is None else body_pattern(check.body)

    async def __call__(self) -> Found:
        async with (
            ClientSession(
                connector=self._connector(), cookie_jar=DummyCookieJar(), auto_decompress=False,
                skip_auto_headers=("Accept-Encoding",), timeout=ClientTimeout(total=None),
            ) as session,
            session.request(
                self._method, self._url, headers=self._headers, allow_redirects=False, ssl=False,
                server_hostname=self._name,
            ) as response,
        ):
            body = await beginning(response.content)
        what = f"HTTP {response.status}"
        if not self._expects(response.status):
            return Found(False, what, self._hint(response.status))
        if self._pattern is not None and not self._pattern.search(body.decode(errors="replace")):
            return Found(False, what, f", but its body lacks {quoted(str(self._body))}")
        return Found(True, what)

    def _expects(self, status: int) -> bool:
        return any(first <= status <= last for first, last in self._statuses)

    def _hint(self, status: int) -> str:
        """Where the configuration may be meant otherwise."""
        if status < 400:
            wanted = (f"{first}-{last}" if last > first else str(first) for first, last in self._statuses)
            return f", but status wants {', '.join(wanted)}"
        if status == 400 and self._by_address:  # Django's answer to who is not in ALLOWED_HOSTS
            return f" (asked for Host: {self._headers['Host']}; health_check.host sets another)"
        return ""

    def _connector(self) -> BaseConnector:
        """A fresh one, so a fresh connection; names are looked up as for clients' requests, by the system."""
        if self._path is not None:
            return UnixConnector(self._path, force_close=True)
        return TCPConnector(resolver=ThreadedResolver(), use_dns_cache=False, force_close=True)


def body_pattern(wanted: str) -> re.Pattern[str]:
    """For `~regex` or for a text that must be in the body."""
    return re.compile(wanted[1:] if wanted.startswith("~") else re.escape(wanted))


async def beginning(content: StreamReader) -> bytes:
    """Up to the first MOST_BODY octets; an ordinary page whole, so that its server is not cut off."""
    body = b""
    while len(body) < MOST_BODY and (piece := await content.read(MOST_BODY - len(body))):
        body += piece
    return body


class TcpAttempt:
    """A connection, perhaps a TLS handshake; that it comes about is all."""

    def __init__(self, address: Address, check: HealthCheck) -> None:
        self._address = address
        self._tls = unverified() if check.tls else None
        self._name = name_of(check.host or str(address)) if check.tls else None

    async def __call__(self) -> Found:
        loop = asyncio.get_running_loop()
        address = self._address
        if address.path is not None:
            transport, _ = await loop.create_unix_connection(
                asyncio.Protocol, address.path, ssl=self._tls, server_hostname=self._name)
        else:
            transport, _ = await loop.create_connection(
                asyncio.Protocol, address.host, address.port, ssl=self._tls, server_hostname=self._name)
        transport.abort()  # `close` would wait for the other side's end of TLS
        return Found(True, "connected")


def name_of(host: str) -> str:
    """Of `name:port`, for TLS (server name indication has no port, RFC 6066 section 3)."""
    return "localhost" if host.startswith("unix:") else re.sub(r":\d+$", "", host).strip("[]")


def unverified() -> ssl.SSLContext:
    """Encryption alone: inside a site certificates are self-signed as a rule."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
