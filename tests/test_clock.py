from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

from proxy.clock import NEVER, TICK, WALL, DeadlineWheel, WallClock


class Loop:
    """A loop whose time the test moves; timers are late by what it says."""

    def __init__(self):
        self.now = 1000.0
        self.timers = []

    def call_later(self, delay, call):
        timer = Timer(self.now + delay, call)
        self.timers.append(timer)
        return timer

    def run_until(self, then):
        while due := [timer for timer in self.timers if timer.when <= then]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = timer.when
            timer.call()
        self.now = then


class Timer:
    def __init__(self, when, call):
        self.when = when
        self.call = call
        self.cancelled = False

    def cancel(self):
        self.cancelled = True
        self.call = lambda: None


class Watched:
    """Notes when it was told that its deadline has passed."""

    def __init__(self, loop, deadline=NEVER, then=NEVER):
        self.deadline = deadline
        self.told = []
        self._loop = loop
        self._then = then

    def expired(self):
        self.told.append(self._loop.now)
        self.deadline = self._then


@pytest.fixture
def loop(monkeypatch):
    loop = Loop()
    clock = SimpleNamespace(monotonic=lambda: loop.now, time=lambda: WALL.second)
    monkeypatch.setattr("proxy.clock.time", clock)
    return loop


@pytest.fixture
def wheel(loop):
    wheel = DeadlineWheel(loop)
    wheel.start()
    return wheel


@pytest.mark.parametrize("seconds", [0.0, 0.01, TICK, TICK + 0.001, 1.0, 3.3, 60.0])
def test_a_deadline_is_met_up_to_a_tick_late_and_never_early(loop, wheel, seconds):
    watched = Watched(loop, loop.now + seconds)
    wheel.watch(watched)
    due = watched.deadline
    loop.run_until(due + 2 * TICK)
    assert len(watched.told) == 1
    assert due <= watched.told[0] <= due + TICK


def test_no_deadline_is_never_met(loop, wheel):
    watched = Watched(loop)
    wheel.watch(watched)
    loop.run_until(loop.now + 100_000 * TICK)
    assert watched.told == []


def test_a_deadline_that_is_moved_away_in_time_is_not_met(loop, wheel):
    watched = Watched(loop, loop.now + 10)
    wheel.watch(watched)
    for _ in range(10):
        loop.run_until(loop.now + 9)
        watched.deadline = loop.now + 10
    assert watched.told == []
    loop.run_until(loop.now + 11)
    assert len(watched.told) == 1


def test_what_is_forgotten_is_not_told(loop, wheel):
    watched = Watched(loop, loop.now + 1)
    wheel.watch(watched)
    wheel.forget(watched)
    wheel.forget(watched)
    loop.run_until(loop.now + 10)
    assert watched.told == []


def test_who_sets_a_new_deadline_is_told_again(loop, wheel):
    watched = Watched(loop, loop.now + 1, then=loop.now + 2)
    wheel.watch(watched)
    loop.run_until(loop.now + 1.5)
    assert len(watched.told) == 1
    watched._then = NEVER
    loop.run_until(loop.now + 10)
    assert len(watched.told) == 2


def test_one_that_fails_keeps_no_other_from_its_deadline(loop, wheel, caplog):
    broken, sound = Watched(loop, loop.now + 1), [Watched(loop, loop.now + 1) for _ in range(5)]
    broken.expired = lambda: 1 // 0
    for watched in (broken, *sound):
        wheel.watch(watched)
    loop.run_until(loop.now + 5)
    assert [len(watched.told) for watched in sound] == [1] * 5
    assert broken.deadline == NEVER
    assert "ZeroDivisionError" in caplog.text


def test_one_may_go_or_come_while_deadlines_are_looked_at(loop, wheel):
    class Leaving(Watched):
        def expired(self):
            super().expired()
            wheel.forget(self)
            wheel.watch(Watched(loop, loop.now + 1))

    leaving = [Leaving(loop, loop.now + 1, then=loop.now) for _ in range(5)]
    for watched in leaving:
        wheel.watch(watched)
    loop.run_until(loop.now + 5)
    assert [len(watched.told) for watched in leaving] == [1] * 5


def test_one_timer_serves_a_thousand_deadlines(loop, wheel):
    for number in range(1000):
        wheel.watch(Watched(loop, loop.now + number))
    assert len(loop.timers) == 1
    loop.run_until(loop.now + 3)
    assert len(loop.timers) == 1


def test_what_runs_every_tick_is_told_the_time(loop, wheel):
    times = []
    wheel.every_tick(times.append)
    begun = loop.now
    loop.run_until(begun + 4 * TICK)
    assert times == [begun + number * TICK for number in (1, 2, 3, 4)]


class Ticked:
    def __init__(self, times):
        self.times = times

    def tick(self, now):
        self.times.append(now)


def test_what_nobody_uses_any_more_ticks_no_more(loop, wheel):
    times = []
    ticked = Ticked(times)
    wheel.tick_while_used(ticked.tick)
    loop.run_until(loop.now + 2 * TICK)
    assert len(times) == 2
    del ticked
    loop.run_until(loop.now + 2 * TICK)
    assert len(times) == 2
    assert not wheel._while_used


def test_stopped_it_ticks_no_more(loop, wheel):
    watched = Watched(loop, loop.now + 1)
    wheel.watch(watched)
    wheel.stop()
    wheel.stop()
    loop.run_until(loop.now + 10)
    assert watched.told == []


def test_the_wall_clock_makes_an_expires_line_once_a_second(monkeypatch):
    monkeypatch.setattr("proxy.clock.time.time", lambda: 4102444800.9)
    clock = WallClock()
    line = clock.expires_line(60)
    assert line == b"Expires: Fri, 01 Jan 2100 00:01:00 GMT\r\n"
    assert clock.expires_line(60) is line
    assert clock.expires_line(0) == clock.date_line.replace(b"Date", b"Expires")
    monkeypatch.setattr("proxy.clock.time.time", lambda: 4102444801.9)
    clock.update()
    assert clock.expires_line(60) == b"Expires: Fri, 01 Jan 2100 00:01:01 GMT\r\n"


def test_the_wall_clock_makes_a_date_line_once_a_second(monkeypatch):
    seconds = iter([784111777.0, 784111777.9, 784111778.0])
    monkeypatch.setattr("proxy.clock.time", SimpleNamespace(time=lambda: next(seconds)))
    clock = WallClock()
    assert (clock.second, clock.date_line) == (784111777, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
    line = clock.date_line
    clock.update()
    assert clock.date_line is line
    clock.update()
    assert clock.date_line == b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"


def test_every_tick_keeps_the_date_right(loop, wheel, monkeypatch):
    monkeypatch.setattr(WALL, "second", WALL.second)
    monkeypatch.setattr(WALL, "date_line", WALL.date_line)
    monkeypatch.setattr("proxy.clock.time.time", lambda: 4102444800.5)
    loop.run_until(loop.now + TICK)
    assert parsedate_to_datetime(WALL.date_line[6:-2].decode()).timestamp() == WALL.second == 4102444800


def test_what_an_earlier_one_has_settled_is_not_told(loop, wheel):
    told = []

    class Timed:
        def __init__(self, name):
            self.name, self.deadline, self.other = name, 1.0, None

        def expired(self):
            told.append(self.name)
            wheel.forget(self)
            wheel.forget(self.other)

    one, two = Timed("one"), Timed("two")
    one.other, two.other = two, one
    wheel.watch(one)
    wheel.watch(two)
    wheel.expire(2.0)
    assert len(told) == 1
