"""A worker: one event loop, the data plane, and nothing else.

The rule of this room: a worker outlives neither its supervisor nor its drain. It ends when it is
told to, when SIGTERM asks it to, or when the channel closes because the supervisor is gone; in all
three cases it first finishes what runs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from proxy.config.schema import Config
from proxy.observe import logs
from proxy.process import asking, news, reloading
from proxy.process.control import Channel
from proxy.process.reloading import Reloading
from proxy.process.sockets import Bound
from proxy.tasks import spawn

LOG = logging.getLogger("proxy.worker")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class Plane(Protocol):
    """What a worker runs; see `proxy.runtime.plane`.

    Attributes:
        answers: what the desk may ask a worker, see `asking.py`.
    """

    answers: dict[str, Callable[[dict[str, Any]], Any]]

    async def start(self, sockets: Sequence[Bound]) -> None:
        """Serve on these sockets, which listen already and do not block."""

    async def drain(self, seconds: float) -> None:
        """Accept no more, let what runs finish for so long, close the rest."""

    def told(self, word: str, text: str) -> None:
        """The lookout has found out something about an endpoint, see `news.py`."""

    async def prepare(self, config: Config) -> None:
        """Build what a new configuration needs, and change nothing; what fails is raised."""

    def forget(self) -> None:
        """What was prepared is not wanted."""

    def commit(self, sockets: Iterable[Bound], known: Iterable[tuple[str, str]]) -> None:
        """Serve what was prepared, on these sockets too and on none that it does not name."""

    def report_to(self, tell: asking.Send) -> None:
        """Have `tell(word, text, about)` called with what the supervisor should know."""

    def reopen_logs(self) -> None:
        """The log files were moved away."""

    async def close(self) -> None:
        """End everything at once."""


PlaneFactory = Callable[[Config, asyncio.AbstractEventLoop], Plane]


def choose_loop() -> LoopFactory:
    """uvloop where it is installed, as it takes a fifth off each request; PROXY_LOOP=asyncio says no."""
    if os.environ.get("PROXY_LOOP") != "asyncio":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop
    return asyncio.new_event_loop


def run_worker(
    config: Config,
    sockets: Sequence[Bound],
    channel: Channel,
    plane_factory: PlaneFactory,
    new_loop: LoopFactory,
    known: Iterable[tuple[str, str]],
) -> int:
    """The whole life of a worker; returns its exit status. `known` are the news so far."""
    worker = Worker(config, channel, plane_factory)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(worker.live(sockets, known))


def confess(channel: Channel, error: Exception) -> None:
    """Log why this process ends, and tell the supervisor."""
    # Where a file or an address is to blame the message says all, and the traceback nothing.
    LOG.error("ends because of an error", exc_info=None if isinstance(error, OSError) else error)
    channel.send("failed", logs.escape(f"{type(error).__name__}: {error}"[:1000]))


class Worker:
    """Between the supervisor's words and the data plane."""

    def __init__(self, config: Config, channel: Channel, plane_factory: PlaneFactory) -> None:
        self._config = config
        self._channel = channel
        self._plane_factory = plane_factory
        self._plane: Plane | None = None
        self._serves = asyncio.Event()
        self._told_to_drain = asyncio.Event()
        self._reloading = Reloading(channel)
        self._life: asyncio.Task[int] | None = None

    async def live(self, sockets: Sequence[Bound], known: Iterable[tuple[str, str]]) -> int:
        loop = asyncio.get_running_loop()
        self._life = asyncio.current_task()
        self._channel.listen(loop, self._told, self._orphaned)
        loop.add_signal_handler(signal.SIGTERM, self._leave)
        try:
            await self._serve(loop, sockets, known)
        except asyncio.CancelledError:
            return 0  # `stop`
        except Exception as error:
            confess(self._channel, error)
            return 1
        finally:
            self._life = None  # it ends: a `stop` that comes now has nothing to cut short
            if self._plane is not None:
                await self._plane.close()
        return 0

    async def _serve(self, loop: asyncio.AbstractEventLoop, sockets: Sequence[Bound],
                     known: Iterable[tuple[str, str]]) -> None:
        self._plane = self._plane_factory(self._config, loop)
        self._plane.report_to(self._channel.send)
        for word, text in known:
            self._plane.told(word, text)
        await self._plane.start(sockets)
        self._channel.pulse.beat(loop)
        self._serves.set()
        self._channel.send("ready")
        await self._told_to_drain.wait()
        await self._plane.drain(self._config.timeouts.drain)

    def _told(self, word: str, text: str) -> None:
        match word:
            case "drain":
                self._told_to_drain.set()
            case "stop" if self._life is not None:
                self._life.cancel()
            case "reopen":
                self._reopen()
            case reloading.LISTEN:
                self._reloading.take_socket(text)
            case reloading.PREPARE:
                work = self._prepare(self._reloading.want(text), self._channel.take())
                spawn(asyncio.get_running_loop(), work)
            case reloading.COMMIT if self._plane is not None:
                self._commit(self._plane, text)
            case reloading.FORGET:
                self._reloading.forget(self._plane)
            case asking.ASK if self._plane is not None:
                asking.answer(self._plane.answers, text, self._channel.send)
            case _ if word in news.FOR_WORKERS and self._plane is not None:
                self._plane.told(word, text)

    async def _prepare(self, attempt: int, parcel: int) -> None:
        await self._serves.wait()
        if self._plane is not None:
            await self._reloading.prepare(self._plane, attempt, parcel)

    def _commit(self, plane: Plane, text: str) -> None:
        listening = not self._told_to_drain.is_set()
        config = self._reloading.commit(plane, json.loads(text), listening=listening)
        if config is not None:
            reloading.change_log(self._config.error_log, config.error_log)
            self._config = config

    def _reopen(self) -> None:
        logs.reopen()
        if self._plane is not None:
            self._plane.reopen_logs()

    def _leave(self) -> None:
        """SIGTERM to this worker alone: somebody wants it replaced."""
        self._channel.send("draining")
        self._told_to_drain.set()

    def _orphaned(self) -> None:
        LOG.error("the supervisor is gone: finishing what runs, then ending")
        self._told_to_drain.set()
