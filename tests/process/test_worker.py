import asyncio
import sys
from types import SimpleNamespace

import pytest

from proxy.process.control import channel_pair
from proxy.process.worker import Worker, choose_loop

CONFIG = SimpleNamespace(timeouts=SimpleNamespace(drain=12.5))


class Plane:
    """Writes down what it is asked for; drains when the test says so, or at once."""

    def __init__(self, calls, *, slow=False, error=None, closing=None):
        self.calls = calls
        self.closing = closing  # when it is set it is closed
        self.slow = slow
        self.error = error
        self.answers = {"sum": lambda args: sum(args["of"])}

    async def start(self, sockets):
        if self.error is not None:
            raise self.error
        self.calls.append("start")

    async def drain(self, seconds):
        self.calls.append(f"drain {seconds}")
        if self.slow:
            await asyncio.Event().wait()

    def told(self, word, text):
        self.calls.append(f"{word} {text}")

    def report_to(self, tell):
        self.tell = tell

    def reopen_logs(self):
        self.calls.append("reopen")

    async def close(self):
        self.calls.append("close")
        if self.closing is not None:
            await self.closing.wait()
            self.calls.append("closed")


class Supervised:
    """A worker in this process, and the supervisor's end of its channel."""

    def __init__(self, known=(), **options):
        self.calls = []
        self.heard = asyncio.Queue()
        self.channel, theirs = channel_pair()
        self.theirs = theirs
        worker = Worker(CONFIG, theirs, lambda config, loop: Plane(self.calls, **options))
        self.channel.listen(asyncio.get_running_loop(), lambda *message: self.heard.put_nowait(message))
        self.life = asyncio.create_task(worker.live([], known))

    async def hears(self):
        return await asyncio.wait_for(self.heard.get(), 5)

    async def status(self):
        return await asyncio.wait_for(self.life, 5)


@pytest.fixture
async def start():
    started = []

    async def start_worker(**options):
        started.append(Supervised(**options))
        return started[-1]

    yield start_worker
    for supervised in started:
        supervised.channel.close()
        supervised.theirs.close()


async def test_a_worker_serves_drains_and_ends(start):
    worker = await start()
    assert await worker.hears() == ("ready", "")
    worker.channel.send("reopen")
    worker.channel.send("drain")
    assert await worker.status() == 0
    assert worker.calls == ["start", "reopen", "drain 12.5", "close"]


async def test_what_is_known_is_told_before_the_plane_starts_and_what_is_new_after(start):
    worker = await start(known=[("health", "a"), ("addresses", "b")])
    assert await worker.hears() == ("ready", "")
    worker.channel.send("health", "c")
    worker.channel.send("addresses", "d")
    worker.channel.send("drain")
    assert await worker.status() == 0
    assert worker.calls[:5] == ["health a", "addresses b", "start", "health c", "addresses d"]


async def test_a_stop_while_it_ends_changes_nothing(start):
    closing = asyncio.Event()
    worker = await start(closing=closing)
    await worker.hears()
    worker.channel.send("drain")
    async with asyncio.timeout(5):
        while worker.calls[-1] != "close":  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
    worker.channel.send("stop")
    worker.channel.send("reopen")  # which is heard after it
    async with asyncio.timeout(5):
        while worker.calls[-1] != "reopen":  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
    closing.set()
    assert await worker.status() == 0
    assert worker.calls[-1] == "closed"


async def test_stop_cuts_a_drain_short(start):
    worker = await start(slow=True)
    assert await worker.hears() == ("ready", "")
    worker.channel.send("drain")
    worker.channel.send("stop")
    assert await worker.status() == 0
    assert worker.calls[-1] == "close"


async def test_without_a_supervisor_it_drains(start):
    worker = await start()
    assert await worker.hears() == ("ready", "")
    worker.channel.close()
    assert await worker.status() == 0
    assert worker.calls == ["start", "drain 12.5", "close"]


@pytest.mark.parametrize("error, traceback", [(ValueError("a\nb"), True), (OSError("a\nb"), False)])
async def test_a_failure_is_told_and_logged(start, caplog, error, traceback):
    worker = await start(error=error)
    assert await worker.hears() == ("failed", f"{type(error).__name__}: a\\nb")
    assert await worker.status() == 1
    assert worker.calls == ["close"]
    (record,) = (record for record in caplog.records if record.name == "proxy.worker")
    assert bool(record.exc_info) is traceback


def test_uvloop_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("PROXY_LOOP", raising=False)
    assert choose_loop().__module__ == "uvloop"
    monkeypatch.setenv("PROXY_LOOP", "asyncio")
    assert choose_loop() is asyncio.new_event_loop


def test_without_uvloop_it_is_asyncio(monkeypatch):
    monkeypatch.delenv("PROXY_LOOP", raising=False)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert choose_loop() is asyncio.new_event_loop
