"""The wall clock jumps by an hour while people are served (F21 of the fault plan).

The proxy runs under libfaketime, which tells it another time of day and leaves the monotonic clock alone, as
a step of NTP or an administrator does. What lasts must last as long as ever; what tells the time must tell
the new one. Each jump is met by what has begun before it: a request that is never answered, one that is
answered late, an idle connection, half a head, an ejected endpoint.
"""

import asyncio
import json
import os
import re
import time
from contextlib import AsyncExitStack
from datetime import datetime
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from time import perf_counter

import pytest

from tests.faults.chaos import Origin, three_origins
from tests.faults.figures import Figures, Watch
from tests.faults.load import OK, RACED, Ask, Client, Load, half_posts, reached
from tests.scenarios.support import LOOPS, Message

HOUR = 3600
HEAD_TIME, ANSWER_TIME, KEPT_TIME = 1.5, 2.0, 3.0  # request_head, response_head and keep_alive below
LATENESS = 1.5    # seconds that a deadline may be late here; it is checked every quarter of a second
YESTERDAY = 86400
SITE = """
access_log: {{path: {folder}/access.log, format: json, headers: [X-Mark],
             rotate: {{age: 1h, keep: null, compress: false}}}}
timeouts: {{request_head: 1500ms, response_head: 2s, keep_alive: 3s}}
pools:
  web: {{endpoints: [{web}]}}
  silent: {{endpoints: [{silent}], ejection: false, retry: false}}
  late: {{endpoints: [{late}]}}
  kept: {{endpoints: [{kept}]}}
  checked: {{endpoints: [{checked}], health_check: {{path: /load, interval: 200ms}}, ejection: false}}
  ejecting: {{endpoints: [{ejecting}, {late}], ejection: {{duration: 2s}}}}
routes:
  - {{match: {{path: /static/*}}, static: {{root: {folder}/static}}}}
  - {{match: {{query: {{to: silent}}}}, reverse_proxy: silent}}
  - {{match: {{query: {{to: late}}}}, reverse_proxy: late}}
  - {{match: {{query: {{to: kept}}}}, reverse_proxy: kept}}
  - {{match: {{query: {{to: checked}}}}, reverse_proxy: checked}}
  - {{match: {{query: {{to: ejecting}}}}, reverse_proxy: ejecting}}
  - {{reverse_proxy: web}}
"""


class Clock:
    """The time of day of those who run in its `env`; `jumps` are (moment of perf_counter, seconds off)."""

    def __init__(self, folder):
        self.file = folder / "clock"
        self.jumps = []
        self.jump(0)
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        self.env = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        }

    def jump(self, seconds):
        """From now on so many seconds off the real time."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        self.jumps.append((perf_counter(), seconds))
        new.rename(self.file)

    def now(self):
        return time.time() + self.jumps[-1][1]

    def tells(self, moment):
        """Seconds between what is told and the time now."""
        return moment.timestamp() - self.now()

    def may_have_been(self, outcome):
        """The times of day at which the request may have been sent, for those who look at its end."""
        sent = time.time() - (perf_counter() - outcome.sent)
        until = [then for then, _ in self.jumps[1:]] + [float("inf")]
        return [sent + off for (since, off), then in zip(self.jumps, until, strict=True)
                if since <= outcome.ended and outcome.sent - 0.1 <= then]


async def talk(place, data):
    """(seconds until the connection ends, all that came) for what is sent on a connection of its own."""
    reader, writer = await asyncio.open_connection(*place)
    writer.write(data)
    began = perf_counter()
    async with asyncio.timeout(20):
        found = await reader.read()
    writer.close()
    return perf_counter() - began, found


async def ask(place, name, *fields):
    """The answer for a static file."""
    lines = "".join(f"{field}\r\n" for field in ("Host: a.example", "Connection: close", *fields))
    _, found = await talk(place, f"GET /static/{name} HTTP/1.1\r\n{lines}\r\n".encode())
    head, _, body = found.partition(b"\r\n\r\n")
    message = Message(head + b"\r\n\r\n")
    message.body = body
    return message


def date(message, name=b"Date"):
    return parsedate_to_datetime(message.get(name).decode())


class Site:
    """What is behind the proxy, and what is looked at around each jump."""

    def __init__(self, stage, loop, web, **others):
        self.clock = Clock(stage.folder)
        self.kept, self.checked, self.ejecting = (others[name] for name in ("kept", "checked", "ejecting"))
        self.folder = stage.folder
        self.write_files()
        self.proxy = stage.proxy(SITE.format(
            folder=stage.folder, web=", ".join(origin.address for origin in web),
            **{name: origin.address for name, origin in others.items()},
        ), loop=loop, env=self.clock.env)
        self.place = self.proxy.place
        self.outcomes = []
        self.errors = []  # seconds by which deadlines were missed

    def write_files(self):
        (self.folder / "static").mkdir()
        for name, age in (("old", YESTERDAY), ("new", 0)):
            file = self.folder / "static" / name
            file.write_text(name)
            os.utime(file, (time.time() - age,) * 2)

    async def ask(self, query):
        client = Client(self.place)
        outcome = await client.ask(Ask(query=query))
        client.close()
        self.outcomes.append(outcome)
        return outcome

    async def across(self, seconds):
        """Begin all that takes a while, jump, and see what becomes of it."""
        kept = Client(self.place)
        assert (await kept.ask(Ask(query="to=kept"))).kind == OK
        sock, dialled = kept.sock, self.kept.accepted
        ejected, lasts = await self.eject()
        begun = [asyncio.create_task(work) for work in (
            self.ask("to=silent"),
            self.ask("to=late&delay=1.8"),
            talk(self.place, b"GET / HTTP/1.1\r\nHost: a.example\r\n"),
            talk(self.place, b"GET /static/old HTTP/1.1\r\nHost: a.example\r\n\r\n"),
            self.back(ejected),
        )]
        await asyncio.sleep(0.5)
        self.clock.jump(seconds)
        await self.see_time()
        again = await kept.ask(Ask(query="to=kept"))
        assert (again.kind, kept.sock, self.kept.accepted) == (OK, sock, dialled), "idle ones were closed"
        kept.close()
        await self.see_files()
        await self.see_checks()
        silent, late, (stalled, refusal), (idle, _), out = await asyncio.gather(*begun)
        assert (silent.status, late.kind) == (504, OK)
        assert refusal.startswith(b"HTTP/1.1 408 ")
        self.errors += [silent.ended - silent.sent - ANSWER_TIME, stalled - HEAD_TIME, idle - KEPT_TIME,
                        out - lasts]

    async def eject(self):
        """Fail until it is seen; when that was, and for how many seconds it will last."""
        count = self.proxy.log().count(" ejected for ")
        self.ejecting.twist = broken
        while self.proxy.log().count(" ejected for ") == count:
            assert (await self.ask("to=ejecting")).kind == OK
        self.ejecting.twist = None
        return perf_counter(), float(re.findall(r" ejected for ([\d.]+) ?s", self.proxy.log())[-1])

    async def back(self, ejected):
        """Seconds from the ejection until the endpoint is asked again."""
        before = len(self.ejecting.requests)
        while len(self.ejecting.requests) == before:
            assert (await self.ask("to=ejecting")).kind == OK
            await asyncio.sleep(0.02)
        return perf_counter() - ejected

    async def see_time(self):
        """The Date follows."""
        await self.answer("old", lambda answer: abs(self.clock.tells(date(answer))) < 2)

    async def answer(self, name, fits):
        """The first that does; the clock is read every quarter of a second, a file each second."""
        async with asyncio.timeout(1 + LATENESS):
            while not fits(answer := await ask(self.place, name)):  # noqa: ASYNC110  # it is in the answer
                await asyncio.sleep(0.05)
        return answer

    async def see_files(self):
        """RFC 9110 section 8.8.2.1: nothing was changed after the Date of the answer that says so."""
        for name in ("old", "new"):
            answer = await self.answer(name, lambda one: date(one, b"Last-Modified") <= date(one))
            assert answer.body == name.encode()
            changed = date(answer, b"Last-Modified").timestamp()
            mtime = int((self.folder / "static" / name).stat().st_mtime)
            assert changed == mtime or 0 <= self.clock.now() - changed < 5
            for field in (f"If-None-Match: {answer.get(b'ETag').decode()}",
                          f"If-Modified-Since: {answer.get(b'Last-Modified').decode()}"):
                assert (await ask(self.place, name, field)).status == 304, field
            earlier = f"If-Modified-Since: {formatdate(changed - 60, usegmt=True)}"
            assert (await ask(self.place, name, earlier)).status == 200

    async def see_checks(self):
        """An endpoint is found down, and up again."""
        log = self.proxy.log
        for twist, word in ((broken, " down: 3 of 3 probes"), (None, " up: 2 of 2 probes")):
            count = log().count(word)
            self.checked.twist = twist
            await reached(lambda: log().count(word) > count, 3)  # noqa: B023

    def lines(self):
        """Those of the access log by mark, in the file and in those that were put aside."""
        found = {}
        for file in self.folder.glob("access.log*"):
            for text in file.read_text().splitlines():
                line = json.loads(text)
                found.setdefault(line.get("headers", {}).get("x-mark"), []).append(line)
        return found


def broken(wish):
    wish.status = 500
    wish.fault = "reset"
    return wish


@pytest.mark.program("faketime")
@pytest.mark.parametrize("loop", LOOPS)
def test_the_clock_jumps(stage, loop):
    """An hour on, two back: 0 failed, deadlines as ever, Date, files and log lines by the new time."""

    async def scenario():
        async with AsyncExitStack() as origins:
            web = await origins.enter_async_context(three_origins())
            others = {name: await origins.enter_async_context(Origin(name, silent=name == "silent"))
                      for name in ("silent", "late", "kept", "checked", "ejecting")}
            site = await asyncio.to_thread(Site, stage, loop, web, **others)  # the checks are answered here
            workers = site.proxy.workers()
            async with Watch(site.proxy) as watch, Load(site.place, half_posts(21), rate=150) as load:
                await load.more(150)
                for seconds in (HOUR, -HOUR):
                    await site.across(seconds)
                    await load.more(50)
            assert site.proxy.workers() == workers
            assert await asyncio.to_thread(site.proxy.stop) == 0
        return site, Figures(f"F21 clock +1 h, -2 h: {loop}", load.outcomes, watch)

    site, figures = asyncio.run(scenario())
    lines = site.lines()
    files = len(list(site.folder.glob("access.log*")))
    figures.report(f"deadlines late by {min(site.errors):.2f}-{max(site.errors):.2f} s",
                   f"{sum(map(len, lines.values()))} log lines in {files} files")
    assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{site.proxy.log()}"
    assert min(site.errors) > -0.05
    assert max(site.errors) < LATENESS
    assert files >= 3
    check_lines(site, [one for one in figures.outcomes + site.outcomes if one.kind != RACED], lines)


def check_lines(site, outcomes, lines):
    """One for each answer, with the time of day that was then."""
    counts = {one.ask.mark: len(lines.get(one.ask.mark, ())) for one in outcomes}
    assert {mark: count for mark, count in counts.items() if count != 1} == {}
    for one in outcomes:
        told = datetime.fromisoformat(lines[one.ask.mark][0]["time"]).timestamp()
        late = [told - sent for sent in site.clock.may_have_been(one)]
        assert any(-0.05 < some < one.ended - one.sent + 0.05 for some in late), (one, late)
