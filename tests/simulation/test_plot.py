from __future__ import annotations

import pytest

from proxy.simulation.plot import draw
from tests.simulation.made import busy, down, played, pool, slow


@pytest.fixture(scope="module")
def draw_to():
    """Draws a small comparison into a file of that name."""
    scenario = pool("a", "b", faults=[slow("a", 5, 1, 2), down("b", 3)])
    load = busy(scenario, length=4.0)
    runs = {name: played(name, scenario, load) for name in ("round_robin", "least_time")}
    outcomes = {name: outcome for name, (outcome, _) in runs.items()}
    results = {name: figures for name, (_, figures) in runs.items()}
    return lambda path: draw(scenario, load, outcomes, results, "a title\nof two lines", str(path))


def test_png(draw_to, tmp_path):
    draw_to(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_svg_holds_its_words(draw_to, tmp_path):
    draw_to(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    words = ("a title", "of two lines", "round_robin", "least_time", "seconds", "grey: a fault", ">a<", ">b<")
    assert not [word for word in words if word not in text]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_again_is_the_same_file(draw_to, tmp_path, kind):
    first, second = tmp_path / f"1.{kind}", tmp_path / f"2.{kind}"
    draw_to(first)
    draw_to(second)
    assert first.read_bytes() == second.read_bytes()


def test_a_file_that_cannot_be_written(draw_to, tmp_path):
    with pytest.raises(OSError):
        draw_to(tmp_path / "none" / "a.png")
