"""The same clients as `load` has them, over TLS."""

import asyncio
from functools import partial

from tests.faults.load import Client, Load

NAME = "a.example"


class SecureClient(Client):
    """One connection; `sock` is its writer.

    Attributes:
        shown: the certificate's serial number.
    """

    shown = ""

    def __init__(self, place, context):
        super().__init__(place)
        self.context = context
        self.reader = None

    async def connect(self):
        self.reader, self.sock = await asyncio.open_connection(
            *self.place, ssl=self.context, server_hostname=NAME, limit=1 << 20)
        self.shown = self.sock.get_extra_info("peercert")["serialNumber"]
        self.used = False

    def close(self):
        if self.sock is not None:
            self.sock.transport.abort()
            self.sock = None

    async def send(self, data):
        self.sock.write(data)
        await self.sock.drain()

    async def receive(self):
        return await self.reader.read(262144)

    def ended(self):
        return self.reader.at_eof() or self.sock.is_closing()


class HastyClient(SecureClient):
    """Has a connection for each request."""

    async def ask(self, ask, due=None):
        try:
            return await super().ask(ask, due)
        finally:
            self.close()


class SecureLoad(Load):
    def __init__(self, place, context, *args, kind=SecureClient, **options):
        super().__init__(place, *args, **options)
        self.client = partial(kind, place, context)
