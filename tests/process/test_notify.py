import os
import socket

import pytest

from proxy.process.notify import Notifier, address_of
from tests.fakes import FakeLoop


@pytest.fixture
def systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def environ(systemd):
    return {"NOTIFY_SOCKET": systemd.getsockname()}


def heard(sock):
    return sock.recv(4096).decode().split("\n")


def test_words(systemd, environ):
    notifier = Notifier(environ)
    notifier.ready("2 workers serve")
    assert heard(systemd) == ["READY=1", "STATUS=2 workers serve"]
    notifier.stopping()
    assert heard(systemd)[0] == "STOPPING=1"
    notifier.succeeded_by(77)
    assert heard(systemd)[0] == "MAINPID=77"
    notifier.reloading()
    reloading, since, _ = heard(systemd)
    assert reloading == "RELOADING=1"
    assert since.removeprefix("MONOTONIC_USEC=").isdigit()


def test_an_abstract_name(systemd):
    name = f"\0notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        Notifier({"NOTIFY_SOCKET": "@" + name[1:]}).ready("")
        assert heard(sock)[0] == "READY=1"


@pytest.mark.parametrize("named", ["", "vsock:1:2", "relative"])
def test_names_of_other_kinds(named):
    assert address_of(named) == ""


@pytest.mark.parametrize("named", ["", "/nowhere/notify"])
def test_where_nobody_listens_nothing_happens(named):
    notifier, loop = Notifier({"NOTIFY_SOCKET": named, "WATCHDOG_USEC": "1000000"}), FakeLoop()
    notifier.ready("")
    notifier.keep_alive(loop)
    assert bool(loop.later) == bool(named)


def test_the_watchdog_is_told_twice_as_often_as_it_looks(systemd, environ):
    environ |= {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    notifier, loop = Notifier(environ), FakeLoop()
    notifier.keep_alive(loop)
    assert heard(systemd) == ["WATCHDOG=1", "STATUS="]
    ((delay, call, args),) = loop.later
    assert delay == 1.5
    notifier.ready("2 workers serve")
    assert heard(systemd)[0] == "READY=1"
    call(*args)
    assert heard(systemd) == ["WATCHDOG=1", "STATUS=2 workers serve"]
    assert "WATCHDOG_PID" not in environ


def test_a_watchdog_of_another_process_is_none_of_ours(systemd, environ):
    loop = FakeLoop()
    Notifier(environ | {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).keep_alive(loop)
    assert not loop.later
