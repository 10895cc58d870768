from proxy.process.crew import LONGEST_PAUSE, STEADY, Slot, WorkerProcess


def test_a_worker_that_served_is_replaced_at_once():
    assert Slot(0).death(STEADY) == 0.0
    assert Slot(0).death(0.1) == 0.0


def test_deaths_in_a_row_are_slowed():
    slot = Slot(0)
    assert [slot.death(0.1) for _ in range(8)] == [0.0, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_worker_that_never_got_ready_is_not_replaced_at_once():
    assert Slot(0).death(None) == 0.25


def test_a_steady_worker_ends_the_row():
    slot = Slot(0)
    for _ in range(2000):
        last = slot.death(None)
    assert last == LONGEST_PAUSE
    assert slot.death(STEADY) == 0.0


def test_a_slot_serves_once_its_worker_is_ready():
    slot = Slot(0)
    assert not slot.serves()
    slot.worker = WorkerProcess(1, slot, None)
    assert not slot.serves()
    assert slot.worker.served(5.0) is None
    slot.worker.ready_at = 2.0
    assert slot.serves()
    assert slot.worker.served(5.0) == 3.0
