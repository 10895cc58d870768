import os

import pytest

from proxy.observe import turner
from proxy.observe.rotation import Rotation
from proxy.observe.turner import PATIENCE, Turner
from tests.observe.made import entry


class Threads:
    """Do what they are told when the test says so."""

    def __init__(self):
        self.waiting = []

    def submit(self, work, *args):
        future = turner.Future()
        self.waiting.append((future, work, args))
        return future

    def run(self):
        waiting, self.waiting = self.waiting, []
        for future, work, args in waiting:
            try:
                future.set_result(work(*args))
            except OSError as error:
                future.set_exception(error)
        return len(waiting)


@pytest.fixture
def threads(monkeypatch):
    made = Threads()
    monkeypatch.setattr(turner, "POOL", made)
    monkeypatch.setattr(turner, "TIDYING", made)
    monkeypatch.setattr("proxy.observe.rotation._be_modest", lambda: None)
    return made


@pytest.fixture
def writers(opened, tmp_path, threads):
    """Two workers' logs on one file that is full at 1000 octets."""
    path = tmp_path / "access.log"

    def make():
        rotation = Rotation(str(path), size=1000, age=None, keep=7, compress=True)
        return opened(path=path, turner=Turner(rotation))

    return make(), make()


def write(log, name, count):
    for _ in range(count):
        log.ended(entry(b"/" + name))
    log.flush()


def look(*logs, now=[0.0]):  # noqa: B006 - the clock
    now[0] += 1.0
    for log in logs:
        log.tick(now[0])


def test_two_workers_one_turn_no_line_lost(writers, threads, tmp_path):
    one, two = writers
    look(one, two)
    threads.run()  # both have looked for what a former end has left
    write(one, b"one", 10)
    write(two, b"two", 10)
    look(one, two)
    assert threads.run() == 2  # both want to turn; one does
    write(two, b"late", 1)
    look(one, two)
    write(one, b"new", 1)
    aside, current = sorted(tmp_path.iterdir(), reverse=True)
    assert current.name == "access.log"
    assert aside.read_bytes().count(b"\n") == 21
    assert current.read_bytes().count(b"\n") == 1


def test_the_old_file_is_packed_once_all_have_let_go(writers, threads, tmp_path):
    one, two = writers
    look(one)
    threads.run()
    write(one, b"one", 20)
    look(one)
    threads.run()
    look(one)  # has opened the new file
    for _ in range(PATIENCE + 2):
        look(one)
        threads.run()
    assert not list(tmp_path.glob("*.gz")), "the other one still has the old file"
    look(two)
    for _ in range(PATIENCE + 2):
        look(one)
        threads.run()
    assert len(list(tmp_path.glob("*.gz"))) == 1


def test_a_folder_that_refuses_is_told_and_serving_goes_on(writers, threads, tmp_path, monkeypatch, caplog):
    one, _ = writers

    def refuse(old, new):
        raise PermissionError(13, "Permission denied", new)

    monkeypatch.setattr(os, "rename", refuse)
    write(one, b"one", 20)
    look(one)
    threads.run()
    look(one)
    assert "is not rotated: [Errno 13] Permission denied" in caplog.text
    write(one, b"one", 1)
    assert (tmp_path / "access.log").read_bytes().count(b"\n") == 21


def test_a_file_that_somebody_else_moved_is_noticed(writers, threads, tmp_path):
    one, _ = writers
    (tmp_path / "access.log").rename(tmp_path / "by-hand")
    look(one)
    write(one, b"one", 1)
    assert (tmp_path / "access.log").stat().st_size > 0
