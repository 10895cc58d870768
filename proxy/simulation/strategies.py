"""Strategies whose draws follow from the seed."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import cast

from proxy.balancing import make_strategy
from proxy.balancing.strategy import Strategy
from proxy.simulation.load import stream


def seeded(name: str, hash_key: str, seed: int) -> Strategy:
    """The strategy of that name; one that takes an `rng` draws from the seed's.

    Args:
        name: of the registry, or `package.module:Class`.
        hash_key: what consistent hashing looks at.
        seed: the scenario's.
    """
    strategy = make_strategy(name, hash_key)
    kind = cast("Callable[..., Strategy]", type(strategy))
    return kind(rng=stream(seed, name)) if "rng" in signature(kind).parameters else strategy
