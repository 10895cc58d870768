"""How many cases each property gets, and how many all of them had.

`make test` tries a few hundred of each, the same ones every time; `make fuzz` shares 100,000 new
ones out among them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from hypothesis import given, settings

STEP = 250  # cases between two looks at the tally


def each() -> int:
    """Cases of one property; asked only once tests are collected, when the profile is chosen."""
    return max(200, settings.default.max_examples // 10)


def is_long() -> bool:
    return settings.default.max_examples >= 10_000


class Tally:
    """Counts cases as they are tried.

    Attributes:
        planned: cases that the chosen properties will have.
        tried: those that they had, with the ones that shrank a failure.
        watch: called with the tally every `STEP` cases; for a progress bar.
    """

    def __init__(self):
        self.planned = 0
        self.tried = 0
        self.watch: Callable[[Tally], None] | None = None

    def count(self):
        self.tried += 1
        if self.tried % STEP == 0 and self.watch is not None:
            self.watch(self)


TALLY = Tally()


def cases(*strategies):
    """`hypothesis.given` with a property's share of the cases, counted."""

    def decorate(test):
        @functools.wraps(test)
        def counted(*args, **kwargs):
            TALLY.count()
            return test(*args, **kwargs)

        return settings(max_examples=each())(given(*strategies)(counted))

    return decorate
