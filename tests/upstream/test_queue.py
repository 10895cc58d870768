import pytest

from proxy.upstream.queue import Queue


class Waiter:
    def __init__(self, overdue=None):
        self.told = []
        self.on_overdue = overdue

    def turn(self):
        self.told.append("turn")

    def overdue(self):
        self.told.append("overdue")
        if self.on_overdue:
            self.on_overdue()


def test_first_come_first_served():
    queue = Queue(9, 5.0)
    waiters = [Waiter() for _ in range(3)]
    assert all(queue.put(waiter, 10.0) for waiter in waiters)
    assert len(queue) == 3
    assert [queue.take() for _ in range(3)] == waiters
    assert not queue
    assert [waiter.told for waiter in waiters] == [[], [], []]


def test_what_is_urgent_goes_first_and_finds_room():
    queue = Queue(2, 5.0)
    early, late, doctor, nurse = (Waiter() for _ in range(4))
    assert queue.put(early, 10.0)
    assert queue.put(late, 11.0, "one")
    assert not queue.put(Waiter(), 12.0)
    assert queue.put(doctor, 12.0, urgent=True)
    assert not queue.put(nurse, 13.0, urgent=True)
    assert queue.oldest() == 10.0
    assert [queue.take(), queue.put(nurse, 13.0, urgent=True)] == [doctor, True]
    queue.remove(nurse)
    assert [queue.take() for _ in range(3)] == [early, late, None]


def test_those_who_wait_for_one_endpoint_are_passed_over_while_it_has_no_place():
    queue = Queue(9, 5.0)
    stuck, other, later = Waiter(), Waiter(), Waiter()
    queue.put(stuck, 10.0, "one")
    queue.put(other, 11.0)
    queue.put(later, 12.0, "one")
    assert len(queue) == 3
    assert queue.take(lambda home: home is None) is other
    assert queue.take(lambda home: home is None) is None
    assert queue.take(lambda home: home == "one") is stuck
    queue.remove(later)
    assert queue.take() is None
    assert (len(queue), queue._lines) == (0, {})


def test_of_all_who_may_go_the_one_who_has_waited_longest():
    queue = Queue(9, 5.0)
    waiters = [Waiter() for _ in range(4)]
    for at, (waiter, home) in enumerate(zip(waiters, (None, "one", "two", None), strict=True)):
        queue.put(waiter, 10.0 + at, home)
    assert [queue.take() for _ in range(4)] == waiters


def test_it_is_bounded_in_number():
    queue = Queue(2, 5.0)
    first, second, third = Waiter(), Waiter(), Waiter()
    assert (queue.put(first, 1.0), queue.put(second, 1.0, "one")) == (True, True)
    assert not queue.put(third, 1.0)
    assert not queue.has_room()
    queue.take()
    assert queue.has_room()
    assert queue.put(third, 1.0)
    assert [queue.take(), queue.take()] == [second, third]


def test_who_left_is_gone():
    queue = Queue(9, 5.0)
    waiters = [Waiter() for _ in range(3)]
    for waiter in waiters:
        queue.put(waiter, 10.0)
    queue.remove(waiters[1])
    queue.remove(waiters[1])
    queue.remove(Waiter())
    assert [queue.take(), queue.take()] == [waiters[0], waiters[2]]
    queue.remove(waiters[0])  # no longer there
    assert not queue


@pytest.mark.parametrize("now, overdue", [(9.9, 0), (10.0, 1), (11.0, 2), (99.0, 3)])
def test_who_waits_too_long_is_told_so(now, overdue):
    queue = Queue(9, 5.0)
    waiters = [Waiter() for _ in range(3)]
    for waiter, until in zip(waiters, (10.0, 11.0, 12.0), strict=True):
        queue.put(waiter, until)
    queue.expire(now)
    assert [waiter.told for waiter in waiters] == [["overdue"]] * overdue + [[]] * (3 - overdue)
    assert len(queue) == 3 - overdue


def test_one_that_came_back_stands_behind_and_is_yet_told_in_time():
    queue = Queue(9, 5.0)
    old, young = Waiter(), Waiter()
    queue.put(young, 12.0)
    queue.put(old, 10.0)
    queue.expire(10.0)
    assert (old.told, young.told, len(queue)) == (["overdue"], [], 1)


def test_what_being_told_so_brings_about():
    """Its client's next request may come within the call, and another client may leave."""
    queue = Queue(2, 5.0)
    fresh = Waiter()
    first = Waiter(lambda: (queue.remove(second), queue.put(fresh, 99.0)))
    second = Waiter()
    queue.put(first, 1.0)
    queue.put(second, 1.0)
    queue.expire(1.0)
    assert first.told == ["overdue"]
    assert queue.take() is fresh
    assert not queue
