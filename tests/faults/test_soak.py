"""An hour of all kinds of traffic, with faults in every minute (F26 of the fault plan).

Each minute one of three endpoints is killed and comes back (F1), clients stall in a head, and the file is
read again with a change (F14); a pool of its own closes what is kept open at any moment (F5). What may
fail is what a kill explains: a POST that was under way, an answer that had begun. Memory and descriptors
must not grow once the first sixth of the time, in which caches fill and connections are opened, is over.

`SOAK_MINUTES=4` makes it shorter.
"""

import asyncio
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from time import perf_counter

import psutil
import pytest

from proxy.process.hotline import call
from tests.faults.chaos import Origin
from tests.faults.crowd import Crowd
from tests.faults.figures import KIB, MIB, Figures
from tests.faults.load import CUT, OK, RACED, Ask, Client, Load, half_posts, quantile
from tests.faults.stage import Kills
from tests.faults.test_reloads import chat, echo
from tests.scenarios.support import free_port, open_fds, rss

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
MINUTE = 60
AWAY = 3  # seconds that an endpoint is dead
GROWTH = 4096  # kB that the slope may make of all the minutes: what is noise in four is a leak in sixty
FILES = {"small.css": b"a { color: red }\n" * 200, "large.bin": bytes(range(256)) * 4096}
HEAD = b"GET /load HTTP/1.1\r\nHost: a.example\r\nX-Long: "
SITE = """
listen: 127.0.0.1:{port}
workers: 2
access_log: {{path: {folder}/access.log, rotate: {{size: 1MiB, keep: 2}}}}
timeouts: {{request_head: 5s}}
pools:
  web: {{endpoints: [{web}], health_check: {{path: /load, interval: 1s}}, strategy: {strategy}}}
  hasty: {{endpoints: [{hasty}]}}
  chat: {{endpoints: ["{chat}"]}}
routes:
  - {{match: {{path: /static/*}}, static: {{root: {folder}/static, max_age: {age}m}}}}
  - {{match: {{path: /chat}}, reverse_proxy: chat}}
  - {{match: {{query: {{to: hasty}}}}, reverse_proxy: hasty}}
  - {{reverse_proxy: web, compress: true}}
"""


class Slow(Client):
    """Takes a quarter of a megabyte at a time at most, and rests."""

    async def _event(self, parser):
        await asyncio.sleep(0.1)
        return await super()._event(parser)


class FileAsk(Ask):
    """For the static file that `query` names."""

    def bytes(self):
        return f"GET /static/{self.query} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode()


class Reader(Client):
    """Asks for static files."""

    def _judge(self, ask, outcome, head, body):
        outcome.status = head.status_code
        outcome.kind = OK if (head.status_code, body) == (200, FILES[ask.query]) else "wrong"


class Visitors(Load):
    """A load of other clients, who rest between two requests."""

    def __init__(self, place, make, client, **options):
        super().__init__(place, make, **options)
        self.client = client

    async def _run(self, start, number):
        client = self.client(self.place)
        while not self._stopping:
            await asyncio.sleep(self.connections / self.rate)
            outcome = await client.ask(self.make())
            self.outcomes.append(outcome)
            if outcome.kind == RACED:
                self.outcomes.append(await client.ask(outcome.ask))
        client.close()


def loads_of(place):
    chance = random.Random(26)
    return {
        "web": Load(place, half_posts(26), rate=80, connections=10),
        "hasty": Load(place, half_posts(27, "to=hasty"), rate=50, connections=10),
        "downloads": Visitors(place, lambda: Ask(size=6 * MIB), Client, rate=1, connections=2),
        "slow": Visitors(place, lambda: Ask(size=3 * MIB), Slow, rate=4, connections=4),
        "files": Visitors(place, lambda: FileAsk(query=chance.choice(list(FILES))), Reader, rate=10,
                          connections=5),
    }


@dataclass
class Usage:
    """What the proxy's processes have, second by second: (minute, octets or descriptors)."""

    proxy: object
    memory: list = field(default_factory=list)
    fds: list = field(default_factory=list)

    async def watch(self):
        began = perf_counter()
        while True:
            minute = (perf_counter() - began) / MINUTE
            pids = [self.proxy.pid, *self.proxy.workers()]
            try:
                self.memory.append((minute, sum(map(rss, pids))))
                self.fds.append((minute, sum(map(open_fds, pids))))
            except (psutil.NoSuchProcess, FileNotFoundError):
                pass  # it was asked while a process ended
            await asyncio.sleep(1)

    def slope(self):
        """kB per minute by least squares, after the first sixth of the time so far."""
        later = [look for look in self.memory if look[0] > self.memory[-1][0] / 6]
        minutes, octets = zip(*later, strict=True)
        return linear_regression(minutes, octets).slope / KIB

    def lowest_fds(self, minute):
        return min(fds for when, fds in self.fds if int(when) == minute)


class Tally:
    """What became of all requests; only those that failed are kept."""

    def __init__(self, kills, hasty):
        self.kills = kills
        self.hasty = hasty
        self.sent = Counter()
        self.explained = 0
        self.unexplained = []
        self.twice = 0

    def take(self, loads):
        """Count what has come; the 99 % time of the short ones."""
        short = []
        for name, load in loads.items():
            load._broken()
            outcomes, load.outcomes = load.outcomes, []
            self.sent[name] += sum(one.kind != RACED for one in outcomes)
            self._judge(outcomes)
            if name in ("web", "hasty"):
                short += outcomes
        self.hasty.begun.clear()
        self.hasty.requests.clear()
        return quantile(short, 0.99)

    def _judge(self, outcomes):
        for one in outcomes:
            self.twice += one.ask.method == "POST" and self.hasty.begun[one.ask.mark] > 1
            if one.kind in (OK, RACED):
                continue
            if self.kills.met(one) and (one.kind == CUT or one.ask.method == "POST"):
                self.explained += 1
            else:
                self.unexplained.append(one)

    def why(self):
        return Figures("F26", self.unexplained).why()


class Site:
    """The proxy, what is behind it and what is done to them."""

    def __init__(self, stage, hasty):
        self.stage = stage
        self.kills = Kills(stage)
        self.folder = stage.folder
        (self.folder / "static").mkdir()
        for name, body in FILES.items():
            (self.folder / "static" / name).write_bytes(body)
        self.keys = {"folder": stage.folder, "web": ", ".join(self.kills.addresses), "hasty": hasty.address,
                     "chat": stage.origin(echo).address, "port": free_port()}
        self.proxy = stage.proxy(self.yaml(0))
        self.file = Path(self.proxy.process.args[-1])

    def yaml(self, minute):
        strategy = ("round_robin", "least_connections", "random_two")[minute % 3]
        return SITE.format(strategy=strategy, age=minute + 1, **self.keys)

    async def reload(self, minute):
        self.file.write_text(self.yaml(minute))
        outcome = await asyncio.to_thread(call, str(self.file), {"what": "reload"}, 60)
        assert outcome["problems"] == []

    async def stall(self):
        async with Crowd(self.proxy.place, 20, HEAD) as crowd:
            answers = await crowd.receive_all()
        assert all(data.startswith(b"HTTP/1.1 408 ") for _, data in answers)

    async def minute(self, number):
        """The faults of one, a sixth of it apart, with calm at both ends; a tunnel lasts through it."""
        over = asyncio.Event()
        talk = asyncio.create_task(chat(self.proxy.place, over))
        began = perf_counter()
        await asyncio.sleep(MINUTE / 6)
        origin = self.kills.kill()
        await asyncio.sleep(AWAY)
        await self.kills.start(origin)
        for at, act in ((2, self.stall()), (3, self.reload(number + 1))):
            await asyncio.sleep(max(0, began + at * MINUTE / 6 - perf_counter()))
            await act
        await asyncio.sleep(max(0, began + MINUTE - 1 - perf_counter()))
        over.set()
        assert await talk > 0
        await asyncio.sleep(max(0, began + MINUTE - perf_counter()))


@pytest.mark.long
def test_an_hour_of_everything(stage, capsys):
    """RSS and descriptors stay where they are, and nothing fails but what a kill explains."""
    minutes = max(4, round(MINUTES))  # in three the caches still fill: +1,377 kB/min

    def tell(line):
        with capsys.disabled():
            print(line, flush=True)

    async def scenario():
        async with Origin("hasty", idle=(0.001, 0.05)) as hasty:
            site = await asyncio.to_thread(Site, stage, hasty)
            usage, tally = Usage(site.proxy), Tally(site.kills, hasty)
            loads = loads_of(site.proxy.place)
            over = asyncio.Event()
            talk = asyncio.create_task(chat(site.proxy.place, over))
            watching = asyncio.create_task(usage.watch())
            workers = site.proxy.workers()
            async with AsyncExitStack() as running:
                for load in loads.values():
                    await running.enter_async_context(load)
                for number in range(minutes):
                    await site.minute(number)
                    p99 = tally.take(loads)
                    tell(f"minute {number + 1} of {minutes}: {sum(tally.sent.values())} requests, "
                         f"{tally.explained} lost by kills, {len(tally.unexplained)} unexplained; p99 "
                         f"{p99 * 1000:.0f} ms; RSS {usage.memory[-1][1] / MIB:.1f} MB, "
                         f"{usage.slope():+.0f} kB/min; descriptors {usage.lowest_fds(number)} at least")
            tally.take(loads)
            watching.cancel()
            over.set()
            assert await talk > 0
            assert site.proxy.workers() == workers
        return site, usage, tally

    site, usage, tally = asyncio.run(scenario())
    first, last = usage.lowest_fds(max(1, minutes // 6)), usage.lowest_fds(minutes - 1)
    Figures(f"F26 soak of {minutes} min", []).report(
        ", ".join(f"{count} {name}" for name, count in tally.sent.items()),
        f"lost by {len(site.kills.times)} kills {tally.explained}",
        f"unexplained {len(tally.unexplained)}", f"POSTs that arrived twice {tally.twice}",
        f"RSS {usage.memory[-1][1] / MIB:.1f} MB, slope {usage.slope():+.1f} kB/min",
        f"descriptors at least {first} -> {last}")
    assert not tally.unexplained, f"{tally.why()}\n{site.proxy.log()}"
    assert tally.twice == 0
    assert abs(last - first) <= 4
    assert usage.slope() < GROWTH / minutes
