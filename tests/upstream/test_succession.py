"""A pool that becomes what another configuration says, while the operator holds it."""

from proxy.balancing.round_robin import RoundRobin
from proxy.upstream import pool as module
from proxy.upstream.pool import Pool
from proxy.upstream.queue import Queue
from proxy.upstream.rules import PoolRules
from proxy.upstream.succession import Heirs, succeed
from tests.upstream.pool_stage import Setting
from tests.upstream.stage import TIMEOUTS


def become(s, **rules):
    """Reload with these rules."""
    new = Pool("web", s.pool.endpoints, RoundRobin(), TIMEOUTS, PoolRules(**rules), s.loop, s.wheel)
    names = [endpoint.name for endpoint in s.pool.endpoints]
    succeed(s.pool, new, Heirs(names, names))


def test_a_paused_pool_without_a_queue_goes_on_holding_who_comes():
    s = Setting(count=1)
    s.pool.pause(paused=True)
    first = s.wait_in_line()
    become(s)
    then = s.wait_in_line()
    s.pool.pause(paused=False)
    assert first.endpoint is then.endpoint is s.endpoints[0]
    s.pool._tick(s.loop.now + 2)
    assert s.pool.queue is None


def test_a_paused_pool_that_loses_its_queue_keeps_it_for_the_pause():
    s = Setting(count=1, queue=Queue(9, 5.0))
    s.pool.pause(paused=True)
    become(s)
    assert s.pool.queue.has_room()
    s.pool.pause(paused=False)
    s.pool._tick(s.loop.now + 2)
    assert s.pool.queue is None


def test_a_paused_pool_has_the_limits_of_a_new_queue():
    s = Setting(count=1)
    s.pool.pause(paused=True)
    s.wait_in_line()
    become(s, queue=Queue(1, 5.0))
    assert s.pool.queue.timeout == 5.0
    assert not s.pool.queue.has_room()


def test_a_pool_that_is_paused_after_it_lost_its_queue_holds_who_comes():
    s = Setting(count=1, most=1, queue=Queue(9, 5.0))
    s.enter()
    s.wait_in_line()
    become(s)
    assert not s.pool.queue.has_room()
    s.pool.pause(paused=True)
    assert s.pool.queue.timeout == module.HELD[1]
    s.wait_in_line()
    assert len(s.pool.queue) == 2
