import pytest

from benchmarks.pace import Pace


def test_a_turn_takes_twice_as_long_at_half_load():
    assert Pace(full_rate=16_000, connections=64).pause_ms == 8.0


def test_the_pause_makes_room_for_what_answers_take():
    pace = Pace(full_rate=16_000, connections=64)
    answer_ms = 3.0
    pace.settle(64 / (pace.pause_ms + answer_ms) * 1e3)
    assert pace.pause_ms == pytest.approx(5.0)
    pace.settle(8_000)  # just right: nothing changes
    assert pace.pause_ms == pytest.approx(5.0)


def test_a_load_that_came_too_fast_waits_longer():
    pace = Pace(full_rate=16_000, connections=64)
    pace.settle(16_000)
    assert pace.pause_ms == 12.0


def test_no_pause_is_the_shortest():
    pace = Pace(full_rate=16_000, connections=64)
    pace.settle(100)
    assert pace.pause_ms == 0.0
