import logging
import os
import signal

import pytest

from proxy.observe import board as board_module
from proxy.observe.board import BUCKETS, SPARE, Board, Kind, alone, totals
from proxy.observe.columns import ENDPOINT
from proxy.observe.seldom import Seldom
from tests.scenarios.support import rss

THING = Kind("thing", gauges=["now"], counters=["done", "failed"], histograms=["took"])
OTHER = Kind("other", counters=["n"])
KINDS = {kind.name: kind for kind in (THING, OTHER)}


@pytest.fixture
def board():
    board = Board(4)
    yield board
    board.close()


def in_child(work):
    """Run `work` in another process, to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def test_columns_of_a_kind_stand_side_by_side_and_gauges_first():
    assert THING.at == {"now": 0, "done": 1, "failed": 2, "took": 3}
    assert (THING.counted, THING.size) == (1, 3 + BUCKETS + 1)


def test_a_name_has_the_same_cells_for_everybody(board):
    first = board.first(THING, "pool", "a")
    seen = board.row(board.take())

    def child():
        assert board.first(THING, "pool", "a") == first
        added = board.first(THING, "pool", "b")
        seen.cells[added] = 7

    in_child(child)
    added = board.first(THING, "pool", "b")
    assert (added, seen.cells[added]) == (first + THING.size, 7)
    assert [(name.kind, name.parts) for name in board.names()] == [
        ("thing", ("pool", "a")), ("thing", ("pool", "b"))]


def test_names_that_several_add_at_the_same_time_get_cells_of_their_own(board):
    pids = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            for number in range(100):
                board.first(OTHER, str(number))
                board.first(OTHER, f"{child}-{number}")
            os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    firsts = [name.first for name in board.names()]
    assert (len(firsts), len(set(firsts))) == (500, 500)


def test_kinds_share_no_name(board):
    assert board.first(THING, "a") != board.first(OTHER, "a")


def test_a_name_that_finds_no_room_counts_for_nobody():
    row = alone(cells=SPARE + THING.size)
    assert row.board.first(THING, "a") == SPARE
    assert row.board.first(THING, "b") == 0
    assert len(row.board.names()) == 1


@pytest.mark.parametrize("room", [{"cells": SPARE + THING.size}, {"names": 26}])
def test_no_room_is_told(room, caplog, monkeypatch):
    monkeypatch.setattr(board_module, "trouble", Seldom(logging.getLogger("proxy.board")))
    board = Board(2, shared=False, **room)
    assert board.taken_share() < 1
    assert board.first(THING, "a")
    assert not caplog.records
    for name in ("b", "c"):
        board.first(THING, name)
    assert board.taken_share() == 1
    (record,) = caplog.records
    assert record.message.startswith("no figures are kept of thing b: more ")


def test_what_is_not_taken_costs_no_memory(board):
    before = rss(os.getpid())
    wide = Board(128)
    try:
        wide.cells_of(wide.take())[-1] = 1
        wide.read()
        assert rss(os.getpid()) - before < 1 << 20
    finally:
        wide.close()


def test_there_is_room_for_many_endpoints_that_come_and_go(board):
    board.first(ENDPOINT, "a-pool-of-average-name", "a-host.with-a-long-name.example.internal:8080")
    first = board.taken_share()
    board.first(ENDPOINT, "a-pool-of-average-name", "b-host.with-a-long-name.example.internal:8080")
    assert 0 < board.taken_share() - first < 1 / 18_000


def test_names_have_bounded_room():
    board = Board(2, names=100, shared=False)
    found = [board.first(OTHER, f"name-{number}") for number in range(10)]
    assert found[0] > 0
    assert found[-1] == 0
    assert len(board.names()) == sum(first > 0 for first in found)


def test_rows_are_added_up(board):
    first = board.first(OTHER, "a")
    for value in (1, 10):
        board.row(board.take()).cells[first] = value
    assert totals(board.read())[first] == 11


def test_what_a_process_writes_others_see(board):
    first = board.first(THING, "a")
    number = board.take()

    def child():
        board.row(number).cells[first] = 5

    in_child(child)
    assert board.cells_of(number)[first] == 5


def test_who_is_gone_leaves_its_counters(board):
    first = board.first(THING, "a")
    number = board.take()
    board.taken_by(number, 4711)
    cells = board.row(number).cells
    cells[first], cells[first + 1], cells[first + THING.at["took"]] = 3, 20, 4
    board.row(0).cells[first + 1] = 100
    assert board.pid_of(number) == 4711
    board.give_back(number, KINDS)
    total = totals(board.read())
    assert (total[first], total[first + 1], total[first + THING.at["took"]]) == (0, 120, 4)
    assert board.take() == number, "another may have it"
    assert not any(board.cells_of(number)[:first + THING.size])


def test_there_are_only_so_many_rows(board):
    assert [board.take() for _ in range(5)] == [1, 2, 3, 0, 0]
    board.taken_by(0, 4711)
    board.give_back(0, KINDS)
    assert board.pid_of(0) == os.getpid()


def test_others_are_the_workers_that_live(board):
    first = board.first(OTHER, "a")
    mine = board.row(board.take())
    assert mine.others() == []
    number = board.take()
    board.cells_of(number)[first] = 8
    assert [cells[first] for cells in mine.others()] == [8]
    board.give_back(number, KINDS)
    assert mine.others() == []


def test_a_reader_never_sees_a_row_moved_by_half(board):
    """A counter must not seem to go down, or Prometheus takes the process for a new one."""
    first = board.first(OTHER, "a")
    pid = os.fork()
    if pid == 0:
        while True:
            number = board.take()
            board.cells_of(number)[first] = 1
            board.give_back(number, KINDS)
    seen = [totals(board.read())[first] for _ in range(2000)]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_the_numbers_of_a_supervisor_that_died_meanwhile_are_still_shown(board, monkeypatch):
    monkeypatch.setattr("proxy.observe.board.PATIENCE", 0.01)
    first = board.first(OTHER, "a")
    board.cells_of(0)[first] = 3
    board.head[0] += 1
    assert totals(board.read())[first] == 3
