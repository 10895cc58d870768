"""What this proxy is to reach, beside what it did reach. Pure.

The rule is to decide nothing in our favour: a verdict is of the figure as measured, a figure is
shown rounded away from its target, and what came with failed requests or with too little load is not met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import NamedTuple

from benchmarks.summary import REFERENCE, Result, Results

HEADINGS = ("target", "proxy", "limit", "measured", "verdict")
LEFT = 2
HALF = 0.45  # of the full rate: with less a load is not about half
_SHOWN = Decimal("0.001")


class Metric(NamedTuple):
    """A figure, or the ratio of one to nginx."""

    name: str
    words: str
    is_ratio: bool = False
    scale: float = 1.0


CPU = Metric("cpu_us", "CPU per request x nginx", is_ratio=True)
SPREAD = Metric("p99_p50", "p99 / p50")
IDLE = Metric("idle_kb", "kB per idle connection", scale=1.024)  # the kernel counts kB of 1,024 octets


@dataclass(frozen=True)
class Target:
    """A metric is to be at most `limit`, or below it; with `beside`, that near to another case's.

    A ratio is to nginx; with `rival`, to that one's: both are of the same rounds of nginx.
    """

    case: str
    metric: Metric
    limit: float
    subject: str = "ours"
    beside: str = ""
    below: bool = False
    rival: str = ""

    @property
    def cases(self) -> Sequence[str]:
        return [self.case, self.beside] if self.beside else [self.case]

    @property
    def words(self) -> str:
        words = self.metric.words.replace(REFERENCE, self.rival or REFERENCE)
        return f"{' - '.join(self.cases)}: {words}"

    @property
    def limit_words(self) -> str:
        sign = "within" if self.beside else "<" if self.below else "<="
        return f"{sign} {self.limit:g}"

    def allows(self, value: float) -> bool:
        return abs(value) < self.limit if self.below else abs(value) <= self.limit


TARGETS = (
    Target("small", CPU, 1.3),
    Target("small", CPU, 1.6, subject="ours-asyncio"),
    Target("small-varying", CPU, 2.0),
    Target("small-log", CPU, 0.15, beside="small"),
    Target("small", CPU, 1.15, subject="ours-full", rival="ours-bare"),
    Target("static1k", CPU, 0.7),
    Target("static1k", CPU, 0.2, rival="caddy"),
    Target("static1k-304", CPU, 0.7),
    Target("static1k-304", CPU, 0.2, rival="caddy"),
    Target("static1k-log", CPU, 0.15, beside="static1k"),
    Target("static64k", CPU, 1.1),
    Target("static10m", CPU, 1.2),
    Target("static-mix", CPU, 1.0),
    Target("static-mix", CPU, 0.2, rival="caddy"),
    Target("down10m", CPU, 0.7),
    Target("small-half", SPREAD, 5, below=True),
    Target("small-idle", IDLE, 5),
)


def rows(results: Results) -> list[Sequence[str]]:
    """Every target, measured or not."""
    return [
        (target.words, target.subject, target.limit_words, *_outcome(target, results)) for target in TARGETS
    ]


def _outcome(target: Target, results: Results) -> tuple[str, str]:
    value = measured(target, results)
    if value is None:
        return "-", "not measured"
    doubts = _doubts(target, results)
    met = target.allows(value) and not doubts
    return ", ".join([shown(value), *doubts]), "met" if met else "not met"


def measured(target: Target, results: Results) -> float | None:
    """What a target is held against; None where something that it takes was not measured."""
    values = [_value(target, case, results) for case in target.cases]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return known[0] - sum(known[1:])


def _value(target: Target, case: str, results: Results) -> float | None:
    value = _figure(target.metric, results.get(case, {}).get(target.subject))
    if value is None or not target.rival:
        return value
    other = _figure(target.metric, results[case].get(target.rival))
    return value / other if other else None


def _figure(metric: Metric, result: Result | None) -> float | None:
    if result is None:
        return None
    value = result["ratios" if metric.is_ratio else "figures"].get(metric.name)
    return None if value is None else value * metric.scale


def _doubts(target: Target, results: Results) -> list[str]:
    """Why a figure proves nothing: failed requests, nginx's too where it is compared, or too little load."""
    names = [target.subject, REFERENCE] if target.metric.is_ratio else [target.subject]
    names += [target.rival] if target.rival else []
    figures = [results[case][name]["figures"] for case in target.cases for name in names]
    errors = sum(one["errors"] for one in figures)
    shares = [one["share"] for one in figures if one.get("share", 1.0) < HALF]
    doubts = [f"{errors:.0f} errors"] if errors else []
    return doubts + [f"at {share:.2f} of the full rate" for share in shares]


def shown(value: float) -> str:
    """Three places, rounded away from nought: never nearer to a target than it is."""
    return str(Decimal(repr(value)).quantize(_SHOWN, ROUND_UP))
