"""Clients that stall in a head, in a body or in their answer: F10, F11 and F12 of the fault plan."""

import asyncio
import os
import random
import re
from pathlib import Path

import pytest

from tests.faults.chaos import Origin, body_of
from tests.faults.crowd import Crowd
from tests.faults.figures import KIB, MIB, Figures, Watch
from tests.faults.load import OK, Beside, Load, reached
from tests.faults.stage import configuration

HEAD = b"GET /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: slow\r\nX-Long: "
TOLERANCE = 1.5  # seconds that a deadline may be late here; it is checked every quarter of a second


def large(size):
    return f"GET /load?size={size} HTTP/1.1\r\nHost: a.example\r\nX-Mark: slow\r\n\r\n".encode()


async def warm_up(proxy):
    """What the first large answers cost once and for all is no client's, be they read or not."""
    async with Crowd(proxy.place, 1, large(MIB)) as crowd:
        await read_slowly(crowd.socks[0], MIB)
    async with Crowd(proxy.place, 2, large(20 * MIB), buffer=8192):
        await reached(lambda: spooled(proxy) > 0)
    await reached(lambda: spooled(proxy) == 0)


def spooled(proxy):
    """Octets in the temporary files of the workers: they have no name, but they can be asked for."""
    total = 0
    for pid in proxy.workers():
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                name = os.readlink(fd)
                if name.endswith("(deleted)") and not name.startswith("/memfd:"):  # the board is no body
                    total += os.stat(fd).st_size
            except FileNotFoundError:
                pass
    return total


def test_heads_that_are_never_finished(stage):
    """F10: 408 at the deadline for the whole head, however lively its sender; each costs little."""

    async def drip(crowd):
        while True:
            await crowd.send(b"x")
            await asyncio.sleep(0.3)

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address, more="timeouts: {request_head: 3s}"))
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                await load.more(100)
                before = await load.more(300)
                pss = watch.pss()
                async with (
                    Load(origin.place, rate=150) as control,
                    Crowd(proxy.place, 250, HEAD + b"x" * 1000) as still,
                    Crowd(proxy.place, 250, HEAD + b"x" * 1000) as lively,
                ):
                    dripping = asyncio.create_task(drip(lively))
                    await reached(lambda: watch.now().fds >= watch.before.fds + 500)
                    await load.more(30)  # they were taken in turn, so those heads are read
                    each = (watch.pss() - pss) / 500
                    ends = await asyncio.gather(still.receive_all(), lively.receive_all())
                    dripping.cancel()
                    await asyncio.gather(dripping, return_exceptions=True)
                beside = load.outcomes[len(before) + 100:]
            others = Beside(before, beside, control.outcomes)
            return Figures("F10 500 stalled heads", load.outcomes, watch), others, each, ends

    figures, others, each, ends = asyncio.run(scenario())
    times = [seconds for some in ends for seconds, _ in some]
    figures.report(f"each {each / KIB:.1f} kB", f"closed {min(times):.1f}-{max(times):.1f} s after the last",
                   str(others))
    assert all(data.startswith(b"HTTP/1.1 408") for _, data in ends[0])
    assert all(data.startswith(b"HTTP/1.1 408") or not data for _, data in ends[1])
    assert max(times) < 3 + TOLERANCE
    assert each < 10 * KIB
    assert set(figures.found) == {OK}, figures.why()
    assert others.unharmed


@pytest.mark.parametrize("buffered", ["true", "false"])
def test_uploads_that_are_never_finished(stage, buffered):
    """F11: closed by the timeout; where bodies are buffered no endpoint ever hears of them."""
    post = b"POST /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: stalled\r\nContent-Length: 100000\r\n\r\n"

    async def scenario():
        async with Origin() as origin:
            yaml = configuration(origin.address, more="timeouts: {request_body: 2s}").replace(
                "{reverse_proxy: web}", f"{{reverse_proxy: web, buffer_request: {buffered}}}")
            proxy = stage.proxy(yaml)
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                await load.more(150)
                pss, held = watch.pss(), origin.connections
                async with Crowd(proxy.place, 200, post + b"x" * 5000) as crowd:
                    taken = watch.before.fds + (200 if buffered == "true" else 400)
                    await reached(lambda: watch.now().fds >= taken)
                    await load.more(30)  # they were taken in turn, so those pieces are read
                    each = (watch.pss() - pss) / 200
                    held = origin.connections - held
                    ends = await crowd.receive_all()
                await load.more(50)
                await reached(lambda: origin.connections < 30)
            return Figures("F11 200 stalled uploads", load.outcomes, watch), each, held, ends, origin

    figures, each, held, ends, origin = asyncio.run(scenario())
    times = [seconds for seconds, _ in ends]
    figures.report(f"buffer_request: {buffered}", f"each {each / KIB:.1f} kB, {held} endpoint connections",
                   f"closed {min(times):.1f}-{max(times):.1f} s after the last")
    assert all(data.startswith(b"HTTP/1.1 408") for _, data in ends)
    assert max(times) < 2 + TOLERANCE
    assert each < 70 * KIB
    assert set(figures.found) == {OK}, figures.why()
    if buffered == "true":
        assert origin.begun["stalled"] == 0
        assert held < 20, "only the load's own"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_downloads_that_are_not_read(stage, loop):
    """F12: the endpoint is free as soon as it has sent, and what waits for the clients waits in a file."""
    size, count = 20 * MIB, 20

    async def scenario():
        # An origin of its own process: 400 MB are not to be sent by the loop that measures.
        origin = stage.chaos("ada")
        proxy = stage.proxy(configuration(origin.address), loop=loop)
        async with Watch(proxy) as watch:
            await warm_up(proxy)
            pss = watch.pss()
            async with Crowd(proxy.place, count, large(size), buffer=8192) as crowd:
                await reached(lambda: spooled(proxy) >= count * (size - 4 * MIB))
                await reached(lambda: len(busy_with(origin)) == 0)
                each, files = (watch.pss() - pss) / count, spooled(proxy)
                async with Load(proxy.place) as load:
                    await load.more(300)
                answer = await read_slowly(crowd.socks[0], size)
            await reached(lambda: spooled(proxy) == 0)
        return Figures("F12 20 clients read nothing of 20 MB", load.outcomes, watch), each, files, answer

    figures, each, files, answer = asyncio.run(scenario())
    figures.report(loop, f"each {each / KIB:.0f} kB of memory, {files / MIB:.0f} MB of files in all")
    assert each < 256 * KIB
    assert answer == body_of("slow", size), "it was all there"
    assert set(figures.found) == {OK}, figures.why()


def busy_with(origin):
    """The connections on which an origin's kernel still has octets to send."""
    port = f":{origin.port:04X} "
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [row for row in rows if port in f"{row.split()[1]} " and int(row.split()[4].split(":")[0], 16)]


async def read_slowly(sock, size):
    """The body of the answer on `sock`."""
    loop, data = asyncio.get_running_loop(), b""
    pieces = []
    while b"\r\n\r\n" not in data:
        data += await loop.sock_recv(sock, 4096)
    pieces.append(data.partition(b"\r\n\r\n")[2])
    left = size - len(pieces[0])
    while left:
        pieces.append(await loop.sock_recv(sock, min(left, 262144)))
        assert pieces[-1], f"cut with {left} octets to come"
        left -= len(pieces[-1])
    return b"".join(pieces)


def test_downloads_that_are_not_read_with_a_small_file(stage):
    """F12 with `buffers.file`: past it the endpoint is paused, and nothing is lost in the end."""
    size, count = 20 * MIB, 20

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address, more="buffers: {file: 1MiB}"))
            async with Watch(proxy) as watch:
                await warm_up(proxy)
                pss = watch.pss()
                async with Crowd(proxy.place, count, large(size), buffer=8192) as crowd:
                    await reached(lambda: spooled(proxy) >= count * MIB)
                    async with Load(proxy.place) as load:
                        await load.more(300)
                    each, files = (watch.pss() - pss) / count, spooled(proxy)
                    paused = origin.busy
                    bodies = await asyncio.gather(*(read_slowly(sock, size) for sock in crowd.socks[:4]))
            figures = Figures("F12 the same with 1 MB of file", load.outcomes, watch)
            return figures, each, files, paused, bodies

    figures, each, files, paused, bodies = asyncio.run(scenario())
    figures.report(f"each {each / KIB:.0f} kB of memory", f"{files / MIB:.1f} MB of files in all",
                   f"{paused} answers paused")
    assert each < 256 * KIB
    assert files < count * 1.5 * MIB
    assert paused == count
    assert all(body == body_of("slow", size) for body in bodies)
    assert set(figures.found) == {OK}, figures.why()


def test_a_client_that_takes_nothing_is_given_up(stage):
    """`timeouts.send`: its connection, its file and its place are free again."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address, more="timeouts: {send: 2s}"))
            async with Watch(proxy) as watch, Crowd(proxy.place, 10, large(20 * MIB), buffer=8192):
                await reached(lambda: spooled(proxy) > MIB)
                await reached(lambda: spooled(proxy) == 0 and watch.now().fds <= watch.before.fds + 12)
            return Figures("timeouts.send", watch=watch)

    figures = asyncio.run(scenario())
    figures.report()
    assert figures.watch.after.fds <= figures.watch.before.fds + 12


def test_huge_heads_and_stalls_delay_nobody(stage):
    """A hundred heads a second of all that is allowed and more, each new to the proxy, beside the load."""
    chance = random.Random(31)

    def head(fields, length):
        lines = "".join(f"X-{chance.getrandbits(32):08x}: {'v' * length}\r\n" for _ in range(fields))
        return f"GET /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: huge\r\n{lines}\r\n".encode()

    async def huge(place, statuses, pause):
        while True:
            for fields, length in ((90, 320), (95, 10), (1, 31_000), (99, 500), (3000, 3)):
                async with Crowd(place, 1, head(fields, length)) as crowd:
                    answer = await crowd.receive()
                    statuses.append(re.match(rb"HTTP/1.1 (\d+)", answer[0])[1])
                await asyncio.sleep(pause)

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address))
            statuses = []
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                await load.more(100)
                before = await load.more(450)
                tasks = [asyncio.create_task(huge(proxy.place, statuses, 0.04)) for _ in range(4)]
                async with Load(origin.place, rate=150) as control:
                    beside = await load.more(600)
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
            others = Beside(before, beside, control.outcomes)
            return Figures("huge heads beside the load", load.outcomes, watch), others, statuses, ends

    figures, others, statuses, ends = asyncio.run(scenario())
    figures.report(f"{len(statuses)} huge heads, {statuses.count(b'431')} refused", str(others))
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    assert set(statuses) == {b"200", b"431"}
    assert set(figures.found) == {OK}, figures.why()
    assert others.unharmed
    assert figures.watch.growth < 40 * MIB
