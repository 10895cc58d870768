"""The figures of all strategies as a picture: the slowest answers over time, and who got how much."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from proxy.simulation.engine import Outcome
from proxy.simulation.figures import Figures, p99_over_time
from proxy.simulation.load import Load
from proxy.simulation.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by those who see no red or no green, and by their dashes in print (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("-", "--", "-.", ":")
MOST_NAMED = 12  # endpoints that a legend still explains


def draw(
    scenario: Scenario, load: Load, outcomes: Mapping[str, Outcome], results: Mapping[str, Figures],
    title: str, path: str,
) -> None:
    """Write the picture.

    Args:
        title: what was simulated.
        path: ends in .png or .svg.

    Raises:
        OSError: it cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")  # no display
    mpl.rcParams["svg.hashsalt"] = "proxy"  # the same figures, the same file
    mpl.rcParams["svg.fonttype"] = "none"   # text that can be searched, and read aloud
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(
        2, layout="constrained", figsize=(10, 5 + 0.35 * len(results)),
        height_ratios=(4, 0.8 + 0.35 * len(results)))
    _times(above, scenario, load, outcomes)
    _shares(below, scenario, results)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    # A date in the file would make each one another.
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.endswith(".svg") else None)
    plt.close(figure)


def _times(axes: Axes, scenario: Scenario, load: Load, outcomes: Mapping[str, Outcome]) -> None:
    for place, (name, outcome) in enumerate(outcomes.items()):
        middles, values = p99_over_time(load, outcome)
        axes.plot(middles, [value * 1000 for value in values], label=name, linewidth=1.6,
                  color=COLOURS[place % len(COLOURS)], linestyle=DASHES[place // 2 % len(DASHES)])
    for fault in scenario.faults:
        axes.axvspan(fault.start, load.length if fault.end == inf else fault.end, color="#000000", alpha=0.06)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(0, load.length)
    axes.set_xlabel("seconds", fontsize=8)
    axes.set_title("99th percentile of the answers' times, ms  (lower is better; grey: a fault)",
                   fontsize=10, loc="left")
    _tidy(axes)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)


def _shares(axes: Axes, scenario: Scenario, results: Mapping[str, Figures]) -> None:
    names = list(results)
    lefts = [0.0] * len(names)
    for place, member in enumerate(scenario.members):
        widths = [100 * results[name].shares[place] for name in names]
        axes.barh(names, widths, left=lefts, height=0.7, label=member.name, edgecolor="white",
                  color=f"C{place % 10}", linewidth=0.6)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_title("share of the requests per endpoint, %", fontsize=10, loc="left")
    _tidy(axes)
    if len(scenario.members) <= MOST_NAMED:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
