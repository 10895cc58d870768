"""The results as text: one table per group of cases, plain or in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import targets
from benchmarks.cases import CASES
from benchmarks.idle import CONNECTIONS
from benchmarks.summary import BUSY, Result, Results, is_paced, limited, ratio_limited

HEADINGS = (
    "case", "proxy", "CPU us/req", "x nginx", "req/s", "x nginx", "p50 ms", "p99 ms", "x nginx", "PSS MB",
    "errors",
)
IDLE_HEADINGS = ("proxy", "kB per idle connection", "x nginx", "CPU ms/s while all are idle")
HALF_HEADINGS = (
    "proxy at half load", "req/s", "of its full rate", "CPU busy", "p50 ms", "p99 ms", "p99/p50",
)
LEFT = 2  # columns of words, aligned to the left
NOTES = f"""\
CPU: user + system of the proxy's whole process tree, per finished request. x nginx: the median of the ratios
taken round by round; for CPU, p99 and memory below 1 is better than nginx, for req/s above 1.
* the proxy was idle for more than {1 - BUSY:.0%} of the time: the load or the application was the limit, so
req/s, p50 and p99 say little about it, and so does a ratio when either of the two was.
Closed loop: p50 and p99 are those of a proxy at its limit, except at half load: there connections pause
between requests, so that the rate is about half of what the same proxy reached without.
Idle: {CONNECTIONS:,} connections, each after one proxied request."""

Row = Sequence[str]


def rows(results: Results) -> list[Row]:
    """The main table's rows."""
    return [
        (CASES[case].title if place == 0 else "", *_row(name, subjects))
        for case, subjects in results.items()
        for place, name in enumerate(subjects)
    ]


def _row(name: str, subjects: Mapping[str, Result]) -> Row:
    figures, ratio = subjects[name]["figures"], subjects[name]["ratios"]
    mark = "*" if limited(subjects[name]) else ""
    ratio_mark = "*" if ratio_limited(name, subjects) else ""
    return (
        name,
        _number(figures["cpu_us"]), _ratio(ratio.get("cpu_us")),
        _number(figures["rps"]) + mark, _ratio(ratio.get("rps"), ratio_mark),
        f"{figures['p50_ms']:.2f}" + mark,
        f"{figures['p99_ms']:.2f}" + mark, _ratio(ratio.get("p99_ms"), ratio_mark),
        f"{figures['memory_mb']:.1f}", f"{figures['errors']:.0f}",
    )


def idle_rows(results: Results) -> list[Row]:
    """The rows of what idle connections cost; none if that was not measured."""
    return [
        (name, f"{result['figures']['idle_kb']:.2f}", _ratio(result["ratios"].get("idle_kb")),
         f"{result['figures']['idle_cpu_ms']:.2f}")
        for subjects in results.values()
        for name, result in subjects.items()
        if "idle_kb" in result["figures"]
    ]


def half_rows(results: Results) -> list[Row]:
    """The rows of latency at half load; none if that was not measured."""
    return [
        (name, _number(figures["rps"]), f"{figures['share']:.2f}", f"{figures['busy']:.2f}",
         f"{figures['p50_ms']:.2f}", f"{figures['p99_ms']:.2f}", f"{figures['p99_p50']:.2f}")
        for subjects in results.values()
        for name, result in subjects.items()
        for figures in [result["figures"]]
        if is_paced(figures)
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(value: float | None, mark: str = "") -> str:
    return "-" if value is None else f"{value:.2f}" + mark


def plain(headings: Row, body: Sequence[Row], left: int = LEFT) -> str:
    """A table for a terminal."""
    widths = [max(map(len, column)) for column in zip(headings, *body, strict=True)]
    return "\n".join(_plain_line(row, widths, left) for row in [headings, ["-" * w for w in widths], *body])


def _plain_line(row: Row, widths: Sequence[int], left: int) -> str:
    cells = [
        cell.ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def markdown(headings: Row, body: Sequence[Row], left: int = LEFT) -> str:
    """The same table in Markdown."""
    rule = ["---" if place < left else "--:" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *body])


def text(results: Results) -> str:
    """Everything, for a terminal."""
    parts = [plain(HEADINGS, rows(results))]
    if half := half_rows(results):
        parts.append(plain(HALF_HEADINGS, half, left=1))
    if idle := idle_rows(results):
        parts.append(plain(IDLE_HEADINGS, idle, left=1))
    return "\n\n".join([*parts, NOTES, plain(targets.HEADINGS, targets.rows(results), targets.LEFT)])


def document(results: Results, about: Mapping[str, str]) -> str:
    """Everything, as a Markdown file."""
    facts = "\n".join(f"- {name}: {value}" for name, value in about.items())
    parts = ["# Beside other proxies", facts, markdown(HEADINGS, rows(results))]
    if half := half_rows(results):
        parts.append(markdown(HALF_HEADINGS, half, left=1))
    if idle := idle_rows(results):
        parts.append(markdown(IDLE_HEADINGS, idle, left=1))
    notes = NOTES.replace("* the proxy", "`*` the proxy")
    reached = markdown(targets.HEADINGS, targets.rows(results), targets.LEFT)
    return "\n\n".join([*parts, notes, "## Targets", reached, "![ratios to nginx](latest.png)"]) + "\n"
