"""Certificates that are renewed, broken or gone, handshakes that never end, clients that idle. F8, F23."""

import asyncio
import os
import signal
import ssl

import psutil
import pytest

from proxy.process.hotline import call
from tests.authority import Authority
from tests.faults.chaos import Origin
from tests.faults.crowd import Crowd, many_descriptors
from tests.faults.figures import KIB, Figures, Watch
from tests.faults.load import OK, RACED, Ask, Beside, Load, half_posts, reached
from tests.faults.secure import NAME, HastyClient, SecureClient, SecureLoad
from tests.faults.stage import configuration
from tests.faults.test_upgrades import Line
from tests.scenarios.support import HOST, LOOPS, open_fds


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def secure(authority, origin, *, more="", **options):
    tls = authority.tls(NAME, **options)
    return f"listen: {{address: '{HOST}:0', tls: {tls}}}\n" + configuration(origin.address, more=more)


def serial(place, context):
    async def ask():
        client = SecureClient(place, context)
        await client.connect()
        client.close()
        return client.shown

    return ask()


def file_of(proxy):
    return proxy.process.args[-1]


def reload(proxy):
    return asyncio.to_thread(call, file_of(proxy), {"what": "reload"}, 60)


@pytest.mark.parametrize("loop", LOOPS)
def test_certificates_are_renewed_under_load(stage, authority, loop):
    """F23: the new one is shown from the reload on, what is wrong with one is said and changes nothing."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(secure(authority, origin, more="workers: 2", days=3), loop=loop)
            context = authority.client()
            long = SecureClient(proxy.place, context)
            shown, refused = [], []
            async with (Watch(proxy) as watch,
                        SecureLoad(proxy.place, context, half_posts(1), rate=100, connections=10) as kept,
                        SecureLoad(proxy.place, context, rate=50, connections=5, kind=HastyClient) as new):
                download = asyncio.create_task(long.ask(Ask(size=4_000_000, query="drip=3")))
                for days in (30, 60, 90):
                    shown.append(await serial(proxy.place, context))
                    authority.issue(NAME, days=days)
                    assert not (await reload(proxy))["problems"]
                    await new.more(20)
                shown.append(await serial(proxy.place, context))
                other, _ = authority.issue("b.example", file="other")
                for spoil in (lambda path: path.write_bytes(path.read_bytes()[:300]),
                              lambda path: path.write_bytes(other.read_bytes()),
                              lambda path: path.unlink()):
                    spoil(authority.folder / "cert.pem")
                    refused.append((await reload(proxy))["problems"])
                    await new.more(20)
                first = proxy.workers()[0]
                os.kill(first, signal.SIGTERM)  # its successor has no file to read
                await reached(lambda: first not in proxy.workers() and len(proxy.workers()) == 2)
                await new.more(20)
                shown.append(await serial(proxy.place, context))
                whole = await download
            long.close()
            await asyncio.sleep(0)
            return shown, refused, whole, kept.outcomes, new.outcomes, watch

    shown, refused, whole, kept, new, watch = asyncio.run(scenario())
    old, fresh = (Figures(f"F23 renewals, {which} connections", some, watch)
                  for which, some in (("kept", kept), ("new", new)))
    old.report()
    fresh.report()
    assert len(set(shown)) == 4
    assert shown[3] == shown[4]
    assert [len(problems) for problems in refused] == [1, 1, 1]
    for problems, said in zip(refused, ("no certificate in PEM", "is not the key of", "is not a file"),
                              strict=True):
        assert said in problems[0]
    assert whole.kind == OK
    assert set(old.found) <= {OK, RACED}, old.why()
    assert set(fresh.found) == {OK}, fresh.why()


@pytest.mark.parametrize("loop", LOOPS)
def test_upgrades_under_load(stage, authority, loop):
    async def scenario():
        async with Origin() as origin:
            line = Line(stage, secure(authority, origin, more="workers: 2"), loop)
            context = authority.client()
            async with (SecureLoad(line.place, context, half_posts(2), rate=100, connections=10) as kept,
                        SecureLoad(line.place, context, rate=50, connections=5, kind=HastyClient) as new):
                for _ in range(2):
                    await new.more(20)
                    await line.upgrade()
                    await new.more(20)
            return kept.outcomes, new.outcomes, line.proxy.log()

    kept, new, said = asyncio.run(scenario())
    figures = Figures("USR2 over TLS, twice", kept + new)
    figures.report(loop)
    assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{said}"
    assert said.count("ready: https://") == 3


@pytest.mark.parametrize("loop", LOOPS)
def test_handshakes_that_never_end(stage, authority, loop):
    """F23: 200 of them, one in the middle; they are closed in time and others do not wait for them."""

    async def scenario():
        async with Origin() as origin:
            proxy = stage.proxy(
                secure(authority, origin, more="timeouts: {request_head: 2s}"), loop=loop)
            context = authority.client()
            hello = hello_of(context)
            async with SecureLoad(proxy.place, context, rate=100, connections=10) as load:
                await load.more(100)
                before = await load.more(200)
                async with (Crowd(proxy.place, 100, hello) as begun,
                            Crowd(proxy.place, 100, hello[:50]) as half):
                    async with Load(origin.place, rate=100, connections=10) as control:
                        ends = await asyncio.gather(begun.receive_all(), half.receive_all())
                    beside = load.outcomes[-200:]
                await load.more(50)
            return load.outcomes, Beside(before, beside, control.outcomes), ends

    outcomes, others, ends = asyncio.run(scenario())
    times = [seconds for some in ends for seconds, _ in some]
    figures = Figures("F23 200 handshakes that never end", outcomes)
    figures.report(f"closed after {min(times):.1f} to {max(times):.1f} s", str(others))
    assert set(figures.found) == {OK}, figures.why()
    assert min(times) > 1.5
    assert max(times) < 4
    assert others.unharmed


def hello_of(context):
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=NAME).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("loop", LOOPS)
def test_two_thousand_idle_clients(stage, authority, loop):
    """F8: 40 kB each at most, and they are gone when the clients are."""

    async def scenario(count):
        async with Origin() as origin:
            proxy = stage.proxy(
                secure(authority, origin, more="limits: {connections: 20000}"), loop=loop)
            context = authority.client()
            asking = asyncio.Semaphore(20)

            async def join(client):
                async with asking:
                    return await client.ask(Ask())

            worker = psutil.Process(proxy.workers()[0])
            clients = [SecureClient(proxy.place, context) for _ in range(count)]
            warm = SecureClient(proxy.place, context)
            outcomes = [await warm.ask(Ask())]
            before = worker.memory_info().rss
            outcomes += await asyncio.gather(*map(join, clients))
            each = (worker.memory_info().rss - before) / count
            for client in clients:
                client.close()
            warm.close()
            await reached(lambda: open_fds(worker.pid) < 200)
            return outcomes, each

    with many_descriptors() as limit:
        outcomes, each = asyncio.run(scenario(min(2000, limit // 2 - 200)))
    figures = Figures("F8 2,000 idle clients with TLS", outcomes)
    figures.report(f"each {each / KIB:.1f} kB ({loop})")
    assert set(figures.found) == {OK}, figures.why()
    assert each < 40 * KIB
