"""The harness for real: wrk's traffic as an origin sees it, and one short run."""

import asyncio
from dataclasses import replace
from itertools import chain

import pytest

from benchmarks import mix, table, wrk
from benchmarks.cases import CASES
from benchmarks.configs import Setup
from benchmarks.machine import choose_cpus
from benchmarks.measure import Bench, Plan, Runner
from benchmarks.origin import make_pem
from benchmarks.process import free_port
from benchmarks.subjects import SUBJECTS, served
from benchmarks.summary import summarize
from benchmarks.wrk import Load

pytestmark = [pytest.mark.scenario, pytest.mark.program("nginx", "haproxy", "wrk")]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%b\r\nhi"
FORWARDED = {
    "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip",
    "x-request-id", "via",
}


class Origin:
    """Answers everything and keeps the heads that it got, connection by connection."""

    def __init__(self):
        self.connections: list[list[bytes]] = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        heads = []
        self.connections.append(heads)
        close = False
        try:
            while not close:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                close = b"\r\nConnection: close\r\n" in heads[-1]
                writer.write(ANSWER % (b"Connection: close\r\n" if close else b""))
                await asyncio.sleep(0)  # a reader that never waits would starve the others
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def used(self):
        """Connections on which something was asked, without wrk's first look at the port."""
        return [heads for heads in self.connections if heads]


async def heads_of(load, folder):
    async with Origin() as origin:
        answers = await asyncio.to_thread(wrk.run, load, origin.port, 1, folder)
    assert answers.errors == 0
    assert answers.requests > 100
    return origin.used


async def test_one_block_per_connection_and_another_for_each_client(tmp_path):
    connections = await heads_of(Load("/", clients=3, connections_each=2), tmp_path)
    assert len(connections) == 6
    assert {len(set(heads)) for heads in connections} == {1}
    assert len(set(chain(*connections))) == 3


async def test_no_two_blocks_alike(tmp_path):
    connections = await heads_of(Load("/", clients=3, connections_each=2, varying=True), tmp_path)
    heads = list(chain(*connections))
    assert len(set(heads)) == len(heads)


async def test_a_connection_for_each_request(tmp_path):
    connections = await heads_of(Load("/", clients=3, connections_each=2, fresh=True), tmp_path)
    assert {len(heads) for heads in connections} == {1}


async def test_each_client_asks_for_the_files_of_the_mix_in_turn(tmp_path):
    connections = await heads_of(Load("/static/", clients=2, connections_each=1, mix=True), tmp_path)
    asked = [[head.split(b" ")[1].decode() for head in heads[:50]] for heads in connections]
    turns = [[f"/static/{mix.name(number)}" for number in mix.choices(client)[:51]] for client in range(2)]
    # wrk looks at the first request of its first thread before it sends any.
    assert sorted(asked) == sorted([turns[0][1:], turns[1][:-1]])
    assert [len({head.partition(b"\r\n")[2] for head in heads}) for heads in connections] == [1, 1]


# Caddy too, but `make test` does not install it; and fixed answers are no proxy.
PROXIES = [name for name in SUBJECTS if name not in {"caddy", "fixed-answers"}]


@pytest.mark.parametrize(("name", "secure"), [
    (name, secure) for name in PROXIES for secure in (False, True)
    if not secure or SUBJECTS[name].can_be_secure])
async def test_every_proxy_does_the_same_work(name, secure, tmp_path):
    async with Origin() as origin:
        pem = make_pem(tmp_path) if secure else None
        setup = Setup(free_port(), origin.port, tmp_path, tmp_path, pem=pem)
        await asyncio.to_thread(start_and_stop, SUBJECTS[name], setup)
    head = origin.used[0][0].decode()
    names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
    assert names >= FORWARDED
    assert f"X-Forwarded-Proto: {'https' if secure else 'http'}\r\n".lower() in head.lower()


def start_and_stop(subject, setup):
    with served(subject, setup, 0, "/") as pid:
        assert pid


async def test_connections_pause(tmp_path):
    load = Load("/", clients=2, connections_each=2, pause_ms=10.0)
    async with Origin() as origin:
        answers = await asyncio.to_thread(wrk.run, load, origin.port, 1, tmp_path)
    assert 0 < answers.rate <= 4 / 0.008  # the grain of wrk's clock may cut a millisecond off each pause


class Silent:
    """Nobody watches."""

    def set_description(self, desc):
        pass

    def update(self):
        pass


def test_a_short_run(tmp_path):
    small = CASES["small"]
    case = replace(small, load=replace(small.load, clients=2))
    plan = Plan([case], [SUBJECTS["ours"], SUBJECTS["nginx"]], rounds=1, seconds=1)
    runner = Runner(plan, Bench(tmp_path, *choose_cpus()), Silent())
    runner.run()
    assert runner.failures == []
    results = summarize(runner.samples["small"])
    ours = results["ours"]
    assert ours["figures"]["requests"] > 100
    assert ours["figures"]["errors"] == 0
    assert ours["ratios"]["cpu_us"] > 0
    assert [row[1] for row in table.rows({"small": results})] == ["ours", "nginx"]


@pytest.mark.parametrize("name", ["static1k-304", "static-mix"])
def test_a_short_run_of_files(name, tmp_path):
    case = CASES[name]
    case = replace(case, load=replace(case.load, clients=2))
    plan = Plan([case], [SUBJECTS["ours"], SUBJECTS["nginx"]], rounds=1, seconds=1)
    runner = Runner(plan, Bench(tmp_path, *choose_cpus()), Silent())
    runner.run()
    assert runner.failures == []
    samples = runner.samples[name]
    assert [samples[subject][0]["errors"] for subject in ("ours", "nginx")] == [0, 0]


def test_half_load_without_the_full_one(tmp_path):
    """`small` was not run: what is half of it is found out by a run without pauses."""
    plan = Plan([CASES["small-half"]], [SUBJECTS["nginx"]], rounds=1, seconds=1)
    runner = Runner(plan, Bench(tmp_path, *choose_cpus()), Silent())
    runner.run()
    assert runner.failures == []
    (sample,) = runner.samples["small-half"]["nginx"]
    assert sample["share"] > 0  # how near to half depends on what else the machine does
    assert sample["p99_p50"] == sample["p99_ms"] / sample["p50_ms"]
