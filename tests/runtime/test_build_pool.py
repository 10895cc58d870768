import pytest

from proxy.balancing import STRATEGIES
from proxy.clock import DeadlineWheel
from proxy.config.load import loads
from proxy.runtime.build_pool import build_pool
from proxy.runtime.carry import public_hosts
from proxy.upstream.endpoint import Order
from proxy.upstream.retry import NO_RETRY
from tests.fakes import FakeExchange, FakeLoop


@pytest.fixture
def built():
    """Makes the pool of these keys."""
    def make(keys="", workers=1, routes="[{reverse_proxy: web}]"):
        endpoints = "" if "endpoints:" in keys else "endpoints: [a:1, b:2], "
        text = f"listen: a:1\nworkers: {workers}\npools: {{web: {{{endpoints}{keys}}}}}\nroutes: {routes}\n"
        loop = FakeLoop()
        config = loads(text)
        return build_pool("web", config, public_hosts(config), loop, DeadlineWheel(loop))
    return make


def slots(rules):
    return {name.lstrip("_"): getattr(rules, name) for name in rules.__slots__}


def test_what_is_on_where_nothing_is_said(built):
    pool = built()
    assert slots(pool.rules.ejection) == {"failures": 3, "rate": 0.3, "window": 10.0, "duration": 10.0}
    assert (pool.retry.attempts, pool.retry.timeout) == (2, None)
    assert pool.retry.on == {"connect", "reset", "timeout", "502", "503", "504"}
    assert pool.retry.budget._share == 0.2
    assert (pool.queue, pool.sticky, pool.hedge, pool.rules.slow_start, pool.timed) == (
        None, None, None, 0.0, False)
    assert [(e.most, e.priority, e.origin, e.order) for e in pool.endpoints] == [
        (0, 0, "a:1", Order.READY), (0, 0, "b:2", Order.READY)]


def test_what_is_off(built):
    pool = built("ejection: false, retry: false")
    assert (pool.rules.ejection, pool.retry) == (None, NO_RETRY)


def test_what_is_said(built):
    pool = built(
        "ejection: {failures: 5, window: 20s, duration: 30s, rate: 40%}, slow_start: 7s, "
        "retry: {attempts: 4, on: [reset, 599], budget: 50%, timeout: 3s, hedge: true}, "
        "queue: {size: 6, timeout: 8s}")
    assert slots(pool.rules.ejection) == {"failures": 5, "rate": 0.4, "window": 20.0, "duration": 30.0}
    retry = pool.retry
    assert (retry.attempts, retry.on, retry.statuses, retry.timeout, retry.budget._share) == (
        4, {"reset", "599"}, {599}, 3.0, 0.5)
    assert (pool.queue._size, pool.queue.timeout, pool.rules.slow_start) == (6, 8.0, 7.0)
    assert pool.hedge is not None
    assert pool.timed  # for the pace


def test_a_pool_of_its_own(built):
    """Budgets and queues count what is theirs alone."""
    one, other = built("queue: {}"), built("queue: {}")
    assert one.retry.budget is not other.retry.budget
    assert one.queue is not other.queue


def test_the_cookie(built):
    pool = built("sticky: {cookie: shop, secret: hush, max_age: 1h, secure: true}")
    line = pool.sticky.line(pool.endpoints[0], https=False)
    assert line.startswith(b"Set-Cookie: shop=")
    assert b"; Max-Age=3600" in line
    assert b"; Secure" in line
    same, other = built("sticky: {secret: hush}"), built("sticky: {secret: other}")
    values = [each.sticky.value(each.endpoints[0]) for each in (pool, same, other)]
    assert values[0] == values[1] != values[2]
    assert len(built("sticky: {}").sticky.value(pool.endpoints[0])) == 20


@pytest.mark.parametrize("workers", [1, 4])
def test_a_limit_is_that_of_all_workers_together(built, workers):
    pool = built("endpoints: [{address: a:1, max_connections: 100}, b:2]", workers)
    assert [endpoint.most for endpoint in pool.endpoints] == [100, 0]


def test_priorities(built):
    pool = built("endpoints: [a:1, {address: b:2, backup: true}, {address: c:3, priority: 5}]")
    assert [endpoint.priority for endpoint in pool.endpoints] == [0, 1, 5]
    assert pool.pick(FakeExchange(), ()) is pool.endpoints[0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_picks(built, strategy):
    pool = built(f"strategy: {strategy}, endpoints: [{{address: a:1, weight: 3}}, b:2, 'unix:/run/c.sock']")
    exchange = FakeExchange()
    first = pool.pick(exchange, ())
    second = pool.pick(exchange, (first,))
    third = pool.pick(exchange, (first, second))
    assert {first, second, third} == set(pool.endpoints)
    assert pool.pick(exchange, pool.endpoints) is None
    assert pool.timed == (strategy == "least_time")


def test_a_key_to_hash(built):
    pool = built("strategy: consistent_hash, hash_key: path")
    picked = {path: {pool.pick(FakeExchange(path, client=f"192.0.2.{at}"), ()) for at in range(9)}
              for path in (b"/a", b"/b", b"/c", b"/d", b"/e", b"/f")}
    assert {len(endpoints) for endpoints in picked.values()} == {1}
    assert set.union(*picked.values()) == set(pool.endpoints)


def test_a_strategy_of_ones_own_may_want_to_know_the_latency(built):
    assert built("strategy: 'proxy.balancing.first:First'").timed


def test_names_that_the_site_is_asked_for_are_no_secret(built):
    routes = "[{match: {host: [A.example, www.example]}, reverse_proxy: web}]"
    pool = built("endpoints: [a.example:1, c.example:2]", routes=routes)
    assert pool.rules.public == {"a.example", "www.example"}
    assert not pool.disguise.sees(b"Location: //a.example/\r\n")
    assert pool.disguise.sees(b"Location: //c.example/\r\n")
