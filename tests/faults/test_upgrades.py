"""USR2: a new program takes the sockets over while clients come, or does not, and nobody notices."""

import asyncio
import os
import re
import signal

import psutil
import pytest

from tests.faults.chaos import Origin
from tests.faults.crowd import Crowd
from tests.faults.figures import Figures, Watch
from tests.faults.load import OK, RACED, Ask, Load, half_posts, reached
from tests.faults.stage import configuration
from tests.scenarios.support import HOST, LOOPS, wait_until


class Line:
    """A proxy and the programs that follow it, all of which say on the same stderr what they say."""

    def __init__(self, stage, yaml, loop=None):
        self.proxy = stage.proxy(yaml, loop=loop)
        self.file = stage.folder / f"{self.proxy.err.stem}.yaml"
        self.pids = [self.proxy.pid]
        stage.callback(self.end)

    @property
    def place(self):
        return self.proxy.place

    @property
    def pid(self):
        return self.pids[-1]

    async def upgrade(self):
        """Until the new program serves and the old one has ended."""
        old = psutil.Process(self.pid)
        os.kill(self.pid, signal.SIGUSR2)
        await reached(lambda: len(self.ready()) > len(self.pids))
        self.pids.append(int(self.ready()[-1]))
        await reached(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)

    def ready(self):
        return re.findall(r"^ready: .*pid (\d+)\)$", self.proxy.log(), re.MULTILINE)

    def count(self, text):
        return self.proxy.log().count(text)

    def workers(self):
        return [child.pid for child in psutil.Process(self.pid).children()]

    def rewrite(self, *changes):
        text = self.file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def end(self):
        """The last one is nobody's child by now."""
        if self.pid != self.proxy.pid and psutil.pid_exists(self.pid):
            os.kill(self.pid, signal.SIGTERM)
            wait_until(lambda: not psutil.pid_exists(self.pid), "its end")


@pytest.mark.parametrize("loop", LOOPS)
def test_three_upgrades_under_load(stage, loop, tmp_path):
    """Over TCP and a Unix socket, slow answers among them; also to more workers and to fewer."""
    path = tmp_path / "proxy.sock"

    async def scenario():
        async with Origin() as origin:
            listen = f"listen: ['{HOST}:0', 'unix:{path}']\n"
            line = Line(stage, listen + configuration(origin.address, more="workers: 2"), loop)
            slow = lambda: Ask(size=3000, query="drip=1&delay=0.1")  # noqa: E731
            async with (
                Watch(line.proxy) as watch,
                Load(line.place, half_posts(1), rate=150) as quick,
                Load(line.place, slow, rate=None, connections=5) as dripping,
                Load(str(path), rate=100) as local,
            ):
                await quick.more(100)
                for change in ((), (("workers: 2", "workers: 3"),), (("workers: 3", "workers: 1"),)):
                    line.rewrite(*change)
                    await line.upgrade()
                    await quick.more(100)
                    await local.more(50)
            parts = (Figures("USR2, three times", quick.outcomes + local.outcomes, watch),
                     Figures("USR2, answers that take a second", dripping.outcomes))
            return parts, line, len(line.workers())

    parts, line, workers = asyncio.run(scenario())
    for figures in parts:
        figures.report(loop)
        assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{line.proxy.log()}"
    assert workers == 1
    assert line.proxy.wait() == 0
    assert line.count("serves in place of this one") == 3
    assert path.exists()
    line.end()
    assert not path.exists()


BROKEN = {
    "a key that there is none of": (("workers: 2", "wokers: 2"), "did you mean 'workers'?"),
    "an address that is taken": ((f"listen: {HOST}:0", "listen: ['{listen}', '{taken}']"), "in use"),
    "a log that cannot be opened": (("access_log: false", "error_log: {{path: /proc/none}}"), "cannot open"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_new_program_that_fails_under_load(stage, case):
    (old, new), why = BROKEN[case]

    async def scenario():
        async with Origin() as origin:
            line = Line(stage, configuration(origin.address, more="workers: 2"))
            known = {"listen": f"{HOST}:0", "taken": origin.address}
            line.rewrite((old, new.format(**known)))
            async with Load(line.place, half_posts(1), rate=150) as load:
                for turn in (1, 2):
                    os.kill(line.pid, signal.SIGUSR2)
                    await reached(lambda turn=turn: line.count("this program goes on: ") == turn)
                    await load.more(50)
            line.rewrite((new.format(**known), old))
            await line.upgrade()
            return Figures(f"USR2: {case}", load.outcomes), line

    figures, line = asyncio.run(scenario())
    figures.report()
    assert set(figures.found) <= {OK, RACED}, f"{figures.why()}\n{line.proxy.log()}"
    assert re.search(f"the upgrade failed, this program goes on: .*{re.escape(why)}", line.proxy.log())


def test_connections_that_idle_are_closed_with_nothing_lost(stage):
    """As at a TERM: who has asked nothing loses nothing."""

    async def scenario():
        async with Origin() as origin:
            line = Line(stage, configuration(origin.address, more="timeouts: {drain: 5s}"))
            async with Crowd(line.place, 20) as idle, Load(line.place, rate=50) as load:
                await load.more(20)
                await line.upgrade()
                closed = await idle.receive_all()
                await load.more(50)
            return load.outcomes, closed

    outcomes, closed = asyncio.run(scenario())
    assert {one.kind for one in outcomes} <= {OK, RACED}
    assert all(not data for _, data in closed)


def test_a_term_while_the_new_program_starts(stage):
    """Both end."""
    line = Line(stage, "routes: [{respond: {body: ok}}]")
    os.kill(line.pid, signal.SIGUSR2)
    line.proxy.wait_said("starting the new program")
    (new,) = wait_until(lambda: [child for child in psutil.Process(line.pid).children()
                                 if child.pid not in line.proxy.workers()[:1]], "the new program")
    os.kill(line.pid, signal.SIGTERM)
    assert line.proxy.wait() == 0
    wait_until(lambda: not new.is_running() or new.status() == psutil.STATUS_ZOMBIE, "its end")
