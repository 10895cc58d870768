"""Reloads while people are served: nobody may notice, whatever changes (F14, F15 of the plan of faults).

A load on kept connections, one that opens a connection for each request, a WebSocket and slow downloads
run through ten reloads: endpoints, routes, rules, listeners and the number of workers change, and one
file is broken.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from proxy.process.hotline import call
from tests.faults.figures import Figures, Watch
from tests.faults.load import OK, RACED, Ask, Client, Load, reached
from tests.faults.stage import NAMES
from tests.scenarios.support import HOST, ROOT, free_port

UPGRADE = (b"GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


class Hasty(Client):
    """Has a connection for each request."""

    async def ask(self, ask, due=None):
        try:
            return await super().ask(ask, due)
        finally:
            self.close()


class Crowd(Load):
    """The same as a load."""

    def client(self):
        return Hasty(self.place)

    async def _run(self, start, number):
        client = self.client()
        while not self._stopping:
            await asyncio.sleep(self.connections / self.rate)
            self.outcomes.append(await client.ask(self.make()))


def echo(request, wire):
    """An endpoint that speaks a protocol of its own."""
    wire.send(SWITCHED)
    while data := wire.more():
        wire.send(data)
        wire.held = b""


class Site:
    """A proxy whose file is written anew; `file` has what its next reload will find."""

    def __init__(self, stage):
        self.stage = stage
        self.endpoints = [stage.chaos(name).address for name in NAMES]
        self.chat = stage.origin(echo).address
        self.port, self.other = free_port(), free_port()
        self.keys = {"workers": "2", "listen": f"[{HOST}:{self.port}]", "web": ", ".join(self.endpoints[:2]),
                     "rules": "", "more": "", "log": "false"}
        self.proxy = stage.proxy(self.yaml())
        self.file = self.proxy.process.args[-1]
        self.seconds, self.pauses = [], []

    def yaml(self):
        return """access_log: {log}
listen: {listen}
workers: {workers}
pools:
  web: {{endpoints: [{web}], {rules}}}
  chat: {{endpoints: ["CHAT"]}}
routes:
  - match: {{path: /chat}}
    reverse_proxy: chat
  {more}
  - reverse_proxy: web
""".format(**self.keys).replace("CHAT", self.chat)

    def write(self, **keys):
        self.keys.update(keys)
        with open(self.file, "w") as file:
            file.write(self.yaml())

    async def reload(self, **keys):
        """Have it done; what came of it."""
        self.write(**keys)
        outcome = await asyncio.to_thread(call, self.file, {"what": "reload"}, 60)
        if not outcome["problems"]:
            self.seconds.append(outcome["seconds"])
            self.pauses.append(outcome["pause"])
        return outcome

    async def change_all(self, between):
        """Ten reloads; `between` is awaited after each."""
        one, two, three = self.endpoints
        steps = [
            {"more": "- {match: {path: /ping}, respond: {status: 200, body: pong}}"},
            {"web": f"{one}, {two}, {three}"},
            {"workers": "3"},
            {"listen": f"[{HOST}:{self.port}, {HOST}:{self.other}]"},
            {"more": "- {match: {path: /ping}, respnd: {status: 200}}"},
            {"web": f"{three}, {{address: {one}, weight: 2}}", "more": ""},
            {"workers": "1", "rules": "strategy: least_connections, queue: {size: 9}, sticky: {}"},
            {"listen": f"[{HOST}:{self.port}]", "log": f"{{path: {self.stage.folder}/access.log}}"},
            {"rules": "retry: {attempts: 1}, ejection: false", "log": "false"},
            {"workers": "2"},
        ]
        refused = []
        for number, keys in enumerate(steps, 1):
            outcome = await self.reload(**keys)
            if outcome["problems"]:
                refused.append(number)
            await between()
        return refused


async def chat(place, stop):
    """A tunnel that is used all the time; returns how many words came back."""
    reader, writer = await asyncio.open_connection(*place)
    writer.write(UPGRADE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    words = 0
    while not stop.is_set():
        writer.write(b"%08d" % words)
        assert await asyncio.wait_for(reader.readexactly(8), 10) == b"%08d" % words
        words += 1
        await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    return words


def test_ten_reloads_under_load(stage):
    """0 requests fail, none is silently wrong; tunnels and downloads go on."""
    site = Site(stage)
    place = (HOST, site.port)

    async def scenario():
        stop = asyncio.Event()
        talk = asyncio.create_task(chat(place, stop))
        slow = [asyncio.create_task(Hasty(place).ask(Ask(query="drip=8", size=4_000_000))) for _ in range(4)]
        async with (Watch(site.proxy) as watch, Load(place, rate=300) as load,
                    Crowd(place, rate=100, connections=10) as crowd):
            await load.more(300)

            async def between():
                await load.more(150)

            refused = await site.change_all(between)
        stop.set()  # which a worker that has to go may wait for, as long as timeouts.drain
        words = await talk
        await reached(lambda: len(site.proxy.workers()) == 2)
        return refused, words, await asyncio.gather(*slow), load.outcomes, crowd.outcomes, watch

    refused, words, slow, kept, new, watch = asyncio.run(scenario())
    pauses = f"in {max(site.seconds) * 1000:.0f} ms at most, pause {max(site.pauses) * 1000:.1f} ms"
    figures = Figures("F14 10 reloads: kept connections", kept, watch)
    figures.report(pauses)
    others = Figures("F14 10 reloads: new connections", new)
    others.report(f"{words} words by WebSocket")
    assert refused == [5]
    assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{site.proxy.log()}"
    assert set(others.found) == {OK}, f"{others.why()}\n{site.proxy.log()}"
    assert {one.kind for one in slow} == {OK}
    assert words > 50
    assert max(site.pauses) < 0.1


def test_slow_answers_and_hups(stage):
    """Every answer takes a second; the file is read at each HUP."""
    site = Site(stage)

    async def scenario():
        async with Load((HOST, site.port), lambda: Ask(query="delay=1"), rate=100, connections=120) as load:
            await load.more(150)
            for number in range(3):
                site.write(rules=f"slow_start: {number + 1}s", workers=str(3 - number))
                site.proxy.signal(signal.SIGHUP)
                await load.more(100)
        return load.outcomes

    figures = Figures("F14 3 HUPs, answers of 1 s", asyncio.run(scenario()))
    figures.report()
    assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{site.proxy.log()}"
    site.proxy.wait_said("generation 4 ")


@pytest.mark.parametrize(("keys", "said"), [
    ({"rules": "strategy: round_robbin"}, "did you mean 'round_robin'?"),
    ({"rules": "["}, "yaml:"),
    ({"log": "{path: /nowhere/access.log}"}, "there is no folder"),
    ({"listen": "BUSY"}, "the address is in use"),
    ({"more": "- {match: {path: /s/*}, static: {root: /nowhere}}"}, "/nowhere"),
])
def test_what_is_wrong_is_said_and_changes_nothing(stage, keys, said):
    """F15: exit status 2, the words of a start, and the old configuration serves."""
    site = Site(stage)
    with socket.create_server((HOST, 0)) as busy:
        port = busy.getsockname()[1]
        before = site.proxy.workers()
        site.write(**{key: value.replace("BUSY", f"[{HOST}:{site.other}, {HOST}:{port}]")
                      for key, value in keys.items()})
        done = subprocess.run([sys.executable, "-m", "proxy", "reload", "-c", site.file], cwd=ROOT,
                              capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert said in site.proxy.log()
    assert "what ran before goes on" in site.proxy.log()
    assert site.proxy.workers() == before
    with pytest.raises(ConnectionRefusedError):
        stage.client((HOST, site.other))
    wire = stage.client((HOST, site.port))
    wire.get("/load", "X-Mark: m")
    assert wire.response().body == b"m\n"


def large(routes, endpoints, *, changed=0, pools=50):
    lines = ["access_log: false", f"listen: {HOST}:0", "pools:"]
    for pool in range(pools):
        places = range(pool * endpoints // pools, (pool + 1) * endpoints // pools)
        ports = (20000 + place + (changed if place % 7 == 0 else 0) for place in places)
        named = ", ".join(f"'{HOST}:{port}'" for port in ports)
        lines.append(f"  pool{pool}: {{endpoints: [{named}]}}")
    lines += ["routes:", "  - {match: {path: /ping}, respond: {status: 200, body: pong}}"]
    lines += [f"  - {{match: {{host: h{route % 97}.example, path: /app{route + changed}/*}}, "
              f"reverse_proxy: pool{route % pools}}}" for route in range(routes)]
    return "\n".join(lines) + "\n"


class Pinger:
    """Asks one worker again and again; the longest time it had to wait."""

    def __init__(self, place):
        self.place = place
        self.longest = 0.0
        self.count = 0
        self.over = False

    async def run(self):
        reader, writer = await asyncio.open_connection(*self.place)
        while not self.over:
            began = perf_counter()
            writer.write(b"GET /ping HTTP/1.1\r\nHost: a.example\r\n\r\n")
            await reader.readuntil(b"pong")
            self.longest = max(self.longest, perf_counter() - began)
            self.count += 1
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()

    async def during(self, work):
        """The longest wait while `work` lasts; what comes of it."""
        self.longest, self.count = 0.0, 0
        done = await work
        return self.longest, done


def test_a_large_configuration(stage):
    """1,000 routes and 500 endpoints, of which all routes and a seventh of the endpoints change."""
    proxy = stage.proxy(large(1000, 500))
    file = Path(proxy.process.args[-1])

    async def reload(**options):
        await asyncio.to_thread(file.write_text, large(1000, 500, **options))
        return await asyncio.to_thread(call, str(file), {"what": "reload"}, 60)

    async def scenario():
        pinger = Pinger(proxy.place)
        pinging = asyncio.create_task(pinger.run())
        await reached(lambda: pinger.count > 50)
        calm, _ = await pinger.during(asyncio.sleep(1))
        found = [await pinger.during(reload(changed=1000 * number)) for number in (1, 2, 3)]
        one_pool = await pinger.during(reload(pools=1))
        pinger.over = True
        await pinging
        return calm, found, one_pool

    calm, found, (longest, outcome) = asyncio.run(scenario())
    seconds = [outcome["seconds"] for _, outcome in found]
    figures = Figures("reload of 1,000 routes, 500 endpoints", [])
    figures.report(
        f"{min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f} ms",
        f"longest wait for an answer {max(wait for wait, _ in found) * 1000:.1f} ms (calm {calm * 1000:.1f})",
        f"pause {max(outcome['pause'] for _, outcome in found) * 1000:.1f} ms",
        f"all 500 in one pool: {outcome['seconds'] * 1000:.0f} ms, wait {longest * 1000:.1f}")
    assert all(not outcome["problems"] and len(outcome["changes"]) > 1000 for _, outcome in found)
    assert max(seconds) < 5
    assert max(wait for wait, _ in found) < 0.5
