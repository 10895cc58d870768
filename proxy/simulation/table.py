"""The figures of all strategies as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from proxy.simulation.figures import Figures
from proxy.simulation.load import Load
from proxy.simulation.scenario import Scenario

ABREAST = 6  # endpoints beside each other; more go below
HEAD = ("strategy", "requests", "failed", "p50 ms", "p95 ms", "p99 ms", "fairness", "queue", "roaming")
MOVES = ("moved", "needless")
LEGEND = """\
fairness  1.000: every endpoint had its share by weight (Jain's index)
queue     the most requests that waited at one endpoint
roaming   clients that met more than one endpoint"""
LEGEND_OF_MOVES = """\
moved     clients that met another one when an endpoint left; needless: though theirs stayed"""


def report(scenario: Scenario, load: Load, service: float, results: Mapping[str, Figures]) -> str:
    """All that is printed."""
    left = any(figures.moved is not None for figures in results.values())
    parts = [
        "\n".join(describe(scenario, load, service)),
        lay_out([(*HEAD, *MOVES[: 2 * left])] + [_line(name, figures) for name, figures in results.items()]),
        *_shares(scenario, results),
        LEGEND + ("\n" + LEGEND_OF_MOVES if left else ""),
    ]
    return "\n\n".join(parts)


def describe(scenario: Scenario, load: Load, service: float) -> Iterator[str]:
    """What was simulated."""
    members, capacity = scenario.members, scenario.capacity(service)
    clients = len({request.client for request in load.requests})
    yield (f"{_count(len(members), 'endpoint')} with {_count(scenario.workers, 'worker')} each, "
           f"{service * 1000:g} ms of work per request, seed {scenario.seed}")
    yield (f"{load.rate:.4g} requests/s for {load.length:.4g} s from {_count(clients, 'client')}: "
           f"{load.rate / capacity:.0%} of the {capacity:.4g}/s that the endpoints can do")
    for member in members:
        if member.speed != 1:
            yield f"{member.name}: {member.speed:g}x as fast as the others"
    yield from map(str, scenario.faults)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _line(name: str, figures: Figures) -> tuple[str, ...]:
    times = (f"{seconds * 1000:.1f}" for seconds in (figures.p50, figures.p95, figures.p99))
    moves = [share for share in (figures.moved, figures.needless) if share is not None]
    return (
        name, str(figures.requests), str(figures.failed), *times, f"{figures.fairness:.3f}",
        str(figures.longest), *(f"{share:.0%}" for share in (figures.roaming, *moves)))


def _shares(scenario: Scenario, results: Mapping[str, Figures]) -> Iterator[str]:
    """Who got how much; for large pools several tables."""
    members, first = scenario.members, scenario.first()
    total = sum(member.weight for member in first)
    weights = [f"{(member in first) * member.weight / total:.1%}" for member in members]
    for start in range(0, len(members), ABREAST):
        some = slice(start, start + ABREAST)
        yield lay_out([
            ("share of requests", *(member.name for member in members[some])),
            ("(by weight)", *weights[some]),
            *((name, *(f"{share:.1%}" for share in of.shares[some])) for name, of in results.items()),
        ])


def lay_out(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)
