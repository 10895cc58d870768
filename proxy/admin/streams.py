"""Server-sent events: what has happened, and how things stand once a second.

The rule of this room: however many look, the workers are asked once a second, and not at all while
nobody looks. Who reads too slowly is left, and comes again with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import web

from proxy.admin.looking import chosen
from proxy.admin.problems import Problem
from proxy.admin.table import Call
from proxy.admin.view import Reading, View
from proxy.observe.events import Record
from proxy.tasks import spawn

EVERY: Final = 1.0  # seconds
MOST_UNREAD: Final = 5  # looks that wait for a slow reader, who misses the next ones
SILENCE: Final = 15.0  # seconds after which a comment says that the connection is alive


async def events(call: Call) -> Any:
    """As JSON, or as a stream for who accepts that."""
    if "text/event-stream" in call.request.headers.get("Accept", ""):
        return await follow(call)
    records = chosen(list(call.view.events), call.query)
    return {"last": call.view.events.last, "events": records[-call.query.limit:]}


async def follow(call: Call) -> web.StreamResponse:
    """The last events that are asked for, then each new one."""
    query = call.query.model_copy(update={"after": seen_by(call, call.query.after)})
    with call.view.reading() as queue, a_stream() as stream:
        await begin(stream, call.request)
        for record in chosen(list(call.view.events), query)[-query.limit:]:
            await send_event(stream, record)
        while (newer := await until_next(stream, queue)) is not None:
            if chosen([newer], query):
                await send_event(stream, newer)
    return stream


def seen_by(call: Call, after: int) -> int:
    """The last event that a client has: a browser that comes again says so by itself.

    A greater number than ours is of another proxy, before this one was started.
    """
    seen = call.request.headers.get("Last-Event-ID", "")
    after = int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 16 else after
    return after if after <= call.view.events.last else 0


async def until_next(stream: web.StreamResponse, queue: Reading) -> Record | None:
    """The next event, with signs of life while there is none; None when the reader was too slow."""
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                item = await queue.get()
            if not isinstance(item, bytes):
                return item
        except TimeoutError:
            await stream.write(b": still here\n\n")


@contextmanager
def a_stream() -> Iterator[web.StreamResponse]:
    """A stream that ends when its reader has gone, which is no error."""
    try:
        yield web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    except ConnectionResetError:
        pass


async def begin(stream: web.StreamResponse, request: web.Request) -> None:
    await stream.prepare(request)
    await stream.write(b"retry: 1000\n\n")


async def send_event(stream: web.StreamResponse, record: Record) -> None:
    await stream.write(f"id: {record['id']}\nevent: event\ndata: {json.dumps(record)}\n\n".encode())


async def everything(call: Call) -> web.StreamResponse:
    """`history` at first, `status`, `pools` and `metrics` every second, and `event` as they come."""
    records = list(call.view.events)
    after = seen_by(call, call.view.events.last if call.query.after is None else call.query.after)
    pulse, request = call.request.app[PULSE], call.request
    with call.view.reading() as queue, pulse.into(queue), a_stream() as stream:
        await begin(stream, request)
        if call.view.history is not None:
            await stream.write(frame("history", call.view.history.past()))
        for record in records:
            if record["id"] > after:
                await send_event(stream, record)
        while (item := await queue.get()) is not None:
            if isinstance(item, bytes):
                await stream.write(item)
            else:
                await send_event(stream, item)
    return stream


class Pulse:
    """Looks once a second while somebody wants to know.

    Args:
        view: what it looks at.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._queues: set[Reading] = set()
        self._beating: asyncio.Task[None] | None = None

    @contextmanager
    def into(self, queue: Reading) -> Iterator[None]:
        """Have what is seen put into a queue, as octets of a stream."""
        self._queues.add(queue)
        if self._beating is None:
            self._beating = spawn(asyncio.get_running_loop(), self._beat())
        try:
            yield
        finally:
            self._queues.discard(queue)
            if not self._queues and self._beating is not None:
                self._beating.cancel()
                self._beating = None

    async def _beat(self) -> None:
        while True:
            octets = await self._look()
            for queue in self._queues:
                if queue.qsize() < MOST_UNREAD:
                    queue.put_nowait(octets)
            await asyncio.sleep(EVERY)

    async def _look(self) -> bytes:
        try:
            pools = await self._view.pools()
        except Problem:
            pools = []  # the status says why
        try:
            status = await self._view.status(pools)
        except Problem as problem:
            return frame("problem", {"status": problem.status, "detail": problem.detail})
        return frame("status", status) + frame("pools", pools) + self._counted()

    def _counted(self) -> bytes:
        history = self._view.history
        return b"" if history is None or history.now is None else frame("metrics", history.now)


def frame(name: str, value: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


PULSE = web.AppKey("pulse", Pulse)
