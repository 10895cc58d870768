"""No room for temporary files: uploads are refused clearly, downloads wait, nothing is lost.

RLIMIT_FSIZE stands for the full disk: the kernel refuses to write past it (EFBIG, mostly after a part
of the octets), it can be set for a running worker alone, and it can be lifted again.
"""

import asyncio
import resource

from tests.faults.chaos import Origin, body_of
from tests.faults.crowd import Crowd
from tests.faults.figures import MIB, Figures, Watch
from tests.faults.load import OK, STATUS, Ask, Load, reached
from tests.faults.stage import configuration
from tests.faults.test_slow_clients import large, read_slowly, spooled

ROOM = 150_000  # octets that a file may have; bodies up to 64 KiB need none


def fill_disk(proxy, room=ROOM):
    for pid in proxy.workers():
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, hard))


def empty_disk(proxy):
    fill_disk(proxy, resource.RLIM_INFINITY)


def upload(size):
    return lambda: Ask("POST", body=b"x" * size)


def test_uploads_without_room(stage):
    """A 503 for those that are too large for memory, on a connection that can be read; the others go on."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address))
            fill_disk(proxy)
            async with Watch(proxy) as watch:
                async with Load(proxy.place, upload(1_000_000), rate=50) as big, Load(
                    proxy.place, upload(50_000), rate=100
                ) as small:
                    await asyncio.gather(big.more(100), small.more(200))
                empty_disk(proxy)
                async with Load(proxy.place, upload(1_000_000), rate=50) as after:
                    await after.more(50)
                await reached(lambda: spooled(proxy) == 0)
            arrived = {one.mark for one in origin.requests}
            loads = {"1 MB uploads": big, "50 kB uploads": small, "1 MB, disk has room": after}
            figures = [Figures(f"disk full: {name}", load.outcomes, watch) for name, load in loads.items()]
            return figures, arrived, proxy

    (big, small, after), arrived, proxy = asyncio.run(scenario())
    for figures in (big, small, after):
        figures.report()
    assert {(one.kind, one.status) for one in big.outcomes} == {(STATUS, 503)}, big.why()
    assert not arrived & {one.ask.mark for one in big.outcomes}
    assert set(small.found) == {OK}, small.why()
    assert set(after.found) == {OK}, after.why()
    assert proxy.log().count("cannot keep a request body") == 1, "the log may be on the same disk"


def test_downloads_without_room(stage):
    """The endpoint waits for the slow client, who gets all of it."""
    size, count = 10 * MIB, 5

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address))
            fill_disk(proxy)
            async with Watch(proxy) as watch, Crowd(proxy.place, count, large(size), buffer=8192) as crowd:
                await reached(lambda: origin.busy == count)
                async with Load(proxy.place) as load:
                    await load.more(200)
                paused, files = origin.busy, spooled(proxy)
                async with Load(proxy.place) as late:
                    bodies = await asyncio.gather(*(read_slowly(sock, size) for sock in crowd.socks))
                await reached(lambda: origin.busy == 0)
            outcomes = load.outcomes + late.outcomes
            return Figures("disk full: 10 MB downloads", outcomes, watch), paused, files, bodies

    figures, paused, files, bodies = asyncio.run(scenario())
    figures.report(f"{paused} answers paused, {files} octets of files")
    assert paused == count
    assert files <= count * ROOM
    assert all(body == body_of("slow", size) for body in bodies)
    assert set(figures.found) == {OK}, figures.why()
    assert figures.watch.growth < 10 * MIB
