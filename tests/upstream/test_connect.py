import asyncio
import errno
import socket
import struct

import pytest

from proxy.balancing.round_robin import RoundRobin
from proxy.clock import DeadlineWheel
from proxy.errors import UpstreamError
from proxy.upstream import connect as room
from proxy.upstream.connect import connect
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.h1 import UpstreamConnection
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.rules import PoolRules, PoolTimeouts

REFUSING = ("127.0.0.1", 1)


def pool_of(endpoint, seconds=5.0):
    loop = asyncio.get_running_loop()
    timeouts = PoolTimeouts(connect=seconds, response_head=1.0, response_body=1.0, tunnel=1.0)
    return Pool("web", [endpoint], RoundRobin(), timeouts, PoolRules(), loop, DeadlineWheel(loop))


async def try_connect(host, port, seconds=5.0):
    endpoint = Endpoint("name", host, port, 1, IdleLimit(1.0), 8)
    return await connect(pool_of(endpoint, seconds), endpoint)


async def failure(host, port, seconds=5.0):
    with pytest.raises(UpstreamError) as caught:
        await try_connect(host, port, seconds)
    assert caught.value.phase == "connect"
    assert caught.value.unsent
    return caught.value


async def close(connection):
    gone = asyncio.get_running_loop().create_future()
    told = connection.connection_lost
    connection.transport.set_protocol(Watcher(told, gone))
    connection.transport.abort()
    await gone


class Watcher(asyncio.Protocol):
    def __init__(self, told, gone):
        self.told, self.gone = told, gone

    def connection_lost(self, exc):
        self.told(exc)
        self.gone.set_result(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_tcp(host):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = await try_connect(host, listener.getsockname()[1])
        assert isinstance(connection, UpstreamConnection)
        assert connection.is_usable(0.0)
        listener.accept()[0].close()
        await close(connection)


async def test_ipv6():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        connection = await try_connect("::1", listener.getsockname()[1])
        assert connection.is_usable(0.0)
        await close(connection)


async def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        connection = await try_connect(path, None)
        assert connection.is_usable(0.0)
        await close(connection)


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)])
async def test_what_is_closed_at_once_was_never_sent_anything(linger):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint("name", *listener.getsockname(), 1, IdleLimit(1.0), 8)
        pool = pool_of(endpoint)

        async def opens(pool, endpoint):
            connection = await room.open_connection(pool, endpoint)
            other, _ = listener.accept()
            if linger:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            other.close()
            return connection

        pool.opens = opens
        with pytest.raises(UpstreamError, match="closed at once") as caught:
            await connect(pool, endpoint)
        assert caught.value.unsent


async def test_a_unix_socket_whose_queue_is_full(tmp_path):
    """The loops' own sock_connect says that such a socket is connected."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as before:
        listener.bind(path)
        listener.listen(0)
        before.connect(path)
        error = await failure(path, None, seconds=0.05)
        assert (error.status, error.reason) == (504, "no connection in time")
        waiting = asyncio.create_task(try_connect(path, None))
        await asyncio.sleep(0)
        listener.accept()[0].close()
        connection = await waiting
        assert connection.is_usable(0.0)
        await close(connection)


async def test_refused():
    error = await failure(*REFUSING)
    assert (error.status, error.ours, error.reason) == (502, False, "connection refused")


async def test_a_unix_socket_that_is_not_there(tmp_path):
    error = await failure(str(tmp_path / "s"), None)
    assert (error.status, error.reason) == (502, "no such file or directory")


async def test_the_next_address_of_a_name_is_tried(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = [(socket.AF_INET, REFUSING), (socket.AF_INET, listener.getsockname())]

        async def found(loop, endpoint):
            return places

        monkeypatch.setattr(room, "_places", found)
        connection = await try_connect("name", 1)
        assert connection.is_usable(0.0)
        await close(connection)
        places[1:] = []
        assert (await failure("name", 1)).status == 502
        places.clear()
        assert "no address" in str(await failure("name", 1))


async def test_a_name_that_cannot_be_looked_up():
    """Python's own codec for names refuses it, with no OSError: the exchange hung."""
    assert (await failure("a" * 64 + ".example", 80)).status == 502


async def test_a_name_that_is_unknown(monkeypatch):
    async def nothing(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", nothing)
    error = await failure("unknown.example", 80)
    assert (error.status, error.reason) == (502, "name not found: unknown")


async def test_no_connection_in_time(monkeypatch):
    made = []

    async def never(sock, place):
        made.append(sock)
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
    error = await failure("127.0.0.1", 9, seconds=0.0)
    assert error.status == 504
    assert made[0].fileno() == -1  # nothing leaks


async def test_no_descriptor_left_is_our_own_fault(monkeypatch):
    def none(*args):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(room.socket, "socket", none)
    error = await failure("127.0.0.1", 9)
    assert (error.status, error.ours) == (503, True)
