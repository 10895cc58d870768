import asyncio

import pytest

from proxy.http import shortage as room
from proxy.http.shortage import BATCH, PATIENCE, POLL, Shortage, shortage_of
from tests.fakes import FakeClock, FakeLoop


class Waiter:
    """Notes whose turn it was, in `told`; comes back as often as `again` says."""

    def __init__(self, name, told, again=None):
        self.name, self.told, self.again = name, told, again

    def turn(self):
        self.told.append(self.name)
        if self.again is not None:
            again, self.again = self.again, None
            again(self)

    def overdue(self):
        self.told.append(f"{self.name} late")


class Owner:
    """Has some idle connections."""

    def __init__(self, idle):
        self.idle = idle

    def close_oldest(self):
        self.idle -= 1
        return self.idle >= 0


class Pool:
    def __init__(self, *idle):
        self.endpoints = [Owner(each) for each in idle]

    @property
    def left(self):
        return [max(owner.idle, 0) for owner in self.endpoints]


class Stage:
    """A shortage with `free` descriptors; `look` lets its time come."""

    def __init__(self, monkeypatch):
        self.loop, self.clock = FakeLoop(), FakeClock()
        self.shortage = Shortage()
        self.free, self.told, self.waiters = 0, [], []
        monkeypatch.setattr(room, "monotonic", self.clock)
        monkeypatch.setattr(room, "free", lambda most: min(most, self.free))

    def wait(self, name, until=None, again=None):
        waiter = Waiter(name, self.told, again)
        self.waiters.append(waiter)
        self.shortage.line_up(waiter, self.clock.now + PATIENCE if until is None else until, self.loop)
        self.clock.advance(0.001)
        return waiter

    def look(self, free=0):
        self.free = free
        due, self.loop.later = self.loop.later, []
        assert [delay for delay, _, _ in due] == [POLL], "one timer for all"
        for _, call, args in due:
            call(*args)


@pytest.fixture
def stage(monkeypatch):
    return Stage(monkeypatch)


def test_first_come_first_served(stage):
    for name in "abc":
        stage.wait(name)
    assert stage.shortage.lasts
    stage.look(free=0)
    assert stage.told == []
    stage.look(free=2)
    assert stage.told == ["a", "b"]
    stage.look(free=2)
    assert stage.told == ["a", "b", "c"]


def test_without_waiters_nobody_looks(stage):
    assert not stage.shortage.lasts
    assert stage.loop.later == []
    stage.wait("a")
    stage.look(free=1)
    stage.look(free=1)
    assert stage.loop.later == []
    stage.wait("b")
    stage.look(free=1)
    assert stage.told == ["a", "b"]


def test_who_found_none_after_all_stands_where_he_stood(stage):
    until = stage.clock.now + PATIENCE
    stage.wait("a", until, again=lambda waiter: stage.shortage.line_up(waiter, until, stage.loop))
    stage.wait("b")
    stage.look(free=1)
    stage.look(free=1)
    stage.look(free=1)
    assert stage.told == ["a", "a", "b"]


def test_nobody_waits_for_ever(stage):
    stage.wait("a")
    stage.clock.advance(PATIENCE)
    stage.wait("b")
    stage.look(free=1)
    assert stage.told == ["a late", "b"]
    assert not stage.shortage.lasts


def test_who_is_gone_or_has_left_is_passed_over(stage):
    gone, left, _ = (stage.wait(name) for name in "abc")
    stage.shortage.leave(left)
    stage.shortage.leave(left)
    stage.waiters.remove(gone)
    del gone
    stage.look(free=1)
    assert stage.told == ["c"]


def test_one_that_fails_holds_nobody_up(stage):
    def fail(waiter):
        raise RuntimeError

    stage.wait("a", again=fail)
    stage.wait("b")
    with pytest.raises(RuntimeError):
        stage.look(free=2)
    stage.look(free=2)
    assert stage.told == ["a", "b"]


def test_many_go_on_by_and_by(stage):
    for number in range(BATCH + 1):
        stage.wait(number)
    stage.look(free=1000)
    assert len(stage.told) == BATCH
    stage.look(free=1000)
    assert len(stage.told) == BATCH + 1


def test_idle_connections_are_closed_for_those_who_wait(stage):
    pool, gone = Pool(2, 0, 9), Pool(9)
    stage.shortage.lenders.add(pool)
    stage.shortage.lenders.add(gone)
    del gone
    for name in "abcd":
        stage.wait(name)
    stage.look(free=1)
    assert pool.left == [0, 0, 8]
    stage.look(free=3)
    assert stage.told == ["a", "b", "c", "d"]
    assert pool.left == [0, 0, 8]


async def test_a_coroutine_waits_for_its_turn(monkeypatch):
    found = [0, 1]
    monkeypatch.setattr(room, "free", lambda most: found.pop(0) if most else 0)
    shortage, loop = Shortage(), asyncio.get_running_loop()
    assert await shortage.turn(loop.time() + 60, loop)
    assert found == []
    assert not await shortage.turn(0.0, loop)


async def test_a_coroutine_that_is_cancelled_waits_no_more():
    shortage, loop = Shortage(), asyncio.get_running_loop()
    waiting = asyncio.create_task(shortage.turn(loop.time() + 60, loop))
    await asyncio.sleep(0)
    assert shortage.lasts
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not shortage.lasts


async def test_a_turn_that_comes_with_the_end_is_nobodys():
    loop = asyncio.get_running_loop()
    for told in ("turn", "overdue"):
        turn = room._Turn(loop.create_future())
        turn.came.cancel()
        getattr(turn, told)()
        assert turn.came.cancelled()


def test_a_loop_has_one_of_its_own():
    one, other = FakeLoop(), FakeLoop()
    assert shortage_of(one) is shortage_of(one)
    assert shortage_of(one) is not shortage_of(other)
