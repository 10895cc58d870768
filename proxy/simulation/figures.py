"""What came of a run, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from proxy.simulation.engine import FAILED, NOWHERE, Outcome
from proxy.simulation.load import Load
from proxy.simulation.scenario import Fault, Scenario

SLICES = 60  # of the time, in a picture


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one strategy's run.

    Args:
        requests, failed: how many; those that failed are not in the times.
        p50, p95, p99: seconds that so many of a hundred answers took at most.
        fairness: Jain's index of requests per weight: 1 when each had its share, 1/n when one had all.
        longest: the most requests that waited at one endpoint.
        shares: of the requests, by endpoint.
        roaming: of the clients that came twice or more, the share that met more than one endpoint.
        moved: of the clients seen before and after an endpoint left, the share that met another one then.
        needless: the same of those whose endpoint had not left; None where none left.
    """

    requests: int
    failed: int
    p50: float
    p95: float
    p99: float
    fairness: float
    longest: int
    shares: list[float]
    roaming: float
    moved: float | None
    needless: float | None


def measure(scenario: Scenario, load: Load, outcome: Outcome) -> Figures:
    """All figures of one run."""
    times = sorted(took for took in outcome.took if took != FAILED)
    counts = counted(outcome, len(scenario.members))
    moved, needless = moves(scenario, load, outcome)
    return Figures(
        requests=len(outcome.took),
        failed=len(outcome.took) - len(times),
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        fairness=fairness(scenario, counts),
        longest=max(outcome.longest),
        shares=[count / max(1, sum(counts)) for count in counts],
        roaming=roaming(load, outcome),
        moved=moved,
        needless=needless,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that `percent` of a hundred do not exceed; 0 of none."""
    return ordered[ceil(len(ordered) * percent / 100) - 1] if ordered else 0.0


def counted(outcome: Outcome, members: int) -> list[int]:
    """Requests by endpoint."""
    counts = Counter(outcome.where)
    return [counts[place] for place in range(members)]


def fairness(scenario: Scenario, counts: Sequence[int]) -> float:
    """Jain's index (Jain, Chiu and Hawe 1984) of requests per weight, among those of the first priority."""
    first = scenario.first()
    parts = [
        count / member.weight
        for member, count in zip(scenario.members, counts, strict=True)
        if member in first
    ]
    squares = sum(part * part for part in parts)
    return sum(parts) ** 2 / (len(parts) * squares) if squares else 1.0


def roaming(load: Load, outcome: Outcome) -> float:
    """The share of clients that met more than one endpoint, among those that could."""
    met: dict[str, set[int]] = {}
    came = Counter(request.client for request in load.requests)
    for request, place in zip(load.requests, outcome.where, strict=True):
        if place != NOWHERE:
            met.setdefault(request.client, set()).add(place)
    could = [client for client in met if came[client] > 1]
    return sum(len(met[client]) > 1 for client in could) / len(could) if could else 0.0


def moves(scenario: Scenario, load: Load, outcome: Outcome) -> tuple[float | None, float | None]:
    """Shares of clients that moved when an endpoint left: of all, and of those whose own one stayed."""
    seen = moved = stayed = needless = 0
    leavings = [fault for fault in scenario.faults if fault.kind == "down" and fault.start > 0]
    places = {member.name: place for place, member in enumerate(scenario.members)}
    for leaving in leavings:
        gone = places[leaving.endpoint]
        for before, after in crossing(leaving, load, outcome):
            seen += 1
            moved += before != after
            stayed += before != gone
            needless += gone != before != after
    if not leavings:
        return None, None
    return moved / max(1, seen), needless / max(1, stayed)


def crossing(leaving: Fault, load: Load, outcome: Outcome) -> list[tuple[int, int]]:
    """Of each client seen before an endpoint left and while it was gone, its endpoints of then."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for time, request, place in zip(load.times, load.requests, outcome.where, strict=True):
        if place == NOWHERE or time >= leaving.end:
            continue
        if time < leaving.start:
            before[request.client] = place
        else:
            after.setdefault(request.client, place)
    return [(before[client], place) for client, place in after.items() if client in before]


def p99_over_time(load: Load, outcome: Outcome) -> tuple[list[float], list[float]]:
    """Middles of slices of the time, and the 99th percentile of what came in each; empty ones left out."""
    width = load.length / SLICES
    slices: list[list[float]] = [[] for _ in range(SLICES)]
    for time, took in zip(load.times, outcome.took, strict=True):
        if took != FAILED:
            slices[min(int(time / width), SLICES - 1)].append(took)
    filled = [(place, sorted(values)) for place, values in enumerate(slices) if values]
    return [(place + 0.5) * width for place, _ in filled], [percentile(values, 99) for _, values in filled]
