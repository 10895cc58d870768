import pytest

from proxy.upstream.complaints import MOST
from proxy.upstream.endpoint import Endpoint, Order
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import FIRST_REST, LONGEST_REST
from proxy.upstream.queue import Queue
from proxy.upstream.sticky import Sticky
from tests.fakes import FakeExchange
from tests.upstream.pool_stage import Setting


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
    for _ in range(MOST + 7):
        setting.pool.complain("a:1", "failed")
    assert len(caplog.records) == MOST
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


# Priorities.

def test_a_later_priority_stands_back():
    s = Setting(priorities=(0, 0, 1))
    one, two, backup = s.endpoints
    assert s.picks() == {one, two}
    s.pool.connect_failed(one, "refused")
    assert s.picks() == {two}
    s.pool.connect_failed(two, "refused")
    assert s.picks() == {backup}
    s.pool.connected(two)
    assert s.picks() == {two}


def test_a_later_priority_after_failed_attempts():
    s = Setting(count=4, priorities=(0, 0, 2, 1))
    one, two, second, first = s.endpoints
    assert s.picks((one,)) == {two}
    assert s.picks((one, two)) == {first}
    assert s.picks((one, two, first)) == {second}
    s.pool.connect_failed(two, "refused")
    assert s.picks((one, first, second)) == {two}  # who rests is the last resort


def test_of_those_that_stand_back_the_least_busy():
    s = Setting(priorities=(0, 1, 1))
    one, two, three = s.endpoints
    s.pool.enter(two)
    assert s.picks((one,)) == {three}
    s.pool.enter(three)
    s.pool.enter(three)
    assert s.picks((one,)) == {two}


# Limits.

def test_a_full_endpoint_is_passed_over():
    s = Setting(count=2, most=1)
    first = s.enter()
    assert s.pool.full == {first}
    second = s.enter()
    assert {first, second} == set(s.endpoints)
    assert s.enter() is None
    s.pool.leave(first)
    assert s.pool.full == {second}
    assert s.enter() is first


def test_a_full_priority_flows_over_into_the_next():
    s = Setting(priorities=(0, 1), count=2, most=1)
    assert [s.enter(), s.enter(), s.enter()] == [*s.endpoints, None]


def test_who_rests_is_not_asked_first_because_others_are_full():
    s = Setting(count=2, most=1)
    s.pool.connect_failed(s.endpoints[0], "refused")
    assert s.enter() is s.endpoints[1]
    assert s.enter() is None


@pytest.mark.parametrize("tried, has", [((), True), ((0,), True), ((0, 2), False)])
def test_whether_there_is_another(tried, has):
    s = Setting(most=1)
    s.pool.enter(s.endpoints[1])
    assert s.pool.has_other([s.endpoints[at] for at in tried]) == has


# The queue.

def test_who_waits_takes_the_place_that_gets_free():
    s = Setting(count=2, most=1, queue=Queue(9, 5.0))
    one, _ = s.enter(), s.enter()
    first, second = s.wait_in_line(), s.wait_in_line()
    s.pool.leave(one)
    assert (first.endpoint, second.endpoint, second.turns) == (one, None, 0)
    assert (s.pool.full, len(s.pool.queue)) == (set(s.endpoints), 1)


def test_who_waits_takes_a_place_at_a_later_priority():
    """Else newcomers would be served there, before them."""
    s = Setting(count=2, most=1, priorities=(0, 1), queue=Queue(9, 5.0))
    s.enter()
    backup = s.enter()
    waiter = s.wait_in_line()
    s.pool.leave(backup)
    assert waiter.endpoint is backup


@pytest.mark.parametrize("change", [
    lambda s: s.pool.connected(s.endpoints[1]),
    lambda s: s.pool.probe_told("a:1", up=True, why=""),
    lambda s: s.pool.order("a:3", Order.READY),
    lambda s: s.wait(FIRST_REST)])
def test_who_waits_takes_an_endpoint_that_is_back(change):
    s = Setting(most=1, queue=Queue(9, 5.0))
    s.pool.probe_told("a:1", up=False, why="")
    s.pool.connect_failed(s.endpoints[1], "refused")
    s.pool.order("a:3", Order.DRAIN)
    waiters = [s.wait_in_line() for _ in range(3)]
    change(s)
    assert [waiter.endpoint is not None for waiter in waiters] == [True, False, False]


def test_who_waits_too_long():
    s = Setting(count=1, most=1, queue=Queue(9, 5.0))
    s.enter()
    first = s.wait_in_line()
    s.wait(4.9)
    second = s.wait_in_line()
    assert not first.late
    s.wait(0.1)
    assert (first.late, second.late) == (True, False)


def test_while_none_is_available_one_at_a_time_tries():
    """The others wait, newcomers too: a site that is down is not stormed."""
    s = Setting(count=2, most=1, queue=Queue(9, 5.0))
    for endpoint in s.endpoints:
        s.pool.connect_failed(endpoint, "refused")
    waiters = [s.wait_in_line() for _ in range(3)]
    assert s.picks() == {None}
    s.wait(0.25)
    assert [waiter.turns for waiter in waiters] == [1, 0, 0]
    s.pool.leave(waiters[0].endpoint)
    assert [waiter.turns for waiter in waiters] == [1, 0, 0]
    s.wait(0.25)
    assert [waiter.turns for waiter in waiters] == [1, 1, 0]


def test_while_none_is_available_the_first_one_tries_at_once():
    s = Setting(queue=Queue(9, 5.0))
    for endpoint in s.endpoints:
        s.pool.connect_failed(endpoint, "refused")
    assert s.picks() == set(s.endpoints)


def test_who_had_tried_all_that_were_there_takes_one_that_is_back_since():
    """Nothing else would tell of it: the endpoint has been available for a while, and has no limit."""
    s = Setting(count=2, queue=Queue(9, 5.0))
    waiter = s.wait_in_line()
    s.wait(0.25)
    assert waiter.endpoint in s.endpoints


def test_where_all_are_disabled_everybody_waits():
    s = Setting(count=1, queue=Queue(9, 5.0))
    s.pool.order("a:1", Order.DISABLED)
    waiter = s.wait_in_line()
    s.wait(0.25)
    assert (waiter.endpoint, len(s.pool.queue)) == (None, 1)
    assert s.picks() == {None}


# Stickiness.

def stuck(s, endpoint):
    return FakeExchange(fields=[(b"Cookie", b"lb=" + s.pool.sticky.value(endpoint))])


def picked(s, endpoint, tried=(), leaving=()):
    """Who are picked for a client that is stuck to an endpoint."""
    return {s.pool.pick(stuck(s, endpoint), tried, leaving) for _ in range(20)}


@pytest.fixture
def sticky():
    return Setting(most=2, sticky=Sticky("lb", "secret", "web"))


def test_a_client_comes_back_to_its_endpoint(sticky):
    for endpoint in sticky.endpoints:
        assert picked(sticky, endpoint) == {endpoint}
    stranger = Endpoint("b:1", "b", 1, 1, IdleLimit(9.0), 8)
    assert picked(sticky, stranger) == set(sticky.endpoints)


@pytest.mark.parametrize("leave, stays", [
    (lambda pool, one: pool.order("a:1", Order.DRAIN), True),
    (lambda pool, one: pool.order("a:1", Order.DISABLED), False),
    (lambda pool, one: pool.connect_failed(one, ""), False),
    (lambda pool, one: pool.probe_told("a:1", up=False, why=""), False),
    (lambda pool, one: pool.order("a:1", Order.DRAIN) and pool.connect_failed(one, ""), False),
    (lambda pool, one: pool.order("a:1", Order.DRAIN) and pool.probe_told("a:1", up=False, why=""), False),
    (lambda pool, one: pool.order("a:1", Order.DRAIN) and setattr(one, "ejected_until", 9e9), False),
    (lambda pool, one: [pool.enter(one), pool.enter(one)], False),
    (lambda pool, one: pool.addresses_told("a:1", ["10.0.0.1:1"]), False)])
def test_how_long_it_does(sticky, leave, stays):
    one = sticky.endpoints[0]
    leave(sticky.pool, one)
    assert (one in picked(sticky, one)) == stays
    assert one not in sticky.picks()
    assert len(picked(sticky, one)) == (1 if stays else len(sticky.pool.active) - len(sticky.pool.full))


def test_a_failed_attempt_is_tried_elsewhere(sticky):
    one, two, three = sticky.endpoints
    assert picked(sticky, one, (one,)) == {two, three}


def test_a_client_whose_endpoint_drains_does_not_wait_for_others(sticky):
    """All drain, as before a stop: nobody else is picked, but it goes on."""
    s = Setting(count=2, sticky=Sticky("lb", "secret", "web"), queue=Queue(9, 5.0))
    for endpoint in s.endpoints:
        s.pool.order(endpoint.name, Order.DRAIN)
    s.wait_in_line()
    assert s.pool.panic
    assert picked(s, s.endpoints[1]) == {s.endpoints[1]}
    assert s.picks() == {None}


def test_who_waits_for_an_endpoint_of_his_own_has_its_next_place():
    s = Setting(count=2, most=1, sticky=Sticky("lb", "secret", "web"), queue=Queue(9, 5.0))
    one, two = s.endpoints
    for endpoint in s.endpoints:
        s.pool.enter(endpoint)
    mine, others = s.wait_in_line(stuck(s, two)), s.wait_in_line()
    s.pool.leave(one)
    assert (mine.endpoint, mine.turns, others.endpoint) == (None, 0, one)
    s.pool.leave(two)
    assert mine.endpoint is two


def test_even_while_that_drains_and_no_other_is_there():
    s = Setting(count=1, most=1, sticky=Sticky("lb", "secret", "web"), queue=Queue(9, 5.0))
    one = s.endpoints[0]
    s.pool.order(one.name, Order.DRAIN)
    s.pool.enter(one)
    mine, others = s.wait_in_line(stuck(s, one)), s.wait_in_line()
    s.pool.leave(one)
    assert (mine.endpoint, others.turns) == (one, 0)


# Endpoints that seem about to leave.

def test_others_are_preferred_to_one_that_seems_to_leave(setting):
    one, two, three = setting.endpoints
    assert setting.picks(leaving=(one,)) == {two, three}
    assert setting.picks(tried=(two,), leaving=(one,)) == {three}
    assert setting.picks(leaving=(one, two, three)) == {one, two, three}
    assert setting.picks(tried=(two, three), leaving=(one,)) == {one}


def test_not_others_of_a_later_priority():
    s = Setting(count=2, priorities=(0, 1))
    assert s.picks(leaving=s.endpoints[:1]) == {s.endpoints[0]}


def test_not_others_that_are_full_or_rest():
    s = Setting(count=3, most=1)
    one, two, three = s.endpoints
    s.pool.enter(two)
    s.pool.connect_failed(three, "refused")
    assert s.picks(leaving=(one,)) == {one}


def test_a_client_that_is_stuck_stays(sticky):
    one = sticky.endpoints[0]
    assert picked(sticky, one, leaving=(one,)) == {one}


def test_who_seems_to_leave(setting):
    one = setting.endpoints[0]
    one.keep(None)
    one.will_close(100.0)
    assert setting.pool.signs.until == one.leaving_until
    assert setting.pool.leaving(100.0, once=True) == (one,)
    assert setting.pool.leaving(100.0, once=False) == ()
    one.test(100.0)
    assert setting.pool.leaving(100.0, once=False) == (one,)
    assert setting.pool.leaving(one.leaving_until, once=True) == ()
