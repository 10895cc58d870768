import asyncio
import errno
import socket
import struct
from time import monotonic

import pytest

from proxy.balancing.round_robin import RoundRobin
from proxy.clock import DeadlineWheel
from proxy.errors import UpstreamError
from proxy.http.shortage import POLL, shortage_of
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


def scarce(monkeypatch, number, times):
    """Sockets cannot be made so often; returns how often it still is."""
    left, make = [number] * times, socket.socket

    def maker(*args, **options):
        if left:
            raise OSError(left.pop(), "none left")
        return make(*args, **options)

    monkeypatch.setattr(room.socket, "socket", maker)
    return left


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.ENOMEM])
async def test_no_memory_left_is_our_own_fault(monkeypatch, number):
    scarce(monkeypatch, number, 1)
    error = await failure("127.0.0.1", 9)
    assert (error.status, error.ours) == (503, True)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_without_a_descriptor_it_waits_for_one(monkeypatch, number):
    """Not on the endpoint's time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = scarce(monkeypatch, number, 2)
        connection = await try_connect(*listener.getsockname(), seconds=POLL / 2)
        assert connection.is_usable(0.0)
        assert left == []
        await close(connection)


async def test_that_no_descriptor_becomes_free_is_our_own_fault(monkeypatch):
    monkeypatch.setattr(room, "PATIENCE", 0.0)
    scarce(monkeypatch, errno.EMFILE, 1000)
    error = await failure("127.0.0.1", 9)
    assert (error.status, error.ours, error.reason) == (503, True, "no descriptor became free")


async def test_who_comes_later_stands_behind_those_who_wait():
    loop, order = asyncio.get_running_loop(), []

    class First:
        def turn(self):
            order.append("first")

    first = First()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shortage_of(loop).line_up(first, monotonic() + 1.0, loop)
        connection = await try_connect(*listener.getsockname())
        order.append("second")
        await close(connection)
    assert order == ["first", "second"]


async def test_a_pool_lends_its_idle_connections():
    endpoint = Endpoint("name", "127.0.0.1", 9, 1, IdleLimit(1.0), 8)
    pool = pool_of(endpoint)
    assert pool in shortage_of(pool.loop).lenders
