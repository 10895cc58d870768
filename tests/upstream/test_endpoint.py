import pytest

from proxy.upstream import endpoint as module
from proxy.upstream.endpoint import LESSON, SURE, Endpoint


class Idle:
    def __init__(self, *, usable=True, since=0.0):
        self.usable = usable
        self.idle_since = since
        self.discarded = False

    def is_usable(self):
        return self.usable

    def discard(self):
        self.discarded = True


def test_the_freshest_connection_is_taken_first():
    endpoint = Endpoint("a:1", "a", 1, 1, 2)
    first, second, third = Idle(), Idle(), Idle()
    assert endpoint.keep(first)
    assert endpoint.keep(second)
    assert not endpoint.keep(third)
    assert endpoint.take_idle() is second
    assert endpoint.take_idle() is first
    assert endpoint.take_idle() is None


def test_what_is_not_usable_is_thrown_away():
    endpoint = Endpoint("a:1", "a", 1, 1, 9)
    good, *bad = Idle(), Idle(usable=False), Idle(usable=False)
    for connection in (good, *bad):
        endpoint.keep(connection)
    assert endpoint.take_idle() is good
    assert [connection.discarded for connection in (good, *bad)] == [False, True, True]
    assert endpoint.idle == []


@pytest.fixture
def at(monkeypatch):
    """Set the time, in seconds."""

    def set_time(seconds):
        monkeypatch.setattr(module, "monotonic", lambda: seconds)

    set_time(0.0)
    return set_time


def test_what_must_not_be_sent_twice_takes_no_connection_that_may_be_closed_just_now(at):
    endpoint = Endpoint("a:1", "a", 1, 1, 9)
    old, new = Idle(since=100.0), Idle(since=100.0 + SURE / 2)
    endpoint.keep(old)
    endpoint.keep(new)
    at(100.0 + SURE)
    assert endpoint.take_surely_open() is new
    assert endpoint.take_surely_open() is None
    assert endpoint.take_idle() is old


def test_an_endpoint_that_closes_soon_is_trusted_less_for_a_while(at):
    endpoint = Endpoint("a:1", "a", 1, 1, 9)
    at(100.0)
    endpoint.closed_idle(Idle(since=99.8))
    endpoint.closed_idle(Idle(since=90.0))
    endpoint.keep(Idle(since=99.85))
    assert endpoint.take_surely_open() is None
    endpoint.keep(younger := Idle(since=99.95))
    assert endpoint.take_surely_open() is younger
    at(100.0 + LESSON)
    endpoint.keep(later := Idle(since=100.0 + LESSON - SURE * 0.9))
    assert endpoint.take_surely_open() is later


def test_an_end_that_is_found_by_looking_is_a_lesson_too(at):
    endpoint = Endpoint("a:1", "a", 1, 1, 9)
    at(100.0)
    endpoint.keep(Idle(since=99.9))
    endpoint.keep(Idle(since=99.92, usable=False))
    assert endpoint.take_surely_open() is None
    assert endpoint.take_idle() is not None


def test_forgetting_and_closing():
    endpoint = Endpoint("a:1", "a", 1, 1, 9)
    one, two = Idle(), Idle()
    endpoint.keep(one)
    endpoint.keep(two)
    endpoint.forget(one)
    endpoint.forget(one)
    endpoint.close_idle()
    assert (one.discarded, two.discarded, endpoint.idle) == (False, True, [])
    assert repr(endpoint) == "<Endpoint a:1>"
