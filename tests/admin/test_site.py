"""The admin listener closes its doors before it ends."""

import asyncio
import logging
import socket

import pytest

from proxy.admin.site import Site
from proxy.config.admin_schema import AdminConfig
from proxy.observe.events import EventLog

ASK = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


def site(door):
    return Site(AdminConfig(address="127.0.0.1:9000"), None, EventLog(), [door])


async def status(reader, writer):
    writer.write(ASK)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().split(b"content-length: ")[1].split()[0])
    await asyncio.wait_for(reader.readexactly(length), 5)
    return int(head.split()[1])


async def test_who_is_connected_is_served_on_and_nobody_else(door):
    place = door.getsockname()
    async with site(door) as made:
        reader, writer = await asyncio.open_connection(*place)
        assert await status(reader, writer) == 200
        made.close_doors()
        made.close_doors()
        await asyncio.gather(*made._closing)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*place)
        assert await status(reader, writer) == 200
        writer.close()


async def test_an_end_at_once_is_no_trouble(door, caplog):
    async with site(door) as made:
        made.close_doors()
    await asyncio.sleep(0)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
