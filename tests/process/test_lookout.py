"""The lookout by itself, in this process."""

import asyncio

import pytest

from proxy.config.load import load
from proxy.process import lookout as module
from proxy.process import news
from proxy.process.control import channel_pair
from proxy.process.lookout import Lookout, make_watchers, needs_lookout
from proxy.process.news import News


class Watcher:
    """Knows when the test says so, and fails when it says that."""

    def __init__(self):
        self.knows = asyncio.Event()
        self.fails = asyncio.Event()
        self.ended = False
        self.hurried = []
        self.changed = []

    async def run(self):
        try:
            await self.fails.wait()
        finally:
            self.ended = True
        raise ValueError("no\nsuch thing")

    async def known(self):
        await self.knows.wait()

    def hurry(self, pool, endpoint):
        self.hurried.append((pool, endpoint))

    def endpoint(self, pool, endpoint, *, there):
        self.changed.append((pool, endpoint, there))


class Supervised:
    """A lookout in this process, and the supervisor's end of its channel."""

    def __init__(self, make=None):
        self.watchers = [Watcher(), Watcher()]
        self.heard = asyncio.Queue()
        self.channel, self.theirs = channel_pair()
        self.channel.listen(asyncio.get_running_loop(), lambda *message: self.heard.put_nowait(message))
        self.life = asyncio.create_task(Lookout(self.theirs).live(make or (lambda: self.watchers)))

    async def hears(self):
        return await asyncio.wait_for(self.heard.get(), 5)

    async def status(self):
        return await asyncio.wait_for(self.life, 5)


@pytest.fixture
async def start():
    started = []

    async def start_lookout(make=None):
        started.append(Supervised(make))
        return started[-1]

    yield start_lookout
    for supervised in started:
        supervised.channel.close()
        supervised.theirs.close()


async def test_it_is_known_once_all_watchers_know(start):
    lookout = await start()
    lookout.watchers[1].knows.set()
    await asyncio.sleep(0)
    assert lookout.heard.empty()
    lookout.watchers[0].knows.set()
    assert await lookout.hears() == ("known", "")


@pytest.mark.parametrize("word", ["drain", "stop"])
async def test_it_ends_when_told(start, word):
    lookout = await start()
    lookout.channel.send(word)
    assert await lookout.status() == 0
    assert all(watcher.ended for watcher in lookout.watchers)
    assert lookout.heard.empty()


async def test_it_ends_with_its_supervisor(start):
    lookout = await start()
    lookout.channel.close()
    assert await lookout.status() == 0


async def test_its_watchers_learn_who_cannot_be_reached(start):
    lookout = await start()
    lookout.channel.send(news.HURRY, news.hurry("web", "app.internal:80"))
    lookout.watchers[0].knows.set()
    lookout.watchers[1].knows.set()
    await lookout.hears()
    assert [watcher.hurried for watcher in lookout.watchers] == [[("web", "app.internal:80")]] * 2


async def test_it_reopens_its_log(start, monkeypatch):
    lookout = await start()
    reopened = asyncio.Event()
    monkeypatch.setattr(module.logs, "reopen", reopened.set)
    lookout.channel.send("reopen")
    await asyncio.wait_for(reopened.wait(), 5)
    assert not lookout.life.done()


async def test_a_watcher_that_fails_is_its_end(start, caplog):
    lookout = await start()
    lookout.watchers[0].fails.set()
    assert await lookout.hears() == ("failed", "ValueError: no\\nsuch thing")
    assert await lookout.status() == 1
    assert caplog.records[0].exc_info


async def test_a_watcher_that_cannot_be_made_is_its_end(start):
    def make():
        raise ImportError("No module named 'aiohttp'")

    lookout = await start(make)
    assert await lookout.hears() == ("failed", "ImportError: No module named 'aiohttp'")
    assert await lookout.status() == 1


@pytest.fixture
def configured(tmp_path):
    def load_pools(*pools):
        file = tmp_path / "proxy.yaml"
        lines = "".join(f"  web{number}: {pool}\n" for number, pool in enumerate(pools))
        file.write_text(f"listen: 127.0.0.1:0\npools:\n{lines}routes: [reverse_proxy: web0]\n")
        return load(file)

    return load_pools


PLAIN = "{endpoints: ['a:1']}"
CHECKED = "{endpoints: ['a:1'], health_check: {}}"
BOTH = "{endpoints: [{address: 'a:1', resolve: true}], health_check: {}}"
RESOLVED = "{endpoints: [{address: 'a:1', resolve: true}]}"


@pytest.mark.parametrize("pools, needed", [
    ([PLAIN], False),
    (["{endpoints: ['a:1'], health_check: false}"], False),
    ([PLAIN, CHECKED], True),
    ([PLAIN, RESOLVED], True),
])
def test_there_is_one_where_something_is_to_be_watched(configured, pools, needed):
    assert needs_lookout(configured(*pools)) is needed


class Channel:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, *message):
        self.sent.append(message)


async def test_what_watchers_find_out_goes_to_the_supervisor(configured):
    channel = Channel()
    names, health = make_watchers(configured(RESOLVED, CHECKED), channel, News())
    next(iter(health._probers.values()))._tell(("web1", "a:1"), False, "no answer in 2 s")
    names._tell("web0", "a:1", ["10.0.0.1:1"], {"10.0.0.1:1": (1, 50)})
    assert channel.sent == [
        ("health", news.health("web1", "a:1", up=False, why="no answer in 2 s"), "web1 a:1"),
        ("addresses", news.addresses("web0", "a:1", ["10.0.0.1:1"], {"10.0.0.1:1": (1, 50)}), "web0 a:1"),
    ]


async def test_a_name_is_probed_where_it_was_found_and_looked_up_when_it_is_down(configured, monkeypatch):
    names, health = make_watchers(configured(BOTH), Channel(), News())
    (prober,) = health._probers.values()
    assert prober.has_name
    assert prober._attempt._addresses() == ()
    names._tell("web0", "a:1", ["10.0.0.1:1", "10.0.0.2:1"], {})
    assert prober._attempt._addresses() == ["10.0.0.1:1", "10.0.0.2:1"]
    hurried = []
    monkeypatch.setattr(names, "hurry", lambda *place: hurried.append(place))
    prober._tell(("web0", "a:1"), True, "HTTP 200 in 1 ms")
    prober._tell(("web0", "a:1"), False, "no answer in 2 s")
    assert hurried == [("web0", "a:1")]


async def test_a_successor_goes_on_from_what_was_known(configured):
    known = News()
    known.note("health", news.health("web0", "a:1", up=False, why="no answer in 2 s"))
    known.note("addresses", news.addresses("web0", "a:1", ["10.0.0.1:1"], {}))
    _, health = make_watchers(configured(BOTH), None, known)
    await asyncio.wait_for(health.known(), 5)
    (prober,) = health._probers.values()
    assert prober._health.up is False
    assert prober._attempt._addresses() == ["10.0.0.1:1"]
