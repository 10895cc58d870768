"""What several workers do together: balancing, limits and queues as if they were one."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.scenarios.support import HOST, wait_until

PAUSE = 0.01   # seconds between two requests: what workers know of each other is 2 ms old
SERVICE = 0.02
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Endpoint:
    """Holds requests until `release`, or answers each after `service` seconds; counts what it works on."""

    def __init__(self, service=None):
        self.service = service
        self.now = self.most = 0
        self._go = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_):
        self.release()
        self._server.close()

    def release(self):
        self._go.set()

    async def _serve(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader, writer):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.service is None:
                await self._go.wait()
            else:
                await asyncio.sleep(self.service)
        finally:
            self.now -= 1
        writer.write(ANSWER)


class Crowd:
    """Clients, each with a connection of its own, so that the kernel spreads them over the workers."""

    def __init__(self, place):
        self.place = place
        self.asking = []

    def ask(self):
        self.asking.append(asyncio.create_task(self._ask()))
        return self.asking[-1]

    async def _ask(self):
        began = perf_counter()
        reader, writer = await asyncio.open_connection(*self.place)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
            head = await reader.read(-1)
        except OSError:
            head = b"HTTP/1.1 000"
        finally:
            writer.close()
        return int(head[9:12] or 0), perf_counter() - began


async def until(is_true):
    await asyncio.to_thread(wait_until, is_true)


def configuration(endpoints, workers, pool="", endpoint="", top=""):
    items = ", ".join(f"{{address: '{one.address}', {endpoint}}}" for one in endpoints)
    return (f"access_log: false\nworkers: {workers}\n{top}\n"
            f"pools: {{web: {{endpoints: [{items}], {pool}}}}}\nroutes: [{{reverse_proxy: web}}]\n")


@asynccontextmanager
async def endpoints_of(count, service=None):
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Endpoint(service)) for _ in range(count)]


@pytest.mark.parametrize("workers", [2, 4])
def test_least_connections_counts_what_all_workers_have_in_flight(stage, workers):
    """Of workers that know their own alone some endpoints would have five, and others one."""

    async def scene():
        async with endpoints_of(8) as endpoints:
            proxy = stage.proxy(configuration(endpoints, workers, "strategy: least_connections"))
            crowd = Crowd(proxy.place)
            for number in range(1, 25):
                crowd.ask()
                await until(lambda number=number: sum(one.now for one in endpoints) == number)
                await asyncio.sleep(PAUSE)
            found = [one.now for one in endpoints]
            for one in endpoints:
                one.release()
            assert {status for status, _ in await asyncio.gather(*crowd.asking)} == {200}
        assert found == [3] * 8

    asyncio.run(scene())


@pytest.mark.parametrize("workers", [2, 4])
def test_a_limit_holds_in_total_and_the_queue_drains(stage, workers):
    async def scene():
        async with endpoints_of(2, SERVICE) as endpoints:
            proxy = stage.proxy(configuration(
                endpoints, workers, "queue: {size: 100, timeout: 10s}", "max_connections: 2"))
            crowd = Crowd(proxy.place)
            outcomes = await asyncio.gather(*(crowd.ask() for _ in range(100)))
        assert {status for status, _ in outcomes} == {200}
        assert [one.most for one in endpoints] == [2, 2]
        ideal = 100 / 4 * SERVICE
        assert max(seconds for _, seconds in outcomes) < 4 * ideal + 1

    asyncio.run(scene())


def test_without_a_queue_what_is_over_the_limit_is_turned_away(stage):
    async def scene():
        async with endpoints_of(1) as endpoints:
            proxy = stage.proxy(configuration(endpoints, 4, "retry: false", "max_connections: 3"))
            crowd = Crowd(proxy.place)
            for _ in range(20):
                crowd.ask()
            await until(lambda: sum(task.done() for task in crowd.asking) == 17 and endpoints[0].now == 3)
            endpoints[0].release()
            statuses = sorted(status for status, _ in await asyncio.gather(*crowd.asking))
        assert statuses == [200] * 3 + [503] * 17

    asyncio.run(scene())


def test_what_a_killed_worker_had_in_flight_counts_no_more(stage):
    async def scene():
        async with endpoints_of(1) as endpoints:
            proxy = stage.proxy(configuration(
                endpoints, 2, "queue: {size: 10, timeout: 10s}, retry: false", "max_connections: 2"))
            crowd = Crowd(proxy.place)
            for _ in range(2):
                crowd.ask()
            await until(lambda: endpoints[0].now == 2)
            before = proxy.workers()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await until(lambda: len(set(proxy.workers()) - set(before)) == 2)
            await asyncio.gather(*crowd.asking)
            endpoints[0].release()
            assert (await Crowd(proxy.place).ask())[0] == 200

    asyncio.run(scene())


def metrics_of(proxy):
    """Name and labels -> value."""
    url = proxy.said(r"admin (http://[^,]+),")[1]
    answer = requests.get(f"{url}/metrics", timeout=15)
    assert answer.status_code == 200, answer.text
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text) for sample in family.samples}


def answered(proxy):
    return sum(value for (name, *_), value in metrics_of(proxy).items() if name == "pyfront_requests_total")


def test_metrics_are_one_truth_and_outlive_workers(stage):
    async def scene():
        async with endpoints_of(2, 0.0) as endpoints:
            proxy = stage.proxy(configuration(endpoints, 2, top=f"admin: {HOST}:0"))
            crowd = Crowd(proxy.place)
            for _ in range(40):
                assert (await crowd.ask())[0] == 200
            await until(lambda: answered(proxy) == 40)
            victims = proxy.workers()
            for pid in victims[:2]:  # the workers: the desk is started after them
                os.kill(pid, signal.SIGKILL)
            await until(lambda: metrics_of(proxy)["pyfront_worker_deaths_total",] == 2)
            await until(lambda: metrics_of(proxy)["pyfront_workers",] == 2)
            assert await asyncio.to_thread(answered, proxy) == 40, "the dead are still counted"
            assert (await crowd.ask())[0] == 200
            await until(lambda: answered(proxy) == 41)
            found = await asyncio.to_thread(metrics_of, proxy)
        heads = sum(value for (name, *_), value in found.items()
                    if name == "pyfront_endpoint_head_duration_seconds_count")
        ups = [value for (name, *_), value in found.items() if name == "pyfront_endpoint_up"]
        assert (heads, ups) == (41, [1, 1])
        assert found["pyfront_connections_accepted_total",] >= 41

    asyncio.run(scene())
