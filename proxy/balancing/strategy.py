"""The contract of a strategy: the rule that picks an endpoint.

Pure: no I/O, no clock of its own, no logging; a strategy sees endpoints through their counters
and an exchange through its request side, so that a test or a simulator can drive it with fakes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Candidate(Protocol):
    """What a strategy may read of an endpoint."""

    @property
    def name(self) -> str:
        """Its address as configured; stable across restarts, unlike its place in the list."""

    @property
    def weight(self) -> int:
        """Share of the traffic relative to the others, at least 1."""

    @property
    def in_flight(self) -> int:
        """Exchanges it is working on now."""

    @property
    def latency(self) -> float:
        """Seconds to the response's head, recent ones counting most; 0.0 while nothing is known."""


class Fields(Protocol):
    """A request's header fields."""

    def get(self, name: bytes, /) -> bytes | None:
        """The value by lower-case name; several lines joined."""


class Target(Protocol):
    """What was asked for."""

    @property
    def path(self) -> bytes:
        """Percent-decoded and normalised."""

    @property
    def query(self) -> bytes:
        """Without its question mark."""


class Request(Protocol):
    """What a strategy may read of an exchange."""

    @property
    def client(self) -> str:
        """The client's address."""

    @property
    def headers(self) -> Fields:
        """Its header section."""

    @property
    def target(self) -> Target:
        """Its target."""


class Strategy(Protocol):
    """Picks among the endpoints that are available."""

    def rebuild(self, endpoints: Sequence[Candidate]) -> None:
        """The set of available endpoints or a weight has changed."""

    def pick(self, exchange: Request, tried: Collection[Candidate]) -> Candidate | None:
        """An endpoint for one attempt, none of `tried`; None when nothing is left.

        `tried` is empty (and falsy) for a first attempt: the hot path.
        """


class Score(NamedTuple):
    """What a strategy thinks of an endpoint.

    Attributes:
        score: by its own measure, rounded for people.
        reason: how it comes about, and whether much or little of it is good.
    """

    endpoint: Candidate
    score: float
    reason: str


@runtime_checkable
class Explains(Protocol):
    """A strategy that can say what it goes by; optional."""

    def explain(self, exchange: Request) -> Sequence[Score]:
        """Every endpoint that may be picked, the best first; changes nothing, and may take its time."""
