"""Pools of the same name in several workers, which see each other on one board."""

import os
from collections import Counter
from time import monotonic

import pytest

from proxy.balancing import STRATEGIES
from proxy.clock import DeadlineWheel
from proxy.observe.board import Board, totals
from proxy.observe.columns import ENDPOINT, KINDS, POOL
from proxy.observe.counters import Counters
from proxy.upstream import flights
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.idle import IdleLimit
from proxy.upstream.pool import Pool
from proxy.upstream.queue import Queue
from proxy.upstream.rules import PoolRules
from tests.fakes import FakeExchange, FakeLoop
from tests.upstream.pool_stage import Waiter
from tests.upstream.stage import TIMEOUTS


class Loop(FakeLoop):
    def time(self):
        return monotonic()

    def pass_time(self):
        """What was to be done later is done now."""
        later, self.later = self.later, []
        for _, call, args in later:
            call(*args)


class Worker:
    """One worker's pool."""

    def __init__(self, board, count=2, most=0, queue=0, strategy="least_connections", number=0):
        self.row = board.row(number or board.take())
        self.loop = Loop()
        self.endpoints = [Endpoint(f"a:{port + 1}", "a", port + 1, 1, IdleLimit(60.0), 8, most=most)
                          for port in range(count)]
        rules = PoolRules(queue=Queue(queue, 5.0) if queue else None)
        self.counters = Counters(self.row)
        self.pool = Pool("web", self.endpoints, STRATEGIES[strategy](), TIMEOUTS, rules, self.loop,
                         DeadlineWheel(self.loop), self.counters)

    def enter(self, *, waited=False):
        """An exchange begins, as a forwarding does it; its endpoint."""
        self.pool.flights.look(monotonic())
        endpoint = self.pool.pick(FakeExchange(), (), waited=waited)
        while endpoint is not None and not self.pool.enter(endpoint):
            endpoint = self.pool.pick(FakeExchange(), (), waited=waited)
        return endpoint

    def waits(self, until=None):
        waiter = Waiter(self.pool, FakeExchange())
        assert self.pool.line_up(waiter, waiter.exchange, until or monotonic() + 5.0)
        return waiter


@pytest.fixture
def workers():
    """Makes so many of them."""
    boards = []

    def make(number=2, **options):
        boards.append(Board(number + 2))
        return [Worker(boards[-1], **options) for _ in range(number)]

    yield make
    for board in boards:
        board.close()


def names(endpoints):
    return Counter(endpoint.name for endpoint in endpoints)


@pytest.mark.parametrize("strategy", ["least_connections", "least_time"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_least_loaded_is_the_least_loaded_of_all_workers(workers, number, strategy):
    """Without the others' numbers this would come out even only by luck."""
    crowd = workers(number, count=8, strategy=strategy)
    entered = [crowd[turn % number].enter() for turn in range(16)]
    assert names(entered) == {f"a:{port}": 2 for port in range(1, 9)}


def test_a_worker_sees_what_only_another_one_has_to_do(workers):
    one, other = workers(2, count=2)
    busy = one.endpoints[0]
    for _ in range(10):
        one.pool.enter(busy)
    assert names(other.enter() for _ in range(10)) == {"a:2": 10}
    for _ in range(10):
        one.pool.leave(busy)
    other.pool.flights.look(monotonic())
    assert [endpoint.in_flight for endpoint in other.endpoints] == [0, 10]


@pytest.mark.parametrize("number", [2, 4])
def test_a_key_spreads_when_all_workers_together_ask_for_it(workers, number):
    crowd = workers(number, count=4, strategy="consistent_hash")
    entered = names(crowd[turn % number].enter() for turn in range(40))
    assert max(entered.values()) <= 1.25 * 40 / 4 + 1


def test_random_two_sees_the_others_too(workers):
    one, other = workers(2, strategy="random_two")
    for _ in range(10):
        one.pool.enter(one.endpoints[0])
    assert names(other.enter() for _ in range(5)) == {"a:2": 5}


def test_a_limit_holds_for_all_workers_together(workers):
    crowd = workers(4, count=2, most=3)
    entered = [crowd[turn % 4].enter() for turn in range(20)]
    assert names(filter(None, entered)) == {"a:1": 3, "a:2": 3}


def test_a_place_that_one_frees_another_may_have(workers):
    one, other = workers(2, count=1, most=1)
    endpoint = one.enter()
    assert other.enter() is None
    one.pool.leave(endpoint)
    assert other.enter() is other.endpoints[0]
    assert one.enter() is None


def test_who_wants_the_last_place_a_moment_too_late_steps_back(workers):
    one, other = workers(2, count=1, most=1)
    for worker in (one, other):
        worker.pool.flights.look(monotonic())
    picked = [worker.pool.pick(FakeExchange(), ()) for worker in (one, other)]
    assert picked == [one.endpoints[0], other.endpoints[0]], "both believe that there is a place"
    assert [worker.pool.enter(worker.endpoints[0]) for worker in (one, other)] == [True, False]
    assert other.pool.full == set(other.endpoints)
    assert sum(worker.endpoints[0].tally.mine for worker in (one, other)) == 1


def test_a_limit_holds_while_processes_race_for_it():
    """Two want the one place as often as they can; who has it makes sure that it is alone."""
    board = Board(5)
    numbers = [board.take(), board.take()]
    pids = []
    for number in numbers:
        pid = os.fork()
        if pid == 0:
            os._exit(race(Worker(board, count=1, most=1, number=number)))
        pids.append(pid)
    ends = [os.waitpid(pid, 0)[1] for pid in pids]
    board.close()
    assert ends == [0, 0]


def race(worker):
    """0: it was in, and always alone."""
    endpoint = worker.endpoints[0]
    inside, until = 0, monotonic() + 10.0
    while inside < 2000 and monotonic() < until:
        worker.pool.flights.look(monotonic())
        if worker.pool.enter(endpoint):
            inside += 1
            if stays(worker, endpoint):
                return 1
            worker.pool.leave(endpoint)
    return 0 if inside == 2000 else 2


def stays(worker, endpoint):
    """Whether the other one is in as well, rather than about to step back: that takes microseconds."""
    until = monotonic() + 0.5
    while any(cells[endpoint.tally.first] for cells in worker.row.others()):
        if monotonic() > until:
            return True
    return False


def test_who_waits_is_woken_when_another_worker_frees_a_place(workers):
    one, other = workers(2, count=1, most=1, queue=5)
    endpoint = one.enter()
    assert other.enter() is None
    waiter = other.waits()
    other.loop.pass_time()
    assert waiter.endpoint is None
    one.pool.leave(endpoint)
    assert waiter.endpoint is None, "nobody tells it"
    other.loop.pass_time()
    assert waiter.endpoint is other.endpoints[0]
    other.loop.pass_time()
    assert not other.loop.later, "nothing runs while nobody waits"


def test_nothing_looks_for_places_where_a_worker_is_alone(workers):
    [alone] = workers(1, count=1, most=1, queue=5)
    alone.enter()
    alone.waits()
    assert not alone.loop.later


def test_nothing_looks_for_places_where_there_is_no_limit(workers):
    one, _ = workers(2, count=1, queue=5)
    one.enter()
    one.waits()
    assert not one.loop.later


def test_a_free_place_is_for_who_has_waited_longest_anywhere(workers):
    one, other = workers(2, count=1, most=1, queue=5)
    endpoint = one.enter()
    assert other.enter() is None
    first = other.waits(until=monotonic() + 4.0)
    second = one.waits(until=monotonic() + 5.0)
    one.pool.leave(endpoint)
    assert second.endpoint is None, "it leaves the place to the other worker's"
    other.loop.pass_time()
    assert first.endpoint is other.endpoints[0]
    other.pool.leave(first.endpoint)
    one.loop.pass_time()
    assert second.endpoint is endpoint


def test_who_comes_now_stands_behind_who_waits_elsewhere(workers):
    one, other = workers(2, count=1, most=1, queue=5)
    endpoint = one.enter()
    assert other.enter() is None
    other.waits()
    one.pool.leave(endpoint)
    assert one.enter() is None
    assert one.waits().endpoint is None


def test_a_worker_that_is_stuck_does_not_keep_places_free_for_ever(workers, monkeypatch):
    one, stuck = workers(2, count=1, most=1, queue=5)
    endpoint = one.enter()
    assert stuck.enter() is None
    stuck.waits(until=monotonic() + 4.0)
    waiter = one.waits(until=monotonic() + 5.0)
    one.pool.leave(endpoint)
    one.loop.pass_time()
    assert waiter.endpoint is None
    monkeypatch.setattr(flights, "PATIENCE", 0.0)
    one.loop.pass_time()
    assert waiter.endpoint is endpoint


def test_what_a_dead_worker_had_in_flight_is_gone(workers):
    one, other = workers(2, count=1, most=1, queue=5)
    assert one.enter()
    one.waits()
    assert other.enter() is None
    one.row.board.give_back(one.row.number, KINDS)
    assert other.enter() is other.endpoints[0]


def test_an_address_that_comes_back_goes_on_with_its_number(workers):
    """Another endpoint object has the same address while the old one's exchanges still run."""
    [alone] = workers(1, count=1)
    old = alone.enter()
    new = Endpoint("a:1", "a", 1, 1, IdleLimit(60.0), 8)
    alone.pool.endpoints = [new]
    alone.pool.replaced([old])
    alone.pool.enter(new)
    cell = alone.row.cells[new.tally.first]
    alone.pool.leave(old)
    alone.pool.leave(new)
    assert (cell, alone.row.cells[new.tally.first]) == (2, 0)


def shown(worker, kind, *parts):
    worker.pool._tick(monotonic())
    worker.counters.tick(0.0)
    board = worker.row.board
    first = board.first(kind, *parts)
    total = totals(board.read())
    return {column: total[first + at] for column, at in kind.at.items() if total[first + at]}


def test_gauges(workers):
    [one] = workers(1, count=2, most=1, queue=5)
    one.enter()
    one.enter()
    one.waits()
    assert shown(one, POOL, "web") == {"waiting": 1}
    assert shown(one, ENDPOINT, "web", "a:1") == {"in_flight": 1, "standing": 2, "weight": 1}
    one.pool.endpoints = one.endpoints[:1]
    one.pool.replaced(one.endpoints)
    assert shown(one, ENDPOINT, "web", "a:2") == {"in_flight": 1, "weight": 1}


def test_failures_are_counted(workers):
    [one] = workers(1, count=2)
    endpoint = one.endpoints[0]
    one.pool.connect_failed(endpoint, "refused")
    one.pool.connect_failed(endpoint, "refused")
    one.pool.failed(endpoint, "reset")
    found = shown(one, ENDPOINT, "web", "a:1")
    assert (found["connect_failures"], found["failures"]) == (2, 1)


def test_where_the_board_is_full_each_worker_goes_by_its_own(workers, monkeypatch):
    board = Board(4, cells=200)
    for number in range(20):
        board.first(POOL, f"pool {number}")
    one, other = Worker(board, count=1, most=1, queue=5), Worker(board, count=1, most=1, queue=5)
    assert one.endpoints[0].tally.first == 0
    assert [one.enter(), other.enter()] == [one.endpoints[0], other.endpoints[0]]
    assert one.enter() is None
    one.waits()
    assert not one.loop.later
    board.close()


def test_what_others_do_with_one_that_is_gone_is_their_own_affair(workers):
    """Else it would never be let go."""
    one, two = workers(2)
    mine, theirs = one.endpoints[0], two.endpoints[0]
    one.pool.enter(mine)
    two.pool.enter(theirs)
    one.pool.flights.look(monotonic())
    assert mine.in_flight == 2
    one.pool.addresses_told("a:1", ["10.0.0.1:80"])
    assert one.pool._retired == [mine]
    one.pool.leave(mine)
    one.pool.addresses_told("a:1", ["10.0.0.2:80"])
    assert one.pool._retired == []
