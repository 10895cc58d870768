"""Calls ASGI and WSGI applications for one request, and hands on what they answer as it comes."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

log = logging.getLogger("proxy.testing")

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as an endpoint got it: names of fields in lower case, in order."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def get(self, name: str) -> str | None:
        """A field's value; of several the first."""
        return next((value for key, value in self.fields if key == name.lower()), None)


class Answer(Protocol):
    """Takes what an application answers."""

    async def start(self, status: int, fields: Fields) -> None:
        """The head."""

    async def write(self, data: bytes) -> None:
        """The next octets of the body."""


def kind_of(application: Any) -> str:
    """`asgi`, `wsgi`, or `raw` for a coroutine function of a reader and a writer.

    Raises:
        TypeError: it is none of these.
    """
    call = application if inspect.isroutine(application) else getattr(application, "__call__", None)  # noqa: B004
    if call is None:
        raise TypeError(f"{application!r} is no application: it cannot be called")
    wanted = [one for one in inspect.signature(application).parameters.values()
              if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(wanted) == 3:
        return "asgi"
    if len(wanted) == 2:
        return "raw" if inspect.iscoroutinefunction(call) else "wsgi"
    raise TypeError(f"{application!r} is no application: ASGI takes 3 arguments, WSGI 2, not {len(wanted)}")


# ASGI.


async def call_asgi(application: Any, asked: Asked, answer: Answer, state: dict[str, Any]) -> None:
    """One request (ASGI 3, http)."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": asked.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.get_running_loop().create_future()  # cancelled when the client goes
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            fields = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            await answer.start(message["status"], fields)
        elif message["type"] == "http.response.body" and message.get("body"):
            await answer.write(message["body"])

    await application(_scope(asked, state), receive, send)


def _scope(asked: Asked, state: dict[str, Any]) -> dict[str, Any]:
    path, _, query = asked.target.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": asked.method, "scheme": "http", "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("latin-1"), "query_string": query.encode("latin-1"), "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in asked.fields],
        "client": ("127.0.0.1", 0), "server": ("127.0.0.1", 0), "state": dict(state)}


class Lifespan:
    """An ASGI application's own beginning and end; without meaning for one that knows none."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._begun = asyncio.Event()
        self._ending = asyncio.Event()
        self._ended = asyncio.Event()
        self._asked = 0
        self.state: dict[str, Any] = {}
        self.failure = ""

    async def live(self) -> None:
        """All of it; to be run beside everything else."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._application(scope, self._receive, self._send)
        except Exception as error:  # the specification: who raises does not know lifespans
            log.debug("no lifespan: %r", error)
        finally:
            self._begun.set()
            self._ended.set()

    async def begun(self) -> None:
        """Wait until it serves.

        Raises:
            RuntimeError: it says that it will not.
        """
        await self._begun.wait()
        if self.failure:
            raise RuntimeError(f"the application did not start: {self.failure}")

    async def end(self) -> None:
        self._ending.set()
        await self._ended.wait()

    async def _receive(self) -> dict[str, Any]:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.failed":
            self.failure = message.get("message") or "no reason given"
        if message["type"].startswith("lifespan.startup"):
            self._begun.set()


# WSGI.


async def call_wsgi(application: Any, asked: Asked, answer: Answer, executor: Executor) -> None:
    """One request (PEP 3333), in a thread; what it yields is passed on at once."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[int, Fields] | bytes | None] = asyncio.Queue()

    def put(piece: tuple[int, Fields] | bytes | None) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    work = loop.run_in_executor(executor, _run_wsgi, application, _environ(asked), put)
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, bytes):
                await answer.write(piece)
            else:
                await answer.start(*piece)
    finally:
        await work


def _run_wsgi(application: Any, environ: dict[str, Any], put: Callable[[Any], Any]) -> None:
    head: list[tuple[int, Fields]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], Any]:
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        head[:] = [(int(status.split(" ", 1)[0]), fields)]
        return write

    def write(data: bytes) -> None:
        while head:
            put(head.pop())
        if data:
            put(data)

    body: Iterable[bytes] = ()
    try:
        body = application(environ, start_response)
        for data in body:
            if data:
                write(data)
        write(b"")
    finally:
        if hasattr(body, "close"):
            body.close()
        put(None)


def _environ(asked: Asked) -> dict[str, Any]:
    path, _, query = asked.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": asked.method, "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False, "CONTENT_LENGTH": str(len(asked.body))}
    for name, value in asked.fields:
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH":
            key = f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
