"""Endpoints and exchanges as far as a strategy looks at them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st


@dataclass(eq=False)
class FakeEndpoint:
    name: str
    weight: int = 1
    in_flight: int = 0
    latency: float = 0.0


@dataclass
class FakeTarget:
    path: bytes = b"/"
    query: bytes = b""


@dataclass
class FakeExchange:
    client: str = "192.0.2.1"
    headers: dict[bytes, bytes] = field(default_factory=dict)
    target: FakeTarget = field(default_factory=FakeTarget)


def endpoints_of(*weights: int) -> list[FakeEndpoint]:
    """Endpoints a, b, c, ... of these weights."""
    return [FakeEndpoint(chr(ord("a") + place), weight) for place, weight in enumerate(weights)]


WEIGHTS = st.lists(st.integers(1, 12), min_size=1, max_size=8)
