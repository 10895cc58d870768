import os
import time

import pytest

from proxy.config.load import loads
from proxy.observe.board import totals
from proxy.observe.columns import CERTIFICATE, HOUSE, POOL
from proxy.process.census import FEWEST_ROWS, Census, cells_for
from tests.authority import Authority

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
    census.reloaded(2, loads(CONFIG))
    found = house(census)
    assert (found["generation"], found["reload_failed"], found["reloads"]) == (2, 0, 1)


def with_tls(*certificates, address="a:1"):
    listener = f"listen: {{address: {address}, tls: [{', '.join(certificates)}]}}"
    return loads(CONFIG.replace("listen: a:1", listener))


def certificates(census):
    """By listener and name, when they expire as far as the board says."""
    total = totals(census.board.read())
    return {name.parts: total[name.first + CERTIFICATE.at["expires"]] for name in census.board.names()
            if name.kind == CERTIFICATE.name}


def test_until_when_certificates_are_valid(tmp_path):
    authority = Authority(tmp_path)
    short = authority.tls("a.example", "b.example", days=3)
    config = with_tls(short, authority.tls("c.example", file="c"))
    census = Census(config)
    try:
        assert certificates(census) == {
            ("a:1", "a.example"): pytest.approx(time.time() + 3 * 86400, abs=60),
            ("a:1", "c.example"): pytest.approx(time.time() + 90 * 86400, abs=60)}
        census.reloaded(2, with_tls(authority.tls("a.example", days=30), address="a:2"))
        census.reloaded(3, with_tls(authority.tls("a.example", days=60), address="a:2"))
        assert certificates(census) == {
            ("a:1", "a.example"): 0, ("a:1", "c.example"): 0,
            ("a:2", "a.example"): pytest.approx(time.time() + 60 * 86400, abs=60)}
        census.reloaded(4, config)
        assert certificates(census)["a:1", "c.example"] > time.time()
    finally:
        census.close()


def test_of_two_certificates_for_one_name_the_first_to_expire_counts(tmp_path):
    authority = Authority(tmp_path)
    census = Census(with_tls(*(authority.tls("a.example", file=f"{days}", days=days) for days in (9, 5, 7))))
    try:
        assert certificates(census) == {("a:1", "a.example"): pytest.approx(time.time() + 5 * 86400, abs=60)}
    finally:
        census.close()


def test_a_certificate_takes_room_on_the_board(tmp_path):
    shown = Authority(tmp_path).tls("a.example")
    assert cells_for(with_tls(shown, shown)) - cells_for(loads(CONFIG)) == 2 * CERTIFICATE.size


def test_the_board_has_room_for_many_routes():
    routes = "\n".join(f"  - {{match: {{path: /{number}}}, reverse_proxy: web}}" for number in range(3000))
    census = Census(loads(CONFIG.replace("routes: [{reverse_proxy: web}]", f"routes:\n{routes}")))
    try:
        found = [census.board.first(POOL, f"pool {number}") for number in range(1500)]
        assert all(found)
        assert census.board.pid_of(0) == os.getpid()
    finally:
        census.close()
