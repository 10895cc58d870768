"""Opening connections to endpoints."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from proxy.descriptors import NONE_LEFT
from proxy.errors import UpstreamError, in_words
from proxy.http.shortage import PATIENCE, shortage_of
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection

if TYPE_CHECKING:
    from proxy.upstream.pool import Pool

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1  # seconds between two looks at a Unix socket whose queue is full
_LACKING = errno.ENOBUFS, errno.ENOMEM

Place = tuple[int, object]  # address family, and what `connect` takes


async def connect(pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
    """A new connection to `endpoint`, by `pool.opens` where connections are made in another way.

    While no descriptor is free it waits for one; `timeouts.connect` begins after that.

    Raises:
        UpstreamError: refused, unreachable, closed at once, unknown name; 504 when it took longer than
            `timeouts.connect`, 503 when no descriptor became free. Nothing of a request was sent.
    """
    shortage, until = shortage_of(pool.loop), monotonic() + PATIENCE
    waits = shortage.lasts
    while True:
        if waits and not await shortage.turn(until, pool.loop):
            raise UpstreamError("connect", "no descriptor became free", status=503, unsent=True, ours=True)
        connection = await _connected(pool, endpoint)
        if connection is not None:
            return connection
        waits = True


async def _connected(pool: Pool, endpoint: Endpoint) -> UpstreamConnection | None:
    """The connection; None where no descriptor is free."""
    try:
        began = monotonic()
        async with asyncio.timeout(pool.timeouts.connect):
            connection = await (pool.opens or open_connection)(pool, endpoint)
        if not connection.is_usable(now := monotonic()):
            connection.discard()
            raise UpstreamError("connect", "it was closed at once", unsent=True)
        pool.tally.time("connect", now - began)
        return connection
    except TimeoutError:
        raise UpstreamError("connect", "no connection in time", status=504, unsent=True) from None
    except UnicodeError as error:  # a name that cannot be looked up at all
        raise UpstreamError("connect", str(error), unsent=True) from None
    except OSError as error:
        if error.errno in NONE_LEFT:
            return None
        if error.errno in _LACKING:
            raise UpstreamError("connect", in_words(error), status=503, unsent=True, ours=True) from None
        raise UpstreamError("connect", in_words(error), unsent=True) from None


async def open_connection(pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
    failure: OSError | None = None
    for family, place in await _places(pool.loop, endpoint):
        try:
            own = await _connected_socket(pool.loop, family, place)
        except OSError as error:
            failure = error
            continue
        return await over(own, pool, endpoint)
    raise failure or OSError("the name has no address")


async def over(own: socket.socket, pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
    """A connection over a socket whose other end is there already, whatever that is."""
    connection = UpstreamConnection(endpoint, pool.memo, pool.timeouts, pool.wheel, own)
    await pool.loop.create_connection(partial(_same, connection), sock=own)
    return connection


def _same(connection: UpstreamConnection) -> UpstreamConnection:
    return connection


async def _connected_socket(loop: asyncio.AbstractEventLoop, family: int, place: object) -> socket.socket:
    own = socket.socket(family, socket.SOCK_STREAM)
    try:
        own.setblocking(False)
        if family == socket.AF_UNIX:
            await _connect_unix(own, place)
        else:
            await loop.sock_connect(own, place)  # type: ignore[arg-type]  # whatever its family takes
    except BaseException:
        own.close()  # also when cancelled: the client left, or the time is over
        raise
    return own


async def _connect_unix(own: socket.socket, place: object) -> None:
    """As TCP does, try again while the accept queue is full: loops take EAGAIN for a connect under way."""
    pause = FIRST_PAUSE
    while True:
        try:
            own.connect(place)  # type: ignore[arg-type]  # a path; never waits
        except BlockingIOError:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


async def _places(loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> list[Place]:
    """Where to try, in order; a name is looked up by the system each time."""
    host, port = endpoint.host, endpoint.port
    if port is None:
        return [(socket.AF_UNIX, host)]
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, place) for family, _, _, _, place in found]
    return [(socket.AF_INET, (host, port)) if version == 4 else (socket.AF_INET6, (host, port, 0, 0))]
