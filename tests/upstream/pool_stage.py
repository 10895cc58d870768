"""A pool whose clock is the test's, and exchanges that only enter and leave it."""

from proxy.balancing.round_robin import RoundRobin
from proxy.clock import DeadlineWheel
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.rules import PoolRules
from tests.fakes import FakeExchange, FakeLoop
from tests.upstream.stage import TIMEOUTS


class Loop(FakeLoop):
    now = 1000.0

    def time(self):
        return self.now


class Waiter:
    """Takes an endpoint when it is its turn, as a forwarding does."""

    def __init__(self, pool, exchange):
        self.pool = pool
        self.exchange = exchange
        self.endpoint = None
        self.turns = 0
        self.late = False

    def turn(self):
        self.turns += 1
        self.endpoint = self.pool.pick(self.exchange, (), waited=True)
        if self.endpoint is None:
            self.pool.line_up(self, self.exchange, 1e9)
        else:
            self.pool.enter(self.endpoint)

    def overdue(self):
        self.late = True


class Setting:
    """Endpoints a:1, a:2 ... and their pool.

    Args:
        count: of endpoints.
        most: exchanges that each may work on at a time.
        priorities: of the endpoints; 0 for those that are not named.
        rules: see `PoolRules`.
    """

    def __init__(self, count=3, most=0, priorities=(), **rules):
        self.loop = Loop()
        self.wheel = DeadlineWheel(self.loop)
        priorities = [*priorities, *[0] * count]
        self.endpoints = [
            Endpoint(f"a:{port}", "a", port, 1, IdleLimit(60.0), 8, most=most, priority=priorities[port - 1])
            for port in range(1, count + 1)]
        self.pool = Pool(
            "web", self.endpoints, RoundRobin(), TIMEOUTS, PoolRules(**rules), self.loop, self.wheel)

    def picks(self, tried=(), leaving=()):
        """Who is picked in many picks."""
        return {self.pool.pick(FakeExchange(), tried, leaving) for _ in range(20)}

    def enter(self):
        """An exchange begins; its endpoint."""
        endpoint = self.pool.pick(FakeExchange(), ())
        if endpoint is not None:
            self.pool.enter(endpoint)
        return endpoint

    def wait_in_line(self, exchange=None):
        """One more in the queue."""
        waiter = Waiter(self.pool, exchange or FakeExchange())
        until = self.loop.now + self.pool.queue.timeout
        assert self.pool.line_up(waiter, waiter.exchange, until)
        return waiter

    def fail(self, endpoint, count=3):
        for _ in range(count):
            endpoint.answers += 1
            self.pool.failed(endpoint, "reset")

    def wait(self, seconds):
        """Let time pass, and one tick come."""
        self.loop.now += seconds
        self.wheel.call_all(self.loop.now)
