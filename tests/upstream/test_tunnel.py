import pytest

from proxy.clock import DeadlineWheel
from proxy.upstream.tunnel import HALF_OPEN, Tunnel
from tests.fakes import FakeExchange, FakeLoop, FakeTransport

SECONDS = 3600.0


class Setting:
    def __init__(self, clock, window=None, half=True):
        self.clock = clock
        self.loop = FakeLoop()
        self.wheel = DeadlineWheel(self.loop)
        self.client = FakeTransport(self.loop, window=window, half=half)
        self.endpoint = FakeTransport(self.loop, window=window, half=half)
        self.exchange = FakeExchange()
        self.left = 0

    def open(self):
        self.tunnel = Tunnel(self.exchange, self.client, self.endpoint, SECONDS, self.wheel, self.leave)
        return self

    def leave(self):
        self.left += 1

    def wait(self, seconds):
        self.clock.advance(seconds)
        self.wheel.expire(self.clock.now)
        self.loop.run()

    @property
    def ended(self):
        """Both sides are closed, and everybody was told, once."""
        return (self.client.lost and self.endpoint.lost and self.left == 1
                and self.exchange.tunnelled is not None and not self.wheel._watched)


@pytest.fixture
def setting(clock):
    return lambda **options: Setting(clock, **options).open()


def test_octets_go_both_ways(setting):
    t = setting()
    t.client.feed(b"ping")
    t.endpoint.feed(b"pong!")
    assert (t.endpoint.got, t.client.got) == (b"ping", b"pong!")
    t.client.fail()
    assert t.ended
    assert t.exchange.tunnelled == 5


@pytest.mark.parametrize("first, second", [("client", "endpoint"), ("endpoint", "client")])
def test_a_half_close_is_passed_on_and_two_are_the_end(setting, first, second):
    t = setting()
    one, other = getattr(t, first), getattr(t, second)
    one.feed_eof()
    assert other.ended
    assert not one.closing
    other.feed(b"the rest")
    assert one.got == b"the rest"
    other.feed_eof()
    assert t.ended


@pytest.mark.parametrize("side", ["client", "endpoint"])
def test_what_is_half_open_does_not_stay_for_long(setting, side):
    t = setting()
    other = t.client if side == "endpoint" else t.endpoint
    getattr(t, side).feed_eof()
    t.wait(HALF_OPEN - 1)
    other.feed(b"x")
    t.wait(HALF_OPEN - 1)
    assert not t.ended
    t.wait(1)
    assert t.ended


def test_without_half_closes_the_other_side_may_still_finish(setting):
    t = setting(half=False)
    t.client.feed_eof()
    assert not t.endpoint.ended
    t.endpoint.feed_eof()
    assert t.ended


@pytest.mark.parametrize("side", ["client", "endpoint"])
@pytest.mark.parametrize("failure", [None, ConnectionResetError()])
def test_when_one_side_is_gone_so_is_the_other(setting, side, failure):
    t = setting()
    getattr(t, side).fail(failure)
    assert t.ended
    other = t.endpoint if side == "client" else t.client
    assert other.aborted == (failure is not None)


def test_what_is_left_is_delivered_first(setting):
    t = setting(window=0)
    t.endpoint.feed(b"goodbye")
    t.endpoint.fail()
    assert t.client.closing
    assert not t.client.lost
    t.client.take_all()
    assert t.client.got == b"goodbye"
    assert t.ended


def test_the_end_of_input_when_the_other_side_is_closing(setting):
    t = setting(window=0)
    t.endpoint.feed(b"x")
    t.client.close()
    t.endpoint.feed_eof()
    assert t.endpoint.closing


@pytest.mark.parametrize("fast, slow", [("client", "endpoint"), ("endpoint", "client")])
def test_a_slow_side_slows_the_other(setting, fast, slow):
    t = setting(window=0)
    fast, slow = getattr(t, fast), getattr(t, slow)
    fast.feed(b"x" * 70_000)
    assert not fast.reading
    slow.take_all()
    assert fast.reading
    fast.feed(b"y")
    slow.take_all()
    assert slow.got == b"x" * 70_000 + b"y"


def test_no_flow_control_for_what_is_closed(setting):
    t = setting(window=0)
    t.client.feed(b"x" * 70_000)
    t.client.closing = True
    t.endpoint.take_all()
    assert not t.client.reading


def test_a_silent_tunnel_has_its_time(setting):
    t = setting()
    t.wait(SECONDS - 1)
    t.client.feed(b"x")
    t.wait(SECONDS - 1)
    assert not t.client.closing
    t.endpoint.feed(b"x")
    t.wait(SECONDS)
    assert t.ended
    assert t.client.aborted


def test_a_side_that_never_takes_the_rest_has_its_time_too(setting):
    t = setting(window=0)
    t.endpoint.feed(b"x")
    t.endpoint.fail()
    t.wait(SECONDS)
    assert t.ended


@pytest.mark.parametrize("side", ["client", "endpoint"])
def test_a_side_that_closed_before_the_tunnel_was_there(clock, side):
    setting = Setting(clock)
    getattr(setting, side).close()
    setting.open()
    setting.loop.run()
    assert setting.ended
