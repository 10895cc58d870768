"""More clients than anybody needs: idle ones, and more than there are descriptors. F8 and F9."""

import asyncio
import re
from time import perf_counter

import pytest

from tests.faults.chaos import Origin
from tests.faults.crowd import Crowd, many_descriptors
from tests.faults.figures import KIB, Busy, Figures, Watch
from tests.faults.load import OK, Ask, Beside, Client, Load, reached
from tests.faults.stage import configuration
from tests.scenarios.support import open_fds

PING = b"GET /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: crowd\r\n\r\n"


def test_ten_thousand_idle_clients(stage):
    """F8: they cost little, hold nobody up, and what they cost serves those who come after them.

    The allocator gives hardly anything back to the system, so that a second crowd has to do.
    """

    async def scenario(count):
        async with Origin() as origin:
            proxy = stage.proxy(configuration(
                origin.address, more="limits: {connections: 20000}\ntimeouts: {request_head: 60s}"))
            async with Watch(proxy) as watch, Load(proxy.place) as load:
                await load.more(150)
                before = await load.more(450)
                pss = [watch.pss()]
                async with Crowd(proxy.place, count) as crowd:
                    await reached(lambda: open_fds(proxy.workers()[0]) > count)
                    pss.append(watch.pss())
                    assert all(answer.startswith(b"HTTP/1.1 200") for answer in await crowd.ask(PING))
                    pss.append(watch.pss())
                    await load.more(100)
                    async with Load(origin.place, rate=150) as control:
                        beside = await load.more(450)
                await reached(lambda: open_fds(proxy.workers()[0]) < 300)
                async with Crowd(proxy.place, count):
                    await reached(lambda: open_fds(proxy.workers()[0]) > count)
                    pss.append(watch.pss())
            others = Beside(before, beside, control.outcomes)
            return Figures(f"F8 {count} idle clients", load.outcomes, watch), others, pss

    with many_descriptors() as limit:
        # The proxy sets aside two descriptors for each client, and the load needs some.
        count = min(10_000, limit // 2 - 200)
        figures, others, pss = asyncio.run(scenario(count))
    silent, asked = ((some - pss[0]) / count for some in pss[1:3])
    figures.report(
        f"each {silent / KIB:.1f} kB, {asked / KIB:.1f} kB after a request",
        "PSS {} MB".format("/".join(f"{some / KIB / KIB:.0f}" for some in pss)),
        str(others))
    assert set(figures.found) == {OK}, figures.why()
    assert asked < 5 * KIB
    assert pss[3] - pss[0] < 1.5 * (pss[2] - pss[0]), "a second crowd takes more memory than the first"
    assert others.unharmed


def test_more_clients_than_descriptors(stage):
    """F9: who finds no room waits, without the proxy spinning, until there is room."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address), fds=256)
            async with Watch(proxy) as watch, Crowd(proxy.place, 600, PING) as crowd:
                loop = asyncio.get_running_loop()
                readers = {sock: asyncio.create_task(loop.sock_recv(sock, 4096)) for sock in crowd.socks}
                await reached(lambda: origin.answered >= 90)
                busy = Busy(proxy)
                await asyncio.wait(readers.values(), timeout=2)
                share = busy.share()
                served = [sock for sock, reader in readers.items() if reader.done()]
                # The endpoint can still be reached while all places are taken.
                served[0].sendall(PING)
                again = await loop.sock_recv(served[0], 4096)
                released = perf_counter()
                leave(served)
                rest = [reader for sock, reader in readers.items() if sock not in served]
                await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)
                first = perf_counter() - released
                while waiting := [reader for reader in readers.values() if not reader.done()]:
                    leave(sock for sock, reader in readers.items() if reader.done())
                    await asyncio.wait(waiting, timeout=0.05)
                over = perf_counter() - released
            answers = [again, *(reader.result() for reader in readers.values())]
            figures = Figures("F9 256 descriptors, 600 clients", watch=watch)
            return figures, share, len(served), first, over, answers

    def leave(socks):
        for sock in socks:
            sock.close()

    figures, share, served, first, over, answers = asyncio.run(scenario())
    figures.report(f"{served} served at once, CPU while the rest waits {share:.1%}",
                   f"next served {first * 1000:.0f} ms after a release, all {over:.1f} s after it")
    assert 50 < served < 250
    assert share < 0.05
    assert first < 1
    assert all(re.fullmatch(rb"HTTP/1\.1 200 .*\r\n\r\ncrowd\n", answer, re.DOTALL) for answer in answers)
    assert len(answers) == 601


@pytest.mark.parametrize("size", [200_000, 1_000_000])  # the shorter is nearly all here when it waits
def test_descriptors_run_out_in_the_midst(stage, size):
    """F9: a client that needs three (its own, a temporary file, the endpoint's) waits for them."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(configuration(origin.address), fds=256)
            make = lambda: Ask("POST", query="delay=0.3", body=b"x" * size)  # noqa: E731
            async with Watch(proxy) as watch, Load(proxy.place, make, rate=None, connections=200) as load:
                await load.more(400)
            client = Client(proxy.place)
            after = [await client.ask(Ask("POST", body=b"x" * size)) for _ in range(20)]
            client.close()
            return Figures(f"F9 {size // 1000} kB without descriptors", load.outcomes, watch), after, proxy

    figures, after, proxy = asyncio.run(scenario())
    figures.report()
    assert {one.kind for one in after} == {OK}
    assert {one.status for one in figures.outcomes} == {200}, figures.why()
    assert (figures.failed, figures.cut, figures.wrong) == (0, 0, 0), figures.why()
    assert "cannot be reached" not in proxy.log(), "our shortage is not the endpoint's fault"
