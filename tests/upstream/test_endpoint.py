import pytest

from proxy.upstream.endpoint import CANARIES, LEAVING, Endpoint, Order
from proxy.upstream.idle import CALM, IdleLimit


class Idle:
    def __init__(self, *, usable=True, idle_since=0.0, opened_at=0.0):
        self.usable = usable
        self.idle_since = idle_since
        self.opened_at = opened_at
        self.deadline = idle_since + 60.0
        self.discarded = False

    def is_usable(self, now):
        return self.usable

    def discard(self):
        self.discarded = True


def test_the_freshest_connection_is_taken_first():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 2)
    first, second, third = Idle(), Idle(), Idle()
    assert endpoint.keep(first)
    assert endpoint.keep(second)
    assert not endpoint.keep(third)
    assert endpoint.take_idle(1.0) is second
    assert endpoint.take_idle(1.0) is first
    assert endpoint.take_idle(1.0) is None


def test_the_oldest_is_closed_to_make_room():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 2)
    first, second = Idle(), Idle()
    endpoint.keep(first)
    endpoint.keep(second)
    assert endpoint.close_oldest()
    assert (first.discarded, second.discarded, endpoint.idle) == (True, False, [second])
    assert endpoint.close_oldest()
    assert not endpoint.close_oldest()


def test_what_is_not_usable_is_thrown_away():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 9)
    good, *bad = Idle(), Idle(usable=False), Idle(usable=False)
    for connection in (good, *bad):
        endpoint.keep(connection)
    assert endpoint.take_idle(1.0) is good
    assert [connection.discarded for connection in (good, *bad)] == [False, True, True]
    assert endpoint.idle == []


def test_what_must_not_be_lost_goes_over_the_freshest_or_none():
    """That one was closed, so an older one is not to be trusted more."""
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.idle_limit.told(20)
    older = Idle(idle_since=80.0)
    endpoint.keep(older)
    endpoint.keep(Idle(idle_since=94.0, usable=False))
    assert endpoint.take_young(95.0) is None
    assert endpoint.idle == [older]


def test_a_close_that_is_found_first_by_who_wants_to_send_is_learned_from():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.idle_limit.told(20)
    endpoint.keep(Idle(idle_since=94.0, usable=False))
    assert endpoint.take_idle(95.0) is None
    assert endpoint.leaving_until == 95.0 + LEAVING
    assert not endpoint.idle_limit.is_young(0.0, 95.0)


def test_what_is_merely_too_old_teaches_nothing():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.keep(Idle(idle_since=10.0, usable=False))
    assert endpoint.take_idle(95.0) is None
    assert endpoint.leaving_until == 0.0


def test_forgetting_and_closing():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 9)
    one, two = Idle(), Idle()
    endpoint.keep(one)
    endpoint.keep(two)
    endpoint.forget(one)
    endpoint.forget(one)
    endpoint.close_idle()
    assert (one.discarded, two.discarded, endpoint.idle) == (False, True, [])
    assert repr(endpoint) == "<Endpoint a:1>"


def test_a_disabled_endpoint_keeps_nothing_and_a_draining_one_does():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 9)
    kept = []
    for order in Order:
        endpoint.order = order
        kept.append(endpoint.keep(Idle()))
    assert kept == [True, True, False]


def test_another_address_of_a_name():
    endpoint = Endpoint("app:80", "app", 80, 3, IdleLimit(9.0), 4, most=5, priority=1)
    endpoint.idle_limit.told(2)
    endpoint.in_flight = 7
    other = endpoint.sibling("10.0.0.1:80", "10.0.0.1", 80)
    assert (other.name, other.origin, other.host, other.port) == ("10.0.0.1:80", "app:80", "10.0.0.1", 80)
    assert (other.share, other.weight, other.most, other.priority) == (3, 3, 5, 1)
    assert (other.in_flight, other.idle_limit.seconds, other._most_idle) == (0, 9.0, 4)
    assert other.sibling("10.0.0.2:80", "10.0.0.2", 80).origin == "app:80"


@pytest.mark.parametrize("attribute, value", [
    ("order", Order.DRAIN), ("order", Order.DISABLED), ("probe_failure", "HTTP 500"), ("down_until", 1.0),
    ("ejected_until", 1.0)])
def test_what_speaks_against_a_new_exchange(attribute, value):
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 9, most=1)
    endpoint.in_flight = 1
    assert endpoint.is_available()  # if full
    setattr(endpoint, attribute, value)
    assert not endpoint.is_available()


# Kept connections for what cannot be sent twice.

def test_a_young_connection_may_carry_anything():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    fresh = Idle(idle_since=100.0)
    endpoint.keep(Idle(idle_since=90.0))
    endpoint.keep(fresh)
    assert endpoint.take_young(100.0) is None  # while nothing is known
    endpoint.idle_limit.told(8)
    assert endpoint.take_young(103.0) is None
    assert endpoint.take_young(102.9) is fresh
    assert endpoint.take_young(102.9) is None  # the other one is too old
    assert len(endpoint.idle) == 1


def test_an_endpoint_that_closes_what_it_kept_may_be_leaving():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.idle_limit.told(8)
    lost = Idle(idle_since=100.0)
    endpoint.keep(Idle(idle_since=101.0))
    endpoint.keep(lost)
    endpoint.lost_idle(lost, 101.0)
    assert (endpoint.leaving_until, endpoint.signs.until) == (101.0 + LEAVING, 101.0 + LEAVING)
    assert len(endpoint.idle) == 1
    assert endpoint.take_young(101.0) is None
    endpoint.lost_idle(lost, 102.0)
    assert endpoint.leaving_until == 101.0 + LEAVING  # several at a time are one sign
    endpoint.idle[-1].idle_since = 102.0 + CALM
    assert endpoint.take_young(102.0 + CALM) is not None


def test_who_closes_after_each_response_is_not_leaving():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.will_close(100.0)
    assert endpoint.leaving_until == 0.0
    endpoint.keep(Idle())
    endpoint.will_close(100.0)
    assert endpoint.leaving_until == 100.0 + LEAVING


def test_a_new_connection_that_was_served_says_that_it_stays():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.keep(Idle())
    endpoint.will_close(100.0)
    endpoint.keep(Idle(opened_at=99.0))
    assert endpoint.leaving_until
    endpoint.test(100.5)
    assert endpoint.tested_until == endpoint.leaving_until
    endpoint.keep(Idle(opened_at=100.5))
    assert endpoint.leaving_until == 0.0


@pytest.mark.parametrize("known, gone", [(True, 0), (False, CANARIES)])
def test_room_for_a_connection_that_was_opened_beside_idle_ones(known, gone):
    """While the endpoint's time is not known, the oldest are left to show it."""
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.idle_limit.known = known
    idle = [Idle() for _ in range(gone + 2)]
    for connection in idle:
        endpoint.keep(connection)
    endpoint.make_room()
    assert [at for at, connection in enumerate(idle) if connection.discarded] == [gone]


@pytest.mark.parametrize("known, count", [(True, 0), (False, CANARIES)])
def test_no_room_is_made_where_there_are_few(known, count):
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 9)
    endpoint.idle_limit.known = known
    for _ in range(count):
        endpoint.keep(Idle())
    endpoint.make_room()
    assert not any(connection.discarded for connection in endpoint.idle)
