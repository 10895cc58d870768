import json
import os
import sys

import pytest

from proxy.process import upgrade
from proxy.process.estate import VARIABLE
from proxy.process.upgrade import Upgrade, described
from tests.process.harness import wait_until


class Loop:
    """Runs timers and readers when the test says so."""

    def __init__(self):
        self.now = 0.0
        self.timers = []
        self.readers = {}

    def time(self):
        return self.now

    def call_later(self, delay, call, *args):
        handle = Timer(self.now + delay, call, args)
        self.timers.append(handle)
        return handle

    def add_reader(self, fd, call):
        self.readers[fd] = call

    def remove_reader(self, fd):
        del self.readers[fd]

    def advance(self, seconds):
        self.now += seconds
        due, self.timers = ([one for one in self.timers if (one.when <= self.now) is wanted]
                            for wanted in (True, False))
        for timer in due:
            timer.call(*timer.args)

    def until(self, is_true):
        """Read what there is to read, and let time pass."""
        def turned():
            for call in list(self.readers.values()):
                call()
            self.advance(upgrade.PAUSE)
            return is_true()

        wait_until(turned)


class Timer:
    def __init__(self, when, call, args):
        self.when, self.call, self.args = when, call, args

    def cancel(self):
        self.call = lambda *_: None


HEIR = """
import json, os, sys, time
pid, fd = os.environ[{variable!r}].split(":")
memory = open(int(fd))
memory.seek(0)
tell = json.load(memory)["tell"]
"""


@pytest.fixture
def begun(monkeypatch):
    """Begins an upgrade to a program of that source; returns it, its loop and what it came to."""
    made = []

    def begin(source):
        monkeypatch.setattr(sys, "orig_argv", ["python", "-c", HEIR.format(variable=VARIABLE) + source])
        came, loop = [], Loop()
        made.append(Upgrade(loop, leave, lambda pid: came.append(("ready", pid)),
                            lambda why: came.append(("failed", why))))
        return made[-1], loop, came

    yield begin
    for one in made:
        one._program.kill()
        one._program.wait()


def leave(tell):
    memory = os.memfd_create("estate")
    os.write(memory, json.dumps({"tell": tell}).encode())
    return memory, [memory, tell]


def test_a_program_that_serves(begun):
    started, loop, came = begun('os.write(tell, b\'{"ready": true}\\n\'); time.sleep(60)')
    loop.until(lambda: came)
    assert came == [("ready", started._program.pid)]
    started.cancel("too late for that")
    assert started._program.poll() is None


def test_a_program_that_says_why_not(begun):
    _, loop, came = begun('os.write(tell, b\'{"failed": "no such key"}\\n\'); sys.exit(2)')
    loop.until(lambda: came)
    assert came == [("failed", "no such key")]


@pytest.mark.parametrize("source, why", [
    ("sys.exit(3)", "it ended with status 3"), ("os.kill(os.getpid(), 9)", "it was killed by signal 9")])
def test_a_program_that_says_nothing(begun, source, why):
    _, loop, came = begun(source)
    loop.until(lambda: came)
    assert came == [("failed", why)]


STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(60)"


@pytest.mark.parametrize("source", ["time.sleep(60)", STUBBORN])
def test_a_program_that_takes_too_long_is_ended(begun, monkeypatch, source):
    monkeypatch.setattr(upgrade, "GRACE", 0.2)
    started, loop, came = begun(source)
    loop.readers.clear()
    loop.add_reader(started._hear, lambda: None)
    loop.advance(upgrade.PATIENCE)
    loop.until(lambda: came)
    assert came == [("failed", "it did not serve within 60 s")]


def test_a_program_that_cannot_be_started(begun, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        begun("")
    assert set(os.listdir("/proc/self/fd")) == before


def test_ends_in_words():
    assert described(0) == "it ended with status 0"
