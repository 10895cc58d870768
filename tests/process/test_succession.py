import json
from types import SimpleNamespace

import pytest

from proxy.config.schema import Config
from proxy.process import succession
from proxy.process.succession import Succession, doors_for
from tests.fakes import FakeLoop


class House:
    """What of a supervisor has a part in it."""

    def __init__(self, *, up=True, reloading=False):
        self.loop = FakeLoop()
        self.noted = []
        self.went_on = 0
        self.up = up
        self.sockets = self.door = SimpleNamespace(doors=[], urls=["http://127.0.0.1:1"], count=1)
        self.slots = [None]
        self.reloads = SimpleNamespace(is_busy=lambda: reloading, go_on=self.go_on, generation=3)
        self.calls = []
        self.hotline = SimpleNamespace(rest=lambda: self.calls.append("rests"),
                                       hear=lambda: self.calls.append("hears"))

    def is_up(self):
        return self.up

    def go_on(self):
        self.went_on += 1

    def note(self, record):
        self.noted.append(record)


@pytest.fixture
def begun(monkeypatch):
    """The upgrades that were begun."""
    made = []

    class Upgrade:
        def __init__(self, loop, leave, ready, failed):
            made.append(self)
            self.failed = failed
            self.cancelled = []

        def cancel(self, why):
            self.cancelled.append(why)

    monkeypatch.setattr(succession, "Upgrade", Upgrade)
    return made


@pytest.mark.parametrize("options, why", [
    ({"up": False}, "this program does not serve, or ends"), ({"reloading": True}, "a reload is under way")])
def test_when_there_is_no_upgrade(begun, caplog, options, why):
    Succession(House(**options), None).begin()
    assert not begun
    assert f"no upgrade: {why}" in caplog.messages


def test_the_first_process_of_a_container_stays(begun, caplog, monkeypatch):
    monkeypatch.setattr(succession.os, "getpid", lambda: 1)
    Succession(House(), None).begin()
    assert not begun
    assert "start another container" in caplog.text


def test_one_at_a_time_and_again_after_a_failure(begun, caplog):
    house = House()
    own = Succession(house, None)
    own.begin()
    assert own.is_busy()
    own.begin()
    assert "no upgrade: one is under way" in caplog.messages
    begun[0].failed("one line\nanother")
    assert "the upgrade failed, this program goes on: one line; another" in caplog.messages
    assert (own.is_busy(), house.went_on) == (False, 1), "a reload may have waited"
    assert json.dumps(house.noted)
    assert house.calls == ["rests", "hears"]
    own.begin()
    assert len(begun) == 2
    own.end()
    assert begun[1].cancelled == ["this program was told to end"]


def test_a_program_that_cannot_be_started(caplog, monkeypatch):
    def impossible(*_):
        raise PermissionError(13, "Permission denied", "/usr/bin/python")

    monkeypatch.setattr(succession, "Upgrade", impossible)
    Succession(House(), None).begin()
    assert "it cannot be started: [Errno 13] Permission denied" in caplog.text


def test_systemd_hears_what_is_in_force(monkeypatch):
    own = Succession(House(), None)
    said = []
    monkeypatch.setattr(own.systemd, "ready", said.append)
    own.tell_state()
    assert said == ["generation 3, 1 worker on http://127.0.0.1:1"]


def test_the_operators_door():
    rest = {"listen": ["127.0.0.1:0"], "routes": [{"respond": {}}]}
    assert doors_for(Config(**rest)) == []
    (door,) = doors_for(Config(**rest, admin="127.0.0.1:9000"))
    assert str(door.address) == "127.0.0.1:9000"
