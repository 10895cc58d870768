import os
import signal
from types import SimpleNamespace

import pytest

from proxy.process import pulse
from proxy.process.control import channel_pair
from proxy.process.pulse import Pulse, Watch
from tests.fakes import FakeLoop


class Keeper:
    """Children that are as many processes as there are numbers."""

    def __init__(self, count):
        self.loop = FakeLoop()
        self.children = {}
        self.killed = []
        for pid in range(1, count + 1):
            channel = SimpleNamespace(pulse=Pulse())
            self.children[pid] = SimpleNamespace(
                pid=pid, channel=channel, slot=SimpleNamespace(kind="worker"), complaint="")

    def kill_after(self, child, seconds):
        self.killed.append((child.pid, seconds))

    def beat(self, *pids):
        for pid in pids:
            self.children[pid].channel.pulse.beat(FakeLoop())


@pytest.fixture
def killed(monkeypatch):
    signals = []
    monkeypatch.setattr(pulse.os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def test_a_child_counts_where_its_parent_sees_it():
    ours, theirs = channel_pair()
    pid = os.fork()
    if pid == 0:
        theirs.pulse.beat(FakeLoop())
        os._exit(0)
    os.waitpid(pid, 0)
    assert ours.pulse.count == 1
    for end in (ours, theirs):
        end.close()


def test_it_goes_on_counting():
    own, loop = Pulse(), FakeLoop()
    own.beat(loop)
    ((delay, call, args),) = loop.later
    call(*args)
    assert (own.count, delay) == (2, pulse.EVERY)


def test_who_stands_still_is_killed_once_and_says_where(killed, caplog):
    keeper = Keeper(2)
    watch = Watch(keeper, lambda: 3.0)
    keeper.beat(1, 2)
    for _ in range(6):
        watch.look()
        keeper.beat(2)
    assert killed == [(1, signal.SIGABRT)]
    assert keeper.killed == [(1, pulse.LAST_WORDS)]
    assert keeper.children[1].complaint == "its loop stood still for 3 s, so it was killed"
    assert "worker 1: its loop stands still for 3 s; where it stands is told below" in caplog.messages


def test_who_counts_now_and_then_is_left_alone(killed):
    keeper = Keeper(1)
    watch = Watch(keeper, lambda: 3.0)
    for _ in range(5):
        keeper.beat(1)
        for _ in range(3):
            watch.look()
    assert not killed


def test_a_start_takes_as_long_as_it_takes(killed):
    keeper = Keeper(1)
    watch = Watch(keeper, lambda: 3.0)
    for _ in range(100):
        watch.look()
    assert not killed


def test_null_is_for_those_who_debug(killed):
    keeper = Keeper(1)
    keeper.beat(1)
    watch = Watch(keeper, lambda: None)
    for _ in range(100):
        watch.look()
    assert not killed


def test_the_looks_come_by_themselves():
    keeper = Keeper(1)
    Watch(keeper, lambda: 3.0).begin()
    ((delay, call, args),) = keeper.loop.later
    assert (delay, args) == (pulse.EVERY, ())
    call()
    assert len(keeper.loop.later) == 2
