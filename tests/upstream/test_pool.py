import pytest

from proxy.balancing.round_robin import RoundRobin
from proxy.clock import DeadlineWheel
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import FIRST_REST, LONGEST_REST, MOST_COMPLAINTS, Pool
from proxy.upstream.rules import PoolRules
from tests.fakes import FakeExchange, FakeLoop
from tests.upstream.stage import TIMEOUTS


class Loop(FakeLoop):
    now = 0.0

    def time(self):
        return self.now


class Setting:
    def __init__(self, count=3):
        self.loop = Loop()
        self.wheel = DeadlineWheel(self.loop)
        self.endpoints = [Endpoint(f"a:{port}", "a", port, 1, IdleLimit(60.0), 8)
                          for port in range(1, count + 1)]
        self.pool = Pool("web", self.endpoints, RoundRobin(), TIMEOUTS, PoolRules(), self.loop, self.wheel)

    def picks(self, tried=()):
        """Who is picked in many picks."""
        return {self.pool.pick(FakeExchange(), tried) for _ in range(20)}

    def wait(self, seconds):
        self.loop.now += seconds
        for call in self.wheel._every_tick:
            call(self.loop.now)


@pytest.fixture
def setting():
    return Setting()


def test_all_are_picked(setting):
    assert setting.picks() == set(setting.endpoints)


def test_none_that_was_tried(setting):
    one, two, three = setting.endpoints
    assert setting.picks((one,)) == {two, three}
    assert setting.picks((one, two, three)) == {None}


def test_an_endpoint_that_cannot_be_reached_rests(setting):
    one, two, three = setting.endpoints
    setting.pool.connect_failed(one, "refused")
    assert setting.picks() == {two, three}
    setting.wait(FIRST_REST - 0.1)
    assert setting.picks() == {two, three}
    setting.wait(0.1)
    assert setting.picks() == {one, two, three}


def test_it_rests_longer_each_time_and_never_too_long(setting):
    one, two, _ = setting.endpoints
    for rest in (1, 2, 4, 8, 10, 10):
        setting.pool.connect_failed(one, "refused")
        assert one.down_until - setting.loop.now == min(rest, LONGEST_REST)
        setting.wait(rest)
    assert two.down_until == 0


def test_thousands_of_failures_are_no_more_than_a_long_rest(setting):
    """2 ** 1024 is no float: from then on every exchange hung."""
    one = setting.endpoints[0]
    for _ in range(3000):
        setting.pool.connect_failed(one, "refused")
        setting.wait(LONGEST_REST)
    setting.pool.connect_failed(one, "refused")
    assert one.down_until - setting.loop.now == LONGEST_REST


def test_a_burst_of_failures_is_one(setting, caplog):
    """Fifty clients that find an application restarting must not cost it ten seconds of traffic."""
    for _ in range(50):
        setting.pool.connect_failed(setting.endpoints[0], "refused")
    assert len(caplog.records) == 1
    setting.wait(FIRST_REST)
    assert setting.picks() == set(setting.endpoints)


def test_one_that_rests_is_the_last_resort(setting):
    one, two, three = setting.endpoints
    setting.pool.connect_failed(one, "refused")
    assert setting.picks((two, three)) == {one}
    assert setting.picks((one, two, three)) == {None}


def test_when_all_rest_all_are_tried(setting):
    for endpoint in setting.endpoints:
        setting.pool.connect_failed(endpoint, "refused")
    assert setting.picks() == set(setting.endpoints)
    setting.pool.connected(setting.endpoints[1])
    assert setting.picks() == {setting.endpoints[1]}


def test_a_connect_that_works_ends_the_rest(setting, caplog):
    one = setting.endpoints[0]
    setting.pool.connected(one)
    setting.pool.connect_failed(one, "no route")
    setting.pool.connected(one)
    assert setting.picks() == set(setting.endpoints)
    assert one.refusals == 0
    assert [record.message for record in caplog.records] == [
        "web a:1 cannot be reached: no route", "web a:1 can be reached again"]


def test_one_that_works_after_its_rest(setting):
    one = setting.endpoints[0]
    setting.pool.connect_failed(one, "refused")
    setting.wait(FIRST_REST)
    setting.pool.connected(one)
    assert one.refusals == 0
    assert setting.picks() == set(setting.endpoints)


def test_complaints_are_bounded_per_second(setting, caplog):
    for _ in range(MOST_COMPLAINTS + 7):
        setting.pool.complain("a:1", "failed")
    assert len(caplog.records) == MOST_COMPLAINTS
    setting.wait(0.1)
    assert caplog.records[-1].message == "web: 7 more attempts failed"
    setting.pool.complain("a:1", "failed")
    setting.wait(0.1)  # the second is not over: nothing is summed up
    setting.wait(1.0)
    assert caplog.records[-1].message == "web a:1 failed"


def test_closing_a_pool_closes_what_is_idle(setting):
    class Idle:
        discarded = False

        def discard(self):
            self.discarded = True

    idle = [Idle() for _ in setting.endpoints]
    for endpoint, connection in zip(setting.endpoints, idle, strict=True):
        endpoint.keep(connection)
    setting.pool.close()
    assert all(connection.discarded for connection in idle)
