import pytest

from proxy.upstream.endpoint import LEAVING
from proxy.upstream.idle import DOUBT, GRAIN, PART
from tests.upstream.stage import IDLE_TIMEOUT, Upstream

HELLO = b"HTTP/1.1 200 OK\r\n%bContent-Length: 5\r\n\r\nhello"


class Older:
    def __init__(self, upstream):
        self.upstream = upstream

    def discard(self):
        self.upstream.endpoint.forget(self)


def test_a_spare_connection_takes_the_place_of_the_oldest(upstream):
    """Else those that were opened for requests that must not be sent twice would pile up."""
    u = upstream()
    u.endpoint.idle_limit.told(60)
    older = [Older(u), Older(u)]
    u.endpoint.idle += older
    u.connection.spare = True
    u.ask()
    u.serve(HELLO % b"")
    assert u.endpoint.idle == [older[1], u.connection]
    assert u.endpoint.take_idle(u.clock.now) is u.connection
    u.ask()
    u.serve(HELLO % b"")  # it is one like the others now
    assert u.endpoint.idle == [older[1], u.connection]


def test_a_spare_connection_is_kept_where_there_is_no_other(upstream):
    u = upstream()
    u.connection.spare = True
    u.ask()
    u.serve(HELLO % b"")
    assert u.endpoint.idle == [u.connection]


@pytest.mark.parametrize("field, seconds", [
    (b"", IDLE_TIMEOUT), (b"Keep-Alive: timeout=4\r\n", 3.0), (b"Keep-Alive: max=9, Timeout = 8\r\n", 6.0),
    (b"Keep-Alive: timeout=0\r\n", IDLE_TIMEOUT), (b"Keep-Alive: timeout=x\r\n", IDLE_TIMEOUT)])
def test_it_is_used_no_longer_than_the_endpoint_says(upstream, field, seconds):
    u = upstream()
    attempt = u.ask()
    u.serve(HELLO % field)
    assert b"Keep-Alive" not in attempt.head.lines
    assert u.connection.is_usable(u.clock.now + seconds - 0.01)
    assert not u.connection.is_usable(u.clock.now + seconds)
    u.wait(seconds)
    assert u.transport.lost


def test_what_the_endpoint_closes_shows_its_timeout(clock):
    endpoint = None
    for _ in range(3):
        u = Upstream(clock)
        endpoint = endpoint or u.endpoint
        u.connection.endpoint = endpoint
        u.ask()
        u.serve(HELLO % b"")
        u.clock.advance(2.0)
        u.transport.feed_eof()
        assert endpoint.idle == []
        u.close()
    assert endpoint.idle_limit.seconds == pytest.approx(2.0 * PART)


class Keeper(Upstream):
    """An endpoint that showed some time ago that it keeps connections for 2 s."""

    def __init__(self, clock):
        super().__init__(clock)
        for age in (2.0, 2.0, 2.0):
            clock.advance(DOUBT)
            self.endpoint.idle_limit.closed_at(age, clock.now)
        clock.advance(DOUBT)
        self.ask()
        self.serve(HELLO % b"")

    @property
    def seconds(self):
        return self.endpoint.idle_limit.seconds


@pytest.fixture
def keeper(clock):
    made = Keeper(clock)
    yield made
    made.close()


def test_one_connection_is_left_alone_to_see_when_the_endpoint_closes_it(keeper):
    keeper.wait(1.5)
    assert (keeper.endpoint.scout, keeper.endpoint.idle) == (keeper.connection, [])
    assert keeper.endpoint.take_idle(keeper.clock.now) is None
    assert not keeper.transport.lost
    keeper.wait(7.5)
    keeper.transport.feed_eof()
    keeper.loop.run()
    assert keeper.seconds == pytest.approx(PART * (9.0 - GRAIN))
    assert (keeper.endpoint.scout, keeper.endpoint.leaving_until) == (None, 0.0)


def test_it_is_left_no_longer_than_it_can_prove_something(keeper):
    keeper.wait(1.5)
    keeper.wait(IDLE_TIMEOUT / PART + GRAIN)
    assert keeper.transport.lost
    assert (keeper.endpoint.scout, keeper.seconds) == (None, IDLE_TIMEOUT)


def test_one_at_a_time(keeper):
    other = Upstream(keeper.clock)
    other.connection.endpoint = keeper.endpoint
    other.ask()
    other.serve(HELLO % b"")
    for one in (keeper, other):
        one.wait(1.5)
    assert keeper.endpoint.scout is keeper.connection
    assert other.transport.lost
    other.close()


def test_a_scout_that_must_go_proves_nothing(keeper):
    keeper.wait(1.5)
    keeper.clock.advance(9.0)
    keeper.endpoint.close_idle()
    keeper.loop.run()
    assert keeper.transport.lost
    assert (keeper.endpoint.scout, keeper.seconds) == (None, 1.5)


def test_what_we_close_shows_nothing(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO % b"")
    u.wait(IDLE_TIMEOUT)
    assert u.transport.lost
    assert (u.endpoint.idle_limit._ages, u.endpoint.leaving_until) == ([], 0.0)


def test_a_connection_that_was_never_used_shows_nothing(upstream):
    u = upstream()
    u.clock.advance(2.0)
    u.transport.feed_eof()
    assert (u.endpoint.idle_limit._ages, u.endpoint.leaving_until) == ([], 0.0)


def test_an_end_in_the_midst_of_an_exchange_shows_nothing(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO % b"")
    u.endpoint.take_idle(u.clock.now)
    u.ask()
    u.transport.feed_eof()
    assert (u.endpoint.idle_limit._ages, u.endpoint.leaving_until) == ([], 0.0)


def test_a_response_that_says_close_is_a_sign_where_others_were_kept(upstream):
    u = upstream()
    u.ask()
    u.serve(HELLO % b"")
    u.endpoint.take_idle(u.clock.now)
    u.ask()
    u.serve(HELLO % b"Connection: close\r\n")
    assert u.endpoint.leaving_until == u.clock.now + LEAVING
    assert u.transport.lost
