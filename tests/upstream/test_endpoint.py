from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit


class Idle:
    def __init__(self, *, usable=True):
        self.usable = usable
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


def test_what_is_not_usable_is_thrown_away():
    endpoint = Endpoint("a:1", "a", 1, 1, IdleLimit(9.0), 9)
    good, *bad = Idle(), Idle(usable=False), Idle(usable=False)
    for connection in (good, *bad):
        endpoint.keep(connection)
    assert endpoint.take_idle(1.0) is good
    assert [connection.discarded for connection in (good, *bad)] == [False, True, True]
    assert endpoint.idle == []


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
