"""Large bodies both ways: F13 of the fault plan. `-m long` runs it at full size."""

import asyncio
import hashlib
import socket

import pytest

from tests.faults.chaos import PIECE, pieces_of
from tests.faults.figures import MIB, Figures, Watch
from tests.faults.load import reached
from tests.faults.stage import configuration
from tests.faults.test_slow_clients import spooled
from tests.scenarios.support import LOOPS

REST_EVERY = 8 * MIB  # octets after which a slow client rests


async def exchange(place, mark, *, up=0, down=0, rest=0.0):
    """Send `up` octets and take `down`, with rests of so many seconds; both must arrive as they were."""
    loop, sent = asyncio.get_running_loop(), hashlib.sha256()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, place)
        lines = "Host: a.example", f"X-Mark: {mark}", f"Content-Length: {up}", "", ""
        await loop.sock_sendall(sock, "\r\n".join([f"POST /load?size={down} HTTP/1.1", *lines]).encode())
        for at in range(0, up, PIECE):
            piece = bytes((at // PIECE % 251,)) * min(PIECE, up - at)
            sent.update(piece)
            await loop.sock_sendall(sock, piece)
            await asyncio.sleep(rest if at % REST_EVERY == 0 else 0)
        fields, taken, count = await receive(sock, down, rest)
    assert b"HTTP/1.1 200" in fields, fields
    assert f"X-Length: {up}\r\n".encode() in fields
    assert f"X-Digest: {sent.hexdigest()}\r\n".encode() in fields
    if down:
        assert count == down, "the answer was cut"
        assert taken == digest_of(pieces_of(mark, down))


async def receive(sock, size, rest):
    """The head, the digest of the body and its length."""
    loop, data = asyncio.get_running_loop(), b""
    while b"\r\n\r\n" not in data:
        data += await loop.sock_recv(sock, 4096)
    fields, _, data = data.partition(b"\r\n\r\n")
    taken, count, rested = hashlib.sha256(data), len(data), 0
    while count < size and (data := await loop.sock_recv(sock, PIECE)):
        taken.update(data)
        count += len(data)
        if rest and count - rested > REST_EVERY:
            rested = count
            await asyncio.sleep(rest)
    return fields + b"\r\n", taken.digest(), count


def digest_of(pieces):
    taken = hashlib.sha256()
    for piece in pieces:
        taken.update(piece)
    return taken.digest()


def transfer(stage, name, clients, *, loop=None, **exchanges):
    """All clients at once; the figures."""

    async def scenario():
        origin = stage.chaos("ada")
        proxy = stage.proxy(configuration(origin.address, more="limits: {request_body: 2GiB}"), loop=loop)
        async with Watch(proxy) as watch:
            await asyncio.gather(*(exchange(proxy.place, f"m{n}", **exchanges) for n in range(clients)))
            await reached(lambda: spooled(proxy) == 0)
        return Figures(name, watch=watch)

    return asyncio.run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["up", "down"])
def test_large_bodies(stage, way, loop):
    """F13, small: 4 x 50 MB."""
    figures = transfer(stage, "F13 50 MB x 4", 4, loop=loop, **{way: 50 * MIB})
    figures.report(way, loop, f"grew {figures.watch.growth / MIB:.1f} MB")
    assert figures.watch.growth < 20 * MIB


@pytest.mark.long
@pytest.mark.parametrize("way", ["up", "down"])
def test_very_large_bodies(stage, way):
    """F13: 10 x 200 MB."""
    figures = transfer(stage, "F13 200 MB x 10", 10, **{way: 200 * MIB})
    figures.report(way, f"grew {figures.watch.growth / MIB:.1f} MB")
    assert figures.watch.growth < 20 * MIB


@pytest.mark.long
def test_a_gigabyte_both_ways_by_a_slow_client(stage):
    """The client rests a tenth of a second after every 8 MB."""
    figures = transfer(stage, "F13 1 GB up and down, slowly", 1, up=1024 * MIB, down=1024 * MIB, rest=0.1)
    figures.report(f"grew {figures.watch.growth / MIB:.1f} MB")
    assert figures.watch.growth < 20 * MIB
