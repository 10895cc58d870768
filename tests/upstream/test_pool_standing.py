"""What makes an endpoint available or not, for how long, and with which share it comes back."""

import pytest

from proxy.upstream.ejection import LONGEST, Ejection
from proxy.upstream.endpoint import LEAVING, Order
from proxy.upstream.pool import FIRST_REST
from proxy.upstream.warmth import STEPS
from tests.upstream.pool_stage import Setting

RULES = Ejection(failures=3, window=10.0, duration=8.0, rate=0.5)


@pytest.fixture
def setting():
    return Setting()


@pytest.fixture
def ejecting():
    return Setting(count=4, ejection=RULES)


# Active checks.

def test_a_probe_takes_an_endpoint_out_and_back(setting):
    one, two, three = setting.endpoints
    setting.pool.probe_told("a:1", up=False, why="HTTP 500 in 12 ms")
    assert one.probe_failure == "HTTP 500 in 12 ms"
    assert setting.picks() == {two, three}
    assert setting.picks((two, three)) == {None}  # not even as the last resort
    setting.pool.probe_told("a:1", up=True, why="")
    assert setting.picks() == {one, two, three}


def test_a_probe_without_a_reason_and_one_of_nobody(setting):
    setting.pool.probe_told("a:1", up=False, why="")
    setting.pool.probe_told("b:1", up=False, why="down")
    assert setting.picks() == set(setting.endpoints[1:])


def test_a_probe_that_was_served_ends_rest_and_ejection(ejecting):
    one = ejecting.endpoints[0]
    ejecting.pool.probe_told("a:1", up=False, why="")
    ejecting.pool.connect_failed(one, "refused")
    ejecting.fail(one)
    ejecting.pool.probe_told("a:1", up=True, why="")
    assert one in ejecting.picks()
    assert (one.down_until, one.ejected_until, one.failures) == (0.0, 0.0, 0)


def test_a_probe_that_goes_on_being_served_ends_nothing(setting):
    one = setting.endpoints[0]
    setting.pool.connect_failed(one, "refused")
    setting.pool.probe_told("a:1", up=True, why="")
    assert one not in setting.picks()


def test_when_all_are_called_down_those_are_tried_that_no_probe_calls_so(setting):
    one, two, three = setting.endpoints
    setting.pool.probe_told("a:1", up=False, why="")
    setting.pool.connect_failed(two, "refused")
    setting.pool.order("a:3", Order.DRAIN)
    assert (setting.pool.panic, setting.picks()) == (True, {two})
    setting.pool.probe_told("a:2", up=False, why="")
    assert (setting.pool.panic, setting.picks()) == (True, {one, two})
    setting.pool.order("a:3", Order.READY)
    assert (setting.pool.panic, setting.picks()) == (False, {three})


# The operator's orders.

@pytest.mark.parametrize("order", [Order.DRAIN, Order.DISABLED])
def test_an_order_and_its_end(setting, order, caplog):
    one, two, three = setting.endpoints
    assert setting.pool.order("a:1", order)
    assert setting.picks() == {two, three}
    assert setting.picks((two, three)) == {None}
    assert setting.pool.order("a:1", order)
    assert setting.pool.order("a:1", Order.READY)
    assert setting.picks() == {one, two, three}
    assert [record.message for record in caplog.records] == [f"web a:1: {order.value}", "web a:1: ready"]


def test_an_order_for_nobody(setting):
    assert not setting.pool.order("b:1", Order.DISABLED)
    assert not setting.pool.set_share("b:1", 5)


def test_a_disabled_endpoint_loses_what_it_kept(setting):
    class Idle:
        discarded = False

        def discard(self):
            self.discarded = True

    kept = {}
    for endpoint, order in zip(setting.endpoints, Order, strict=True):
        kept[order] = Idle()
        endpoint.keep(kept[order])
        setting.pool.order(endpoint.name, order)
    assert [order for order in Order if kept[order].discarded] == [Order.DISABLED]


def test_another_share(setting):
    one, two, _ = setting.endpoints
    assert setting.pool.set_share("a:1", 8)
    picks = [setting.pool.pick(None, ()) for _ in range(100)]
    assert (picks.count(one), picks.count(two)) == (80, 10)


# Ejection.

def test_failures_in_a_row_eject(ejecting, caplog):
    one, *others = ejecting.endpoints
    ejecting.fail(one, 2)
    assert one in ejecting.picks()
    ejecting.pool.answered_badly(one, 503)
    assert ejecting.picks() == set(others)
    assert caplog.records[-1].message == "web a:1 ejected for 8 s: 3 failures in a row, last: HTTP 503"
    ejecting.wait(7.9)
    assert one not in ejecting.picks()
    ejecting.wait(0.1)
    assert one in ejecting.picks()
    assert caplog.records[-1].message == "web a:1 is back from ejection"


@pytest.mark.parametrize("status, ejected", [
    (500, False), (501, False), (502, True), (504, True), (505, False)])
def test_which_statuses_are_failures(ejecting, status, ejected):
    one = ejecting.endpoints[0]
    for _ in range(3):
        ejecting.pool.answered_badly(one, status)
    assert (one not in ejecting.picks(), one.errors) == (ejected, 3)


def test_each_time_for_longer(ejecting):
    one = ejecting.endpoints[0]
    for at in range(1, LONGEST + 3):
        ejecting.fail(one)
        seconds = one.ejected_until - ejecting.loop.now
        assert seconds == min(at, LONGEST) * RULES.duration
        ejecting.wait(seconds)
    ejecting.wait(LONGEST * RULES.duration + 1)
    ejecting.wait(1)
    ejecting.fail(one)
    assert one.ejected_until - ejecting.loop.now == RULES.duration


def answers(setting, **shares):
    """A hundred answers of each endpoint, and how many of them fail."""
    for endpoint in setting.endpoints:
        endpoint.answers += 100
        for _ in range(shares.get(endpoint.name.replace(":", ""), 0)):
            setting.pool.answered_badly(endpoint, 500)


def test_a_share_of_failed_answers_ejects(ejecting, caplog):
    answers(ejecting, a1=80, a2=10)
    ejecting.wait(1.0)
    assert ejecting.picks() == set(ejecting.endpoints[1:])
    assert "80% of its answers failed, 3% of the others'" in caplog.text


def test_where_all_fail_nobody_is_ejected(ejecting):
    answers(ejecting, a1=90, a2=80, a3=70, a4=85)
    ejecting.wait(1.0)
    assert ejecting.picks() == set(ejecting.endpoints)


def test_who_is_ejected_for_its_share_stays_away_longer_each_time(ejecting):
    """It was forgiven within the second: only failures in a row had a time."""
    one = ejecting.endpoints[0]
    for at in (1, 2, 3):
        answers(ejecting, a1=90)
        ejecting.wait(1.0)
        assert one.ejected_until - ejecting.loop.now == at * RULES.duration
        for _ in range(at * 8):
            ejecting.wait(1.0)
        assert one in ejecting.picks()


def test_what_fails_during_an_ejection_had_begun_before(ejecting):
    """A hundred exchanges that it was working on must not have it ejected the moment it is back."""
    one = ejecting.endpoints[0]
    ejecting.fail(one)
    ejecting.fail(one, 97)
    ejecting.wait(8.0)
    for endpoint in ejecting.endpoints[1:]:
        endpoint.answers += 100
    ejecting.fail(one, 2)
    ejecting.wait(1.0)
    assert one in ejecting.picks()


def back_from_ejection(s):
    one = s.endpoints[0]
    s.fail(one)
    s.wait(RULES.duration)
    return one


def back_from_a_rest(s):
    one = s.endpoints[0]
    s.pool.connect_failed(one, "timed out")
    s.wait(1.0)
    return one


@pytest.mark.parametrize("back", [back_from_ejection, back_from_a_rest])
def test_one_exchange_finds_out_whether_who_is_back_works(ejecting, back):
    """Or a third of the traffic would wait for the answers of an endpoint that still hangs."""
    pool, one = ejecting.pool, back(ejecting)
    now = ejecting.loop.now
    assert (pool.leaving(now, once=True), pool.leaving(now, once=False)) == ((one,), ())
    one.test(now)
    assert pool.signs.until > now
    assert pool.leaving(now + LEAVING - 0.1, once=False) == (one,)
    assert pool.leaving(now + LEAVING, once=False) == ()  # another one, as it may just take long
    one.works()
    assert pool.leaving(now, once=True) == ()


@pytest.mark.parametrize("back, ejections", [(back_from_ejection, 2), (back_from_a_rest, 1)])
def test_who_fails_at_once_is_ejected_again(ejecting, caplog, back, ejections):
    one = back(ejecting)
    ejecting.pool.failed(one, "no response in time", ejecting.loop.now - 0.1)  # sent before
    assert one in ejecting.picks()
    ejecting.pool.failed(one, "no response in time", ejecting.loop.now)
    assert (one in ejecting.picks(), one.ejections) == (False, ejections)
    assert "back and failed at once: no response in time" in caplog.text


@pytest.mark.parametrize("status, ejected", [(502, True), (503, True), (500, False)])
def test_who_answers_badly_at_once_is_ejected_again(ejecting, status, ejected):
    one = back_from_ejection(ejecting)
    ejecting.pool.answered_badly(one, status, ejecting.loop.now - 0.1)
    assert one in ejecting.picks()
    ejecting.pool.answered_badly(one, status, ejecting.loop.now)
    assert (one not in ejecting.picks()) == ejected


def test_a_connect_that_works_is_enough_for_who_only_rested(ejecting):
    one = back_from_a_rest(ejecting)
    ejecting.pool.connected(one)
    ejecting.pool.failed(one, "reset", ejecting.loop.now)
    assert one in ejecting.picks()


@pytest.mark.parametrize("count, most", [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_half_of_them_at_most(count, most):
    s = Setting(count=count, ejection=RULES)
    for endpoint in s.endpoints:
        s.fail(endpoint, 9)
    assert len(s.picks()) == count - most


def test_the_last_one_is_not_ejected(ejecting):
    one, two, *others = ejecting.endpoints
    ejecting.pool.probe_told("a:2", up=False, why="")
    for endpoint in others:
        ejecting.pool.connect_failed(endpoint, "refused")
    ejecting.fail(one)
    assert (ejecting.picks(), ejecting.pool.panic) == ({one}, False)
    ejecting.pool.probe_told("a:2", up=True, why="")
    ejecting.fail(one, 1)
    assert ejecting.picks() == {two}


def test_without_rules_nobody_is_ejected(setting):
    setting.fail(setting.endpoints[0], 99)
    setting.wait(1.0)
    assert setting.picks() == set(setting.endpoints)


def test_old_failures_fade(ejecting):
    """A sixteenth is left after a window."""
    one, two, *_ = ejecting.endpoints
    answers(ejecting, a1=49)
    for _ in range(40):
        ejecting.wait(0.25)
    assert (one.answers, one.errors) == (pytest.approx(6.25), pytest.approx(49 / 16))
    assert two.errors == 0


# Warming up.

def test_who_comes_back_gets_its_share_step_by_step():
    s = Setting(slow_start=10.0)
    one, two, three = s.endpoints
    s.pool.connect_failed(one, "refused")
    s.wait(FIRST_REST)
    assert [endpoint.weight for endpoint in s.endpoints] == [1, STEPS, STEPS]
    weights = []
    for _ in range(11):
        s.wait(1.0)
        weights.append(one.weight / two.weight)
    assert weights == [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]
    assert [endpoint.weight for endpoint in s.endpoints] == [1, 1, 1]
    picks = [s.pool.pick(None, ()) for _ in range(30)]
    assert [picks.count(endpoint) for endpoint in (one, two, three)] == [10, 10, 10]


@pytest.mark.parametrize("leave, come_back", [
    (lambda s: s.pool.probe_told("a:1", up=False, why=""),
     lambda s: s.pool.probe_told("a:1", up=True, why="")),
    (lambda s: s.pool.order("a:1", Order.DRAIN), lambda s: s.pool.order("a:1", Order.READY)),
    (lambda s: s.pool.connect_failed(s.endpoints[0], ""), lambda s: s.pool.connected(s.endpoints[0])),
    (lambda s: s.fail(s.endpoints[0]), lambda s: s.wait(8.0))])
def test_every_way_to_come_back(leave, come_back):
    s = Setting(slow_start=10.0, ejection=RULES)
    leave(s)
    assert s.picks() == set(s.endpoints[1:])
    come_back(s)
    picks = [s.pool.pick(None, ()) for _ in range(210)]
    assert [picks.count(endpoint) for endpoint in s.endpoints] == [10, 100, 100]


def test_shares_while_one_warms_up():
    s = Setting(slow_start=10.0)
    s.pool.order("a:1", Order.DRAIN)
    s.pool.order("a:1", Order.READY)
    s.pool.set_share("a:2", 3)
    assert [endpoint.weight for endpoint in s.endpoints] == [1, 30, 10]
    s.wait(10.0)
    assert [endpoint.weight for endpoint in s.endpoints] == [1, 3, 1]


def test_without_slow_start_it_has_all_of_it_at_once(setting):
    setting.pool.order("a:1", Order.DRAIN)
    setting.pool.order("a:1", Order.READY)
    assert [endpoint.weight for endpoint in setting.endpoints] == [1, 1, 1]
