from proxy.process.crew import LONGEST_PAUSE, STEADY, Child, Slot


def test_a_worker_that_served_is_replaced_at_once():
    assert Slot("worker").death(STEADY) == 0.0
    assert Slot("worker").death(0.1) == 0.0


def test_deaths_in_a_row_are_slowed():
    slot = Slot("worker")
    assert [slot.death(0.1) for _ in range(8)] == [0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_worker_that_never_got_ready_is_not_replaced_at_once():
    assert Slot("worker").death(None) == 0.25


def test_a_steady_worker_ends_the_row():
    slot = Slot("worker")
    for _ in range(2000):
        last = slot.death(None)
    assert last == LONGEST_PAUSE
    assert slot.death(STEADY) == 0.0


def test_a_slot_serves_once_its_worker_is_ready():
    slot = Slot("worker")
    assert not slot.serves()
    slot.child = Child(1, slot, None)
    assert not slot.serves()
    assert slot.child.served(5.0) is None
    slot.child.ready_at = 2.0
    assert slot.serves()
    assert slot.child.served(5.0) == 3.0
