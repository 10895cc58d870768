"""A pool that the operator holds, and endpoints that come and go."""

from types import SimpleNamespace

import pytest

from proxy.upstream import pool as module
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit
from proxy.upstream.membership import UNCHECKED, join, part
from proxy.upstream.queue import Queue
from proxy.upstream.standing import STATES, standing
from tests.fakes import FakeExchange
from tests.upstream.pool_stage import Setting


def made(name):
    return Endpoint(name, "a", 9, 1, IdleLimit(60.0), 8)


def test_a_paused_pool_has_nobody_and_goes_on_with_who_is_there():
    s = Setting(count=2, queue=Queue(9, 5.0))
    s.pool.pause(paused=True)
    assert s.picks() == {None}
    waiters = [s.wait_in_line() for _ in range(3)]
    s.pool._tick(s.loop.now)
    assert [waiter.turns for waiter in waiters] == [0, 0, 0]
    s.pool.pause(paused=False)
    assert {waiter.endpoint for waiter in waiters} == set(s.endpoints)
    assert len(s.pool.queue) == 0


def test_who_waits_too_long_is_told():
    s = Setting(count=1, queue=Queue(9, 5.0))
    s.pool.pause(paused=True)
    waiter = s.wait_in_line()
    s.pool._tick(s.loop.now + 6)
    assert waiter.late


def test_without_a_queue_it_has_one_while_it_is_paused():
    s = Setting(count=1)
    s.pool.pause(paused=True)
    assert s.pool.queue.timeout == module.HELD[1]
    waiter = s.wait_in_line()
    s.pool.pause(paused=False)
    assert waiter.endpoint is s.endpoints[0]
    s.pool._tick(s.loop.now + 2)
    assert s.pool.queue is None


def test_who_may_work_changes_nothing_while_it_is_paused():
    s = Setting(count=2, queue=Queue(9, 5.0))
    s.pool.pause(paused=True)
    s.pool.connect_failed(s.endpoints[0], "refused")
    s.pool.connected(s.endpoints[0])
    waiter = s.wait_in_line()
    s.pool._tick(s.loop.now)
    assert (waiter.endpoint, s.picks()) == (None, {None})
    assert not s.pool.has_other(())


def test_clients_that_are_stuck_wait_too():
    s = Setting(count=2, queue=Queue(9, 5.0))
    s.pool.sticky = SimpleNamespace(home=lambda exchange: s.endpoints[1])
    s.pool.pause(paused=True)
    assert s.pool.pick(FakeExchange(), ()) is None
    waiter = s.wait_in_line()
    s.pool.pause(paused=False)
    assert waiter.endpoint is s.endpoints[1]


def test_pausing_is_logged_once(caplog):
    s = Setting(count=1)
    for paused in (True, True, False, False):
        s.pool.pause(paused=paused)
    assert caplog.messages == ["web: paused", "web: resumed"]


def test_who_comes_is_picked_and_who_goes_finishes():
    s = Setting(count=2)
    running = s.enter()
    new = made("b:9")
    join(s.pool, new, unchecked=False)
    assert s.picks() == {*s.endpoints[:2], new}
    part(s.pool, running.name)
    assert running not in s.picks()
    assert running.in_flight == 1
    s.pool.leave(running)
    assert running.in_flight == 0


def test_who_is_to_be_checked_waits_for_that():
    s = Setting(count=1)
    new = made("b:9")
    join(s.pool, new, unchecked=True)
    assert standing(new, s.loop.now)["reason"] == UNCHECKED
    assert s.picks() == {s.endpoints[0]}
    s.pool.probe_told("b:9", up=True, why="HTTP 200")
    assert s.picks() == {s.endpoints[0], new}


def test_there_is_one_of_a_name_and_one_that_stays():
    s = Setting(count=2)
    join(s.pool, made("a:1"), unchecked=False)
    assert len(s.pool.endpoints) == 2
    part(s.pool, "a:2")
    part(s.pool, "a:1")
    assert [endpoint.name for endpoint in s.pool.endpoints] == ["a:1"]


def test_who_comes_to_a_slow_start_warms_up():
    s = Setting(count=1, slow_start=10.0)
    new = made("b:9")
    join(s.pool, new, unchecked=False)
    assert standing(new, s.loop.now)["state"] == "warming"


@pytest.mark.parametrize("order, state", [("drain", "draining"), ("disabled", "disabled"), ("ready", "up")])
def test_orders_are_states(order, state):
    s = Setting(count=2)
    s.pool.order("a:1", type(s.endpoints[0].order)(order))
    assert standing(s.endpoints[0], s.loop.now)["state"] == state
    assert state in STATES


def test_each_change_is_an_event_with_its_evidence():
    s, heard = Setting(count=2), []
    s.pool.report = heard.append
    s.pool.connect_failed(s.endpoints[0], "refused")
    told = standing(s.endpoints[0], s.loop.now)
    assert (told["state"], told["seconds"]) == ("unreachable", 1.0)
    assert told["reason"] == "cannot be reached: refused"
    s.pool.connected(s.endpoints[0])
    assert standing(s.endpoints[0], s.loop.now)["state"] == "up"
    assert [(event["kind"], event["pool"], event["endpoint"]) for event in heard] == [
        ("unreachable", "web", "a:1"), ("reachable", "web", "a:1")]
    assert heard[0]["figures"]["refusals"] == 1
    assert heard[0]["time"] == pytest.approx(told["since"], abs=1)
