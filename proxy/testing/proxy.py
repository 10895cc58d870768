"""`TestProxy`: the data plane in this process, with applications in the place of a pool's addresses."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import yaml

from proxy.config.load import load, loads
from proxy.config.recent_schema import Recent
from proxy.runtime.plane import DataPlane
from proxy.testing.client import Response, ask, request_octets
from proxy.testing.endpoint import TestEndpoint

if TYPE_CHECKING:
    from proxy.config.schema import Config
    from proxy.upstream.endpoint import Endpoint
    from proxy.upstream.h1 import UpstreamConnection
    from proxy.upstream.pool import Pool

T = TypeVar("T")
Opener = Callable[["Pool", "Endpoint"], Coroutine[Any, Any, "UpstreamConnection"]]
Source = str | Path | Mapping[str, Any]

THREADS = 16        # for WSGI applications
LISTEN = "127.0.0.1:0"
REMEMBERED = 10_000
ENDING = 10.0       # seconds that running exchanges have when the block ends


class Running:
    """The proxy in a running loop: what `async with TestProxy(...)` gives.

    Attributes:
        address: where it listens.
        url: the same for any HTTP client.
    """

    def __init__(self, config: Config, endpoints: Mapping[str, Any]) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(THREADS, "testing")
        self._endpoints = {name: self._of_pool(name, given) for name, given in endpoints.items()}
        self._plane = DataPlane(config, self._loop)
        for name, pool in self._plane._runtime.pools.items():
            pool.opens = _opener(self._endpoints.get(name, []))
        self.address = ("", 0)

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def _of_pool(self, name: str, given: Any) -> list[TestEndpoint]:
        pool = self._config.pools.get(name)
        if pool is None:
            known = ", ".join(self._config.pools)
            raise ValueError(f"the configuration has no pool {name!r}; it has {known}")
        addresses = [str(one.address) for one in pool.endpoints]
        many = isinstance(given, Sequence)
        if many and len(given) != len(addresses):
            raise ValueError(f"the pool {name!r} has {len(addresses)} endpoints, not {len(given)}")
        return [TestEndpoint(address, given[at] if many else given, self._executor)
                for at, address in enumerate(addresses)]

    async def begin(self) -> None:
        for one in self._all():
            await one.begin()
        sock = socket.create_server(("127.0.0.1", 0))
        self.address = sock.getsockname()[:2]
        thresholds = gc.get_threshold()
        await self._plane.start([(None, sock)])
        gc.unfreeze()  # the process is the test's, which ends the proxy again
        gc.set_threshold(*thresholds)

    async def end(self) -> None:
        """Finish what runs, and close everything."""
        for one in self._all():
            one.release()
        await self._plane.drain(ENDING)
        for one in self._all():
            await one.end()
        self._executor.shutdown()
        await asyncio.sleep(0)

    def _all(self) -> list[TestEndpoint]:
        return [one for many in self._endpoints.values() for one in many]

    def endpoint(self, pool: str, which: int | str = 0) -> TestEndpoint:
        """One of a pool's endpoints, by its place or its address."""
        many = self._endpoints[pool]
        return many[which] if isinstance(which, int) else next(one for one in many if one.name == which)

    async def request(self, method: str, url: str = "/", *, headers: dict[str, str] | None = None,
                      body: bytes | str | None = None, timeout: float = 30.0) -> Response:
        """Ask over a connection of its own, and read the answer to its end.

        Args:
            url: a path, or `https://host/path` for the Host that is sent.
            timeout: seconds for all of it.

        Raises:
            TimeoutError: it took longer.
        """
        octets = body.encode() if isinstance(body, str) else body
        sent, number = request_octets(method, url, f"{self.address[0]}:{self.address[1]}", headers, octets)
        async with asyncio.timeout(timeout):
            response = await ask(self.address, sent, head_only=method == "HEAD", request_id=number)
        ring = self._plane._switch.ring
        past = None if ring is None else ring.find(number)
        return Response(response.status, response.fields, response.body, response.whole, number, past)

    async def get(self, url: str = "/", **options: Any) -> Response:
        return await self.request("GET", url, **options)

    async def post(self, url: str = "/", body: bytes | str = b"", **options: Any) -> Response:
        return await self.request("POST", url, body=body, **options)

    async def explain(self, response: Response) -> dict[str, Any]:
        """Why it came as it came; `proxy.explain.words.in_words` makes text of it."""
        answer: dict[str, Any] = self._plane.answers["explain"]({"id": response.request_id})
        return answer

    async def probed(self, pool: str, which: int = 0, *, up: bool, why: str = "the test says so") -> None:
        """What an active check would tell of an endpoint: none is made in a test."""
        self._plane.told("health", json.dumps({
            "pool": pool, "endpoint": self.endpoint(pool, which).name, "up": up, "why": why}))


class TestProxy:
    """The real data plane in front of applications in memory; see `proxy.testing`.

    Without `async` the proxy has a thread and a loop of its own, and the methods wait:

        with TestProxy("config.yaml", endpoints={"web": app}) as proxy:
            assert proxy.get("/").status == 200

    With it everything runs in the loop of the test, and they are awaited. `listen`, `workers`, `admin` and
    `access_log` of the configuration do not count here.

    Args:
        config: a file's name, YAML, or the same as a mapping; `listen` may be left out.
        endpoints: by pool an ASGI or WSGI application for all of its endpoints, or a list with one for each.
            Pools that are not named here refuse every connection.
    """

    __test__ = False  # for pytest: this is none

    def __init__(self, config: Source, endpoints: Mapping[str, Any] | None = None) -> None:
        self._config = configuration(config)
        self._given = endpoints or {}
        self._running: Running | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None

    # In the loop of the test.

    async def __aenter__(self) -> Running:
        self._running = Running(self._config, self._given)
        await _begun(self._running)
        return self._running

    async def __aexit__(self, *_: object) -> None:
        await self._now().end()

    # In a thread.

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(ready,), name="TestProxy", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _live(self, ready: threading.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(ready))
        except BaseException as error:
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._running = Running(self._config, self._given)
        await _begun(self._running)
        ready.set()
        await self._stop.wait()
        await self._running.end()

    def _now(self) -> Running:
        if self._running is None:
            raise RuntimeError("the proxy runs within `with TestProxy(...) as proxy` alone")
        return self._running

    def _wait_for(self, work: Callable[[Running], Coroutine[Any, Any, T]]) -> T:
        running, loop = self._now(), self._loop
        if loop is None:
            raise RuntimeError("within `async with` use what it gives")
        return asyncio.run_coroutine_threadsafe(work(running), loop).result()

    @property
    def url(self) -> str:
        """Where it listens, for any HTTP client."""
        return self._now().url

    def endpoint(self, pool: str, which: int | str = 0) -> TestEndpoint:
        """One of a pool's endpoints, by its place or its address."""
        return self._now().endpoint(pool, which)

    def request(self, method: str, url: str = "/", **options: Any) -> Response:
        """See `Running.request`."""
        return self._wait_for(lambda running: running.request(method, url, **options))

    def get(self, url: str = "/", **options: Any) -> Response:
        return self.request("GET", url, **options)

    def post(self, url: str = "/", body: bytes | str = b"", **options: Any) -> Response:
        return self.request("POST", url, body=body, **options)

    def explain(self, response: Response) -> dict[str, Any]:
        """Why it came as it came; `proxy.explain.words.in_words` makes text of it."""
        return self._wait_for(lambda running: running.explain(response))

    def probed(self, pool: str, which: int = 0, *, up: bool, why: str = "the test says so") -> None:
        """What an active check would tell of an endpoint: none is made in a test."""
        self._wait_for(lambda running: running.probed(pool, which, up=up, why=why))


def configuration(source: Source) -> Config:
    """The configuration for a test.

    Raises:
        ConfigErrors: everything that is wrong with it.
    """
    if isinstance(source, Mapping):
        config = loads(yaml.safe_dump({"listen": LISTEN, **source}, sort_keys=False), "TestProxy")
    elif isinstance(source, Path) or "\n" not in source:
        config = load(source)
    else:
        text = source if "listen:" in source else f"listen: {LISTEN}\n{source}"
        config = loads(text, "TestProxy")
    recent = Recent(requests=REMEMBERED, remarkable=REMEMBERED)
    return config.model_copy(update={"workers": 1, "access_log": None, "admin": None, "recent": recent})


async def _begun(running: Running) -> None:
    try:
        await running.begin()
    except BaseException:
        await running.end()
        raise


def _opener(endpoints: Sequence[TestEndpoint]) -> Opener:
    """What connects a pool to these."""
    by_name = {one.name: one for one in endpoints}

    async def connect(pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
        one = by_name.get(endpoint.origin)
        if one is None:
            raise ConnectionRefusedError(f"the test has no application for {pool.name} {endpoint.origin}")
        return await one.connect(pool, endpoint)

    return connect


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    from proxy.process.worker import choose_loop

    return choose_loop()
