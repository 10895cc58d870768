import asyncio
import errno
import os
import threading

import pytest

from proxy.http import disk
from proxy.http.disk import (
    LONG,
    QUICK_AT_FIRST,
    QUICK_AT_MOST,
    STRIDE,
    WARY_AT_FIRST,
    WARY_AT_MOST,
    Reads,
    Tempo,
    is_cached,
)
from tests.fakes import FakeClock

CONTENT = os.urandom(100)


class Answers:
    """`os.preadv`, as far as the cache is asked by it; `held` are the offsets that it has, or an error."""

    def __init__(self, held):
        self.held = held
        self.asked = []

    def __call__(self, fd, buffers, offset, flags):
        assert flags == os.RWF_NOWAIT
        self.asked.append(offset)
        if isinstance(self.held, int):
            raise OSError(self.held, os.strerror(self.held))
        if offset not in self.held:
            raise BlockingIOError
        return 1


@pytest.fixture
def cache(monkeypatch):
    def set_up(held):
        answers = Answers(held)
        monkeypatch.setattr(disk.os, "preadv", answers)
        return answers

    monkeypatch.setattr(disk, "_tempos", {})
    return set_up


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


class Work:
    """Notes in which threads it was done."""

    def __init__(self, *errors):
        self.threads = []
        self.errors = list(errors)

    def __call__(self):
        self.threads.append(threading.current_thread())
        if self.errors:
            raise self.errors.pop()
        return "done"

    @property
    def here(self):
        return [thread is threading.main_thread() for thread in self.threads]


def read(fd, work, done):
    return Reads(fd).read(asyncio.get_running_loop(), 0, 9, work, done)


async def result_of(start):
    """What `start(done)` returns, or leads to."""
    waiter = asyncio.get_running_loop().create_future()
    result = start(waiter.set_result)
    return result if result is not None else (await asyncio.wait_for(waiter, 10)).result()


# The cache.


@pytest.mark.parametrize("start, end, asked", [
    (0, 1, [0]),
    (5, 7, [6]),
    (0, STRIDE, [STRIDE - 1]),
    (0, STRIDE + 1, [STRIDE - 1, STRIDE]),
    (9, 2 * STRIDE, [9 + STRIDE - 1, 2 * STRIDE - 1]),
    (0, 0, [0])])
def test_samples_of_the_cache(cache, start, end, asked):
    answers = cache(set(asked))
    assert is_cached(3, start, end) is True
    assert answers.asked == asked
    for missing in asked:
        cache(set(asked) - {missing})
        assert is_cached(3, start, end) is False


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_tell(cache, error):
    cache(error)
    assert is_cached(3, 0, 9) is None


def test_a_system_that_cannot_tell(cache, monkeypatch):
    monkeypatch.setattr(disk, "_NOWAIT", 0)
    assert is_cached(3, 0, 9) is None


def test_a_disk_that_fails(cache):
    cache(errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        is_cached(3, 0, 9)


def test_what_was_just_written_is_cached(file):
    assert is_cached(file, 0, 100) in (True, None)  # None: the system's temporary folder may be anything


# Where it is read.


async def test_what_is_cached_is_read_here(cache, file):
    cache({8})
    work = Work()
    assert await result_of(lambda done: read(file, work, done)) == "done"
    assert work.here == [True]


async def test_what_is_not_cached_is_read_by_a_thread(cache, file):
    cache(set())
    work = Work()
    assert await result_of(lambda done: read(file, work, done)) == "done"
    assert work.here == [False]


async def test_a_read_that_fails_here_or_there(cache, file):
    for held in ({8}, set()):
        cache(held)
        work = Work(OSError(errno.EIO, "broken"))
        with pytest.raises(OSError, match="broken"):
            await result_of(lambda done, work=work: read(file, work, done))


async def test_who_cannot_tell_is_trusted_after_some_quick_reads(cache, file):
    cache(errno.EOPNOTSUPP)
    work = Work()
    for _ in range(QUICK_AT_FIRST + 2):
        await result_of(lambda done: read(file, work, done))
    assert work.here == [False] * QUICK_AT_FIRST + [True] * 2


async def test_who_cannot_tell_is_asked_for_its_device_once(cache, file, monkeypatch):
    """A status may make the loop wait, and it would for each piece."""
    cache(errno.EOPNOTSUPP)
    asked, real, reads = [], os.fstat, Reads(file)
    monkeypatch.setattr(disk.os, "fstat", lambda fd: asked.append(fd) or real(fd))
    for _ in range(3):
        await result_of(lambda done: reads.read(asyncio.get_running_loop(), 0, 9, bytes, done))
    assert asked == [file]


async def test_each_device_has_its_own_tempo(cache, file, monkeypatch):
    cache(errno.EOPNOTSUPP)
    disk.tempo_of(file).took(LONG)
    other = os.open("/proc/self/stat", os.O_RDONLY)
    assert disk.tempo_of(other) is not disk.tempo_of(file)
    assert disk.tempo_of(file) is disk.tempo_of(file)
    os.close(other)


# The tempo.


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(disk, "monotonic", clock)
    return clock


def trust(tempo, clock):
    """How many quick calls, and then how many seconds it takes until the loop makes them itself."""
    count = seconds = 0
    while tempo._quick < tempo._needed:
        assert tempo.slow
        tempo.took(LONG)
        count += 1
    while tempo.slow:
        clock.advance(1)
        seconds += 1
    return count, seconds


def test_trust_is_won_and_lost(clock):
    tempo = Tempo(trusted=False)
    assert trust(tempo, clock) == (QUICK_AT_FIRST, 0)
    for doubled in (2, 4, 8):
        tempo.took(LONG * 1.1)
        assert trust(tempo, clock) == (doubled * QUICK_AT_FIRST, doubled * WARY_AT_FIRST)


def test_quick_calls_count_in_a_row(clock):
    tempo = Tempo(trusted=False)
    for _ in range(5):
        tempo.took(LONG)
    tempo.took(1.0)
    assert trust(tempo, clock) == (QUICK_AT_FIRST, WARY_AT_FIRST)  # not twice: it was not trusted


def test_seconds_count_from_the_last_slow_call(clock):
    tempo = Tempo(trusted=True)
    tempo.took(1.0)
    clock.advance(WARY_AT_FIRST)
    tempo.took(1.0)
    assert trust(tempo, clock) == (QUICK_AT_FIRST, 2 * WARY_AT_FIRST)


def test_trust_at_first(clock):
    tempo = Tempo(trusted=True)
    assert not tempo.slow
    tempo.took(1.0)
    assert tempo.slow


def test_distrust_has_an_end(clock):
    tempo = Tempo(trusted=True)
    for _ in range(20):
        tempo.took(1.0)
        trust(tempo, clock)
    tempo.took(1.0)
    assert trust(tempo, clock) == (QUICK_AT_MOST, WARY_AT_MOST)


@pytest.fixture
def waits(monkeypatch):
    """How often the thread has waited, as the kernel tells it."""
    waits = [0]
    monkeypatch.setattr(disk, "_waits", lambda: waits[0])
    return waits


async def test_calls_that_wait_long_go_to_a_thread(clock, waits):
    def broken():
        clock.advance(1)
        waits[0] += 1
        raise OSError(errno.EIO, "broken")

    tempo = Tempo(trusted=True)
    with pytest.raises(OSError, match="broken"):  # its time counts all the same
        tempo.do(asyncio.get_running_loop(), broken, print)
    work = Work()
    assert await result_of(lambda done: tempo.do(asyncio.get_running_loop(), work, done)) == "done"
    assert work.here == [False]


async def test_a_busy_machine_is_no_slow_disk(clock, waits):
    def preempted():
        clock.advance(1)
        return "done"

    tempo = Tempo(trusted=True)
    assert tempo.do(asyncio.get_running_loop(), preempted, print) == "done"
    assert not tempo.slow


def test_waits_are_told_by_the_kernel():
    before = disk._waits()
    threading.Event().wait(0.001)
    assert disk._waits() > before
