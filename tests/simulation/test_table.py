from __future__ import annotations

import pytest

from proxy.simulation.figures import Figures
from proxy.simulation.scenario import Fault, Member, Scenario
from proxy.simulation.table import report
from tests.simulation.made import load_of

FIGURES = Figures(
    requests=1234, failed=5, p50=0.0204, p95=0.1, p99=12.3456, fairness=0.98765, longest=42,
    shares=[0.25, 0.75], roaming=0.5, moved=None, needless=None)


def report_of(scenario, **results):
    return report(scenario, load_of([0.0, 5.0], [1, 1]), 0.02, results)


def test_the_whole_report():
    scenario = Scenario((Member("a"), Member("10.0.0.1:80", 2, 0.5)), faults=(Fault("slow", "a", 10, 5, 15),))
    assert report_of(scenario, round_robin=FIGURES, first=FIGURES) == """\
2 endpoints with 4 workers each, 20 ms of work per request, seed 1
0.2 requests/s for 10 s from 1 client: 0% of the 300/s that the endpoints can do
10.0.0.1:80: 0.5x as fast as the others
a: 10x slower from 5 s to 15 s

strategy     requests  failed  p50 ms  p95 ms   p99 ms  fairness  queue  roaming
round_robin      1234       5    20.4   100.0  12345.6     0.988     42      50%
first            1234       5    20.4   100.0  12345.6     0.988     42      50%

share of requests      a  10.0.0.1:80
(by weight)        33.3%        66.7%
round_robin        25.0%        75.0%
first              25.0%        75.0%

fairness  1.000: every endpoint had its share by weight (Jain's index)
queue     the most requests that waited at one endpoint
roaming   clients that met more than one endpoint"""


def test_moves_are_told_where_an_endpoint_left():
    from dataclasses import replace

    text = report_of(Scenario((Member("a"), Member("b"))), first=replace(FIGURES, moved=0.335, needless=0.0))
    assert "roaming  moved  needless\n" in text
    assert text.splitlines()[4].split()[-3:] == ["50%", "34%", "0%"]
    assert text.endswith("needless: though theirs stayed")


@pytest.mark.parametrize("count, tables", [(6, 1), (7, 2), (13, 3)])
def test_large_pools_have_several_tables_of_shares(count, tables):
    from dataclasses import replace

    scenario = Scenario(tuple(Member(f"e{number}") for number in range(count)))
    text = report_of(scenario, first=replace(FIGURES, shares=[1 / count] * count))
    assert text.count("share of requests") == tables
    assert all(f"e{number}" in text for number in range(count))


def test_a_spare_endpoint_has_no_share_by_weight():
    text = report_of(Scenario((Member("a"), Member("b", priority=1))), first=FIGURES)
    assert "(by weight)        100.0%   0.0%\n" in text
