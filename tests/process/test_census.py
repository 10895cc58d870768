import os
import time

import pytest

from proxy.config.load import loads
from proxy.observe.board import totals
from proxy.observe.columns import HOUSE, POOL
from proxy.process.census import FEWEST_ROWS, Census

CONFIG = "listen: a:1\nworkers: 2\npools: {web: {endpoints: [a:1]}}\nroutes: [{reverse_proxy: web}]\n"


class Child:
    def __init__(self, pid):
        self.pid = pid


@pytest.fixture
def census():
    census = Census(loads(CONFIG))
    yield census
    census.close()


def house(census):
    total = totals(census.board.read())
    first = census.board.first(HOUSE)
    return {column: total[first + at] for column, at in HOUSE.at.items()}


def test_a_worker_has_a_row_until_it_is_reaped(census):
    numbers = []

    def fork(number):
        numbers.append(number)
        return Child(4711)

    child = census.start(fork)
    assert (numbers, census.board.taken(), census.board.pid_of(1)) == ([1], [0, 1], 4711)
    row = census.row(1)
    first = census.board.first(POOL, "web")
    row.cells[first + POOL.at["waiting"]] = row.cells[first + POOL.at["retries"]] = 2
    census.gone(child)
    total = totals(census.board.read())
    assert (census.board.taken(), total[first + POOL.at["waiting"]], total[first + POOL.at["retries"]]) == (
        [0], 0, 2)


def test_others_have_none(census):
    census.gone(Child(12))
    assert census.board.taken() == [0]


def test_a_fork_that_fails_takes_no_row(census):
    def fork(number):
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        census.start(fork)
    assert census.board.taken() == [0]


def test_a_worker_for_which_no_row_is_left_counts_for_itself(census, caplog):
    for pid in range(FEWEST_ROWS - 1):
        census.start(lambda number, pid=pid: Child(pid + 100))
    numbers = []
    census.start(lambda number: numbers.append(number) or Child(99))
    assert numbers == [0]
    assert "in no figure" in caplog.text
    assert census.row(0).board is not census.board


def test_what_the_supervisor_counts(census):
    assert house(census)["generation"] == 1
    assert abs(house(census)["started"] - time.time()) < 5
    census.serving(2)
    census.lost(1)
    census.not_reloaded()
    assert (house(census)["workers"], house(census)["deaths"]) == (1, 1)
    assert (house(census)["reload_failed"], house(census)["failed_reloads"]) == (1, 1)
    census.reloaded(2)
    found = house(census)
    assert (found["generation"], found["reload_failed"], found["reloads"]) == (2, 0, 1)


def test_the_board_has_room_for_many_routes():
    routes = "\n".join(f"  - {{match: {{path: /{number}}}, reverse_proxy: web}}" for number in range(3000))
    census = Census(loads(CONFIG.replace("routes: [{reverse_proxy: web}]", f"routes:\n{routes}")))
    try:
        found = [census.board.first(POOL, f"pool {number}") for number in range(1500)]
        assert all(found)
        assert census.board.pid_of(0) == os.getpid()
    finally:
        census.close()
