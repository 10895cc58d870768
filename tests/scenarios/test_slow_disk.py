"""A disk that takes 0.2 s for each open and read: whoever wants nothing of it does not wait for it."""

import random
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.scenarios.support import LOOPS, ask, connect, wait_until

SLOW = 0.2
PATCH = Path(__file__).with_name("slow_disk")
LARGE = random.Random(9).randbytes(2 * 1024 * 1024)
SMALL = b"small" * 100


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "site"
    (root / "slow").mkdir(parents=True)
    (root / "quick.txt").write_bytes(SMALL)
    (root / "quick.bin").write_bytes(LARGE)
    for number in range(4):
        (root / "slow" / f"large-{number}.bin").write_bytes(LARGE)
        (root / "slow" / f"small-{number}.txt").write_bytes(SMALL)
    return root


@pytest.fixture(params=LOOPS)
def start(request, stage, root):
    """Starts a proxy whose page cache is `empty` or `mute` about the slow files."""
    def start(cache):
        env = {"SLOW_SECONDS": str(SLOW), "CACHE": cache, "PYTHONPATH": str(PATCH)}
        routes = f"[{{match: {{path: /ping}}, respond: {{body: pong}}}}, {{static: {{root: {root}}}}}]"
        yaml = f"workers: 1\nroutes: {routes}\n"
        site = stage.proxy(yaml, loop=request.param, env=env)
        assert ask(site, "/quick.txt").body == SMALL
        return site

    return start


class Others:
    """Clients of a quick file, one after another; `times` are the seconds that each waited."""

    def __init__(self, site, target):
        self.times = []
        self._site, self._target = site, target
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        assert len(self.times) > 5

    def _run(self):
        with connect(self._site) as wire:
            while not self._over.is_set():
                began = time.monotonic()
                wire.get(self._target)
                wire.response()
                self.times.append(time.monotonic() - began)


@pytest.fixture
def tell(capsys):
    def tell(what, others):
        with capsys.disabled():
            longest = max(others.times) * 1e3
            print(f"\n{what}: {len(others.times)} others, the longest waited {longest:.0f} ms")

    return tell


@pytest.mark.parametrize("cache", ["empty", "mute"])
@pytest.mark.parametrize("quick", ["/ping", "/quick.txt", "/quick.bin"])
def test_large_files(start, tell, cache, quick):
    """Opening the first one is what stalls the loop: no disk can be asked how long that takes."""
    site = start(cache)
    assert ask(site, "/slow/large-0.bin").body == LARGE
    with Others(site, quick) as others:
        for number in range(1, 4):
            assert ask(site, f"/slow/large-{number}.bin").body == LARGE
    tell(f"slow large files, a cache that is {cache}, others of {quick}", others)
    assert max(others.times) < SLOW / 2


def test_a_stall_happens_once(start, tell):
    site = start("empty")
    with Others(site, "/quick.txt") as others:
        for number in range(4):
            assert ask(site, f"/slow/large-{number}.bin").body == LARGE
            assert ask(site, f"/slow/small-{number}.txt").body == SMALL
    tell("slow files of both kinds, from the first", others)
    assert sum(seconds > SLOW / 2 for seconds in others.times) <= 1


def test_many_at_once(start, tell):
    """More than there are threads, so that they wait for each other; the loop waits for none of them."""
    site = start("empty")
    ask(site, "/slow/small-0.txt")
    with Others(site, "/ping") as others:
        wires = [connect(site) for _ in range(50)]
        for number, wire in enumerate(wires):
            wire.get(f"/slow/large-{number % 4}.bin", "Range: bytes=-1000")
        for wire in wires:
            assert wire.response().body == LARGE[-1000:]
            wire.close()
    tell("fifty at once", others)
    assert max(others.times) < SLOW / 2


def test_who_leaves_meanwhile(start):
    site = start("empty")
    for _ in range(3):
        with connect(site) as wire:
            wire.get("/slow/large-1.bin")
    assert ask(site, "/slow/large-2.bin").body == LARGE
    worker = psutil.Process(site.workers()[0])
    wait_until(lambda: not any("/slow/" in file.path for file in worker.open_files()), "the end of all files")
