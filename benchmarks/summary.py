"""From samples to figures: medians, and ratios to nginx. Pure.

A ratio is taken within one round, where both met the same machine, and the median is of these
ratios; it is not the ratio of the medians.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypedDict

REFERENCE = "nginx"
COMPARED = ("cpu_us", "rps", "p99_ms", "memory_mb", "idle_kb")
BUSY = 0.85  # below this share of a CPU the proxy was waiting for the load
ADDED_UP = ("errors", "requests")  # over the rounds; everything else is a median

Sample = dict[str, float]
Figures = dict[str, float]


class Result(TypedDict):
    """What came out for one subject in one case."""

    figures: Figures
    ratios: Figures
    samples: Sequence[Sample]


Results = Mapping[str, Mapping[str, Result]]  # case, subject


def summarize(samples: Mapping[str, Sequence[Sample]]) -> dict[str, Result]:
    """The results of one case, by subject."""
    reference = samples.get(REFERENCE, ())
    return {
        name: Result(figures=figures(rounds), ratios=ratios(rounds, reference), samples=rounds)
        for name, rounds in samples.items()
    }


def limited(result: Result) -> bool:
    """Whether the load, not the proxy, was the limit; its rate and times say little then.

    Not where the load was meant to leave it time.
    """
    return not is_paced(result["figures"]) and result["figures"]["busy"] < BUSY


def is_paced(sample: Sample) -> bool:
    """Whether the rate was set by the load."""
    return "share" in sample


def ratio_limited(name: str, results: Mapping[str, Result]) -> bool:
    """Whether a ratio to the reference is of two of which one was limited."""
    return any(limited(results[one]) for one in (name, REFERENCE) if one in results)


def figures(rounds: Sequence[Sample]) -> Figures:
    """Each metric over the rounds."""
    return {
        metric: sum(values) if metric in ADDED_UP else median(values)
        for metric in rounds[0]
        for values in [[sample[metric] for sample in rounds if metric in sample]]  # some are taken once
    }


def ratios(rounds: Sequence[Sample], reference: Sequence[Sample]) -> Figures:
    """Medians of the ratios to the reference, round by round; none where it took no part.

    Rates that the load set are not compared.
    """
    found = {}
    for metric in COMPARED:
        each = [
            ours[metric] / theirs[metric]
            for ours, theirs in zip(rounds, reference, strict=False)
            if metric in ours and theirs.get(metric)
            if metric != "rps" or not is_paced(ours)
        ]
        if each:
            found[metric] = median(each)
    return found
