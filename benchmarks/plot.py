"""The results as a picture: how many times nginx, one panel per group of cases and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cases import CASES
from benchmarks.summary import REFERENCE, Results, ratio_limited

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

COLOURS = {
    "ours": "#1a6faf", "ours-asyncio": "#8fc1e3", "haproxy": "#4d9a5b", "caddy": "#e0a030",
    "aiohttp": "#b5483a",
}
PANELS = (
    ("cpu_us", "CPU per request, x nginx  (shorter is better)"),
    ("rps", "requests per second, x nginx  (longer is better)"),
)
BAR = 0.19  # inches
Bar = tuple[str, float, bool]  # subject, ratio, whether the load was the limit


def draw(results: Results, about: Mapping[str, str], path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")  # no display
    from matplotlib import pyplot as plt

    groups = _groups(results)
    heights = [_places(cases, results) for cases in groups.values()]
    figure, grid = plt.subplots(
        len(groups), len(PANELS), squeeze=False, layout="constrained", sharex="col",
        figsize=(13, BAR * sum(heights) + 0.7 * len(groups) + 1.3), height_ratios=heights,
    )
    for line, (group, cases) in zip(grid, groups.items(), strict=True):
        for axes, (metric, title) in zip(line, PANELS, strict=True):
            _panel(axes, metric, cases, results)
            axes.set_title(f"{group}: {title}", fontsize=10, loc="left")
    for axes in grid[:, 1]:
        axes.set_yticklabels([])
    figure.suptitle(_title(about), fontsize=9, x=0.01, ha="left")
    handles, labels = _legend(results)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _title(about: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {about[name]}" for name in ("machine", "versions", "method") if name in about)


def _groups(results: Results) -> dict[str, list[str]]:
    """The cases that can be compared, by group."""
    groups: dict[str, list[str]] = {}
    for case, subjects in results.items():
        if all(bars(case, metric, results) for metric, _ in PANELS) and len(subjects) > 1:
            groups.setdefault(CASES[case].group, []).append(case)
    return groups


def bars(case: str, metric: str, results: Results) -> list[Bar]:
    """What is drawn for one case; the reference is the line at 1 and no bar."""
    return [
        (name, result["ratios"][metric], metric == "rps" and ratio_limited(name, results[case]))
        for name, result in results[case].items()
        if name != REFERENCE and metric in result["ratios"]
    ]


def _places(cases: Sequence[str], results: Results) -> int:
    """The height of a panel in bars; one is left free after each case."""
    return sum(len(bars(case, "cpu_us", results)) + 1 for case in cases)


def _panel(axes: Axes, metric: str, cases: Sequence[str], results: Results) -> None:
    place = 0.0
    ticks = []
    for case in cases:
        drawn = bars(case, metric, results)
        ticks.append(place + (len(drawn) - 1) / 2)
        for bar in drawn:
            _bar(axes, place, bar)
            place += 1
        place += 1
    axes.set_yticks(ticks, [CASES[case].title for case in cases], fontsize=9)
    axes.set_ylim(place - 1.2, -0.8)
    _scale(axes)


def _bar(axes: Axes, place: float, bar: Bar) -> None:
    name, ratio, limited = bar
    # From the line at 1: on a logarithmic scale half and twice are equally far from it.
    colour, alpha = COLOURS.get(name, "#777777"), 0.35 if limited else 1.0
    axes.barh(place, ratio - 1, left=1, height=0.86, color=colour, alpha=alpha)
    above = ratio >= 1
    axes.annotate(
        f"{ratio:.2f}" + ("*" if limited else ""), (ratio, place), xytext=(3 if above else -3, 0),
        textcoords="offset points", va="center", ha="left" if above else "right", fontsize=7.5,
    )


def _scale(axes: Axes) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator([2.0**power for power in range(-6, 8)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: str(Fraction(ratio))))
    axes.tick_params(axis="x", labelsize=8, labelbottom=True)
    axes.tick_params(axis="y", length=0)
    axes.axvline(1, color="black", linewidth=1)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.12)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _legend(results: Results) -> tuple[list[Artist], list[str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = dict.fromkeys(name for subjects in results.values() for name in subjects if name != REFERENCE)
    handles: list[Artist] = [Line2D([], [], color="black", linewidth=1)]
    handles += [Patch(color=COLOURS.get(name, "#777777")) for name in names]
    labels = [f"{REFERENCE} = 1", *names]
    if any(limited for case in results for *_, limited in bars(case, "rps", results)):
        handles.append(Patch(color="#777777", alpha=0.35))
        labels.append("* the load was the limit")
    return handles, labels
