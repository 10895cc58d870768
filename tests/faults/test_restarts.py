"""Real gunicorn that is reloaded, restarted or recycles its workers: nobody may notice, whatever he sends.

gthread workers keep an idle connection for 2 s (gunicorn's default). A POST is not sent twice, so it must
never go over a connection that may be closed this moment: the proxy watches how long each endpoint keeps
what is idle, and uses for POSTs what is far from that. At a TERM that saves them, because gunicorn serves
what it has kept for two more seconds, and leaves new connections in the kernel's queue, to be lost with
it. The proxy has seen enough 10 s after the last close
that it had not foreseen, some 15 s after its start; that is why the restarts wait for so long, and come
before the reloads, where idle connections are closed at any age. Until then POSTs have connections of
their own.
"""

import asyncio
import signal
from collections import Counter

from tests.faults.figures import Figures, Watch
from tests.faults.load import OK, RACED, Load, half_posts, reached
from tests.faults.stage import configuration
from tests.scenarios.support import HOST

RATE = 300
LEARNING = 18  # seconds


class Site:
    """A proxy before three gunicorn masters, each with two workers of four threads."""

    def __init__(self, stage, *options):
        self.stage = stage
        self.options = options
        self.marks = stage.folder / "marks"
        self.masters = [self.start() for _ in range(3)]
        self.proxy = stage.proxy(configuration(*(master.address for master in self.masters)))

    def start(self, port=0):
        return self.stage.gunicorn(
            "tests.faults.wsgi:app", bind=f"{HOST}:{port}", workers=2, threads=4,
            env={"MARKS": str(self.marks)}, options=("--graceful-timeout=30", *self.options))

    async def reload(self, number):
        """HUP; until its old workers are gone."""
        master = self.masters[number]
        old = set(master.workers())
        master.signal(signal.SIGHUP)
        await reached(lambda: not old & set(master.workers()))

    async def restart(self, number):
        """TERM, and another master on the same port once it has ended."""
        master = self.masters[number]
        master.signal(signal.SIGTERM)
        await reached(lambda: master.process.poll() is not None)
        self.masters[number] = await asyncio.to_thread(self.start, master.port)

    def check(self, figures):
        """Nothing failed, and no POST was executed twice."""
        posts = {one.ask.mark for one in figures.outcomes if one.ask.method == "POST"}
        executed = Counter(self.marks.read_text().split())
        assert set(figures.found) <= {OK, RACED}, f"{figures.fault}\n{figures.why()}\n{self.proxy.log()}"
        assert not [mark for mark in posts if executed[mark] != 1]


def test_restarts_and_reloads(stage):
    """Any method survives the TERM of each master and a start on its port, and the HUP of each."""
    site = Site(stage)

    async def scenario():
        async with Watch(site.proxy) as watch, Load(site.proxy.place, half_posts(1), rate=RATE) as load:
            await load.more(LEARNING * RATE)
            ends = [len(load.outcomes)]
            for act in (site.restart, site.reload):
                for number in range(3):
                    await act(number)
                    await load.more(RATE // 2)
                ends.append(len(load.outcomes))
        calm, restarted = ends[:2]
        return (Figures(f"gunicorn: {LEARNING} s of work", load.outcomes[:calm]),
                Figures("gunicorn: TERM + start, each of 3", load.outcomes[calm:restarted]),
                Figures("gunicorn: HUP, each of 3", load.outcomes[restarted:], watch))

    parts = asyncio.run(scenario())
    for figures in parts:
        figures.report()
    for figures in parts:
        site.check(figures)


def test_workers_that_are_recycled(stage):
    """`--max-requests 50`: each worker is replaced after a second of this load."""
    site = Site(stage, "--max-requests=50", "--max-requests-jitter=10")

    async def scenario():
        async with Watch(site.proxy) as watch, Load(site.proxy.place, half_posts(2), rate=RATE) as load:
            await load.more(10 * RATE)
        return Figures("gunicorn: --max-requests 50", load.outcomes, watch)

    figures = asyncio.run(scenario())
    workers = sum(master.log().count("Booting worker") for master in site.masters)
    figures.report(f"{workers} workers")
    assert workers > 20, "the fault was not there"
    site.check(figures)
