"""What is simulated, and how it is written on a command line.

A message of a `ValueError` here ends what begins with the text given, as everywhere in `config`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.config.units import duration, percent
from proxy.config.wording import choices, nearest, quoted

HEAVIEST: Final = 1000       # the configuration's limit too
MOST_ENDPOINTS: Final = 1000
FASTEST: Final = 1000.0      # times; and a thousandth is the slowest
SETTINGS: Final = ("weight", "speed", "max_connections")
_FACTOR = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?)x")
ENDPOINT_FORM: Final = "(a, a:weight=2, a:weight=2:speed=0.5:max_connections=8)"
SPAN_FORM: Final = "(@5s-8s, or @5s- to the end)"


@dataclass(frozen=True, slots=True)
class Member:
    """An endpoint of the pool.

    Args:
        name: its address, or any name.
        weight: share of the traffic.
        speed: how many times as fast as the others it works.
        max_connections: requests that it is sent at a time; None for no limit.
        priority: lower numbers first; others are used only when none of those is up.
    """

    name: str
    weight: int = 1
    speed: float = 1.0
    max_connections: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls an endpoint for a while.

    Args:
        kind: `slow`, `down` or `errors`.
        endpoint: its name.
        amount: slow: times as slow; errors: the share of answers that fail.
        start, end: seconds from the beginning.
    """

    kind: str
    endpoint: str
    amount: float = 1.0
    start: float = 0.0
    end: float = math.inf

    def __str__(self) -> str:
        what = {
            "slow": f"{self.amount:g}x slower",
            "down": "down",
            "errors": f"{self.amount * 100:.4g}% of its answers are errors",
        }[self.kind]
        return f"{self.endpoint}: {what} {self.span}"

    @property
    def span(self) -> str:
        if self.end == math.inf:
            return f"from {self.start:g} s on" if self.start else "all the time"
        return f"from {self.start:g} s to {self.end:g} s"

    def lasts_at(self, now: float) -> bool:
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Scenario:
    """A pool and what happens to it.

    Args:
        members: its endpoints.
        workers: requests that one endpoint works on at a time; more wait in its own queue.
        faults: what befalls endpoints.
        seed: what every random choice follows from.
    """

    members: tuple[Member, ...]
    workers: int = 4
    faults: tuple[Fault, ...] = ()
    seed: int = 1

    def capacity(self, service: float) -> float:
        """Requests a second, of `service` seconds each, that the first ones can do when all is well."""
        return self.workers * sum(member.speed for member in self.first()) / service

    def first(self) -> list[Member]:
        """Those that get the requests as long as one of them is up."""
        priority = min((member.priority for member in self.members), default=0)
        return [member for member in self.members if member.priority == priority]


def numbered(count: int) -> list[Member]:
    """So many equal endpoints, called a, b, c, ... or e1, e2, e3, ... where letters do not last."""
    if count <= 26:
        return [Member(chr(ord("a") + place)) for place in range(count)]
    return [Member(f"e{place}") for place in range(1, count + 1)]


def read_member(text: str) -> Member:
    """`a`, `10.0.0.1:8000:weight=2` or `a:speed=0.5`.

    Raises:
        ValueError: not such a text.
    """
    name, *settings = _settings(text)
    if not name:
        raise ValueError(f"names no endpoint {ENDPOINT_FORM}")
    weight, speed, most = 1, 1.0, None
    for setting in settings:
        key, _, value = setting.partition("=")
        match key:
            case "weight":
                weight = _whole(key, value, HEAVIEST)
            case "speed":
                speed = _speed(value)
            case "max_connections":
                most = _whole(key, value, 1_000_000)
            case _:
                raise ValueError(f"sets {quoted(key)}{nearest(key, SETTINGS)}{choices(SETTINGS)}")
    return Member(name, weight, speed, most)


def _settings(text: str) -> Iterator[str]:
    """The name, which may hold colons itself, and each `key=value` behind it."""
    parts = text.split(":")
    count = next((place for place, part in enumerate(parts) if "=" in part), len(parts))
    yield ":".join(parts[:count])
    yield from parts[count:]


def _whole(key: str, text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= most:
        raise ValueError(f"has the {key} {quoted(text)}, which is not a whole number (1 to {most})")
    return int(text)


def _speed(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not 1 / FASTEST <= float(text) <= FASTEST:
        raise ValueError(f"has the speed {quoted(text)}; 1 is as fast as the others, 0.5 half as fast")
    return float(text)


def read_slow(text: str) -> Fault:
    """`a=10x@5s-15s`.

    Raises:
        ValueError: not such a text.
    """
    rest, start, end = _span(text)
    name, _, amount = rest.rpartition("=")
    if not name or not (match := _FACTOR.fullmatch(amount)) or float(match[1]) <= 0:
        raise ValueError("does not say how slow which endpoint is (a=10x@5s-15s)")
    return Fault("slow", name, float(match[1]), start, end)


def read_errors(text: str) -> Fault:
    """`a=50%@3s-`.

    Raises:
        ValueError: not such a text.
    """
    rest, start, end = _span(text)
    name, _, amount = rest.rpartition("=")
    if not name:
        raise ValueError("does not say what share of which endpoint's answers are errors (a=50%@3s-)")
    try:
        share = percent(amount)
    except ValueError as error:
        raise ValueError(f"has the share {quoted(amount)}, which {error}") from None
    if share > 1:
        raise ValueError(f"has the share {quoted(amount)}, which is out of range (0% to 100%)")
    return Fault("errors", name, share, start, end)


def read_down(text: str) -> Fault:
    """`a@5s-8s`.

    Raises:
        ValueError: not such a text.
    """
    name, start, end = _span(text)
    if not name or "=" in name:
        raise ValueError("does not say which endpoint is down, and when (a@5s-8s)")
    return Fault("down", name, 1.0, start, end)


def _span(text: str) -> tuple[str, float, float]:
    """What stands before the last @, and the seconds behind it."""
    name, at, span = text.rpartition("@")
    if not at:
        return text, 0.0, math.inf
    first, dash, last = span.partition("-")
    if not dash:
        raise ValueError(f"has the time {quoted(span)}, which has no end {SPAN_FORM}")
    start, end = _moment(first), _moment(last) if last else math.inf
    if end <= start:
        raise ValueError(f"ends before it begins {SPAN_FORM}")
    return name, start, end


def _moment(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise ValueError(f"has the time {quoted(text)}, which {error}") from None


def read_fault(kind: str, names: Collection[str], text: str) -> Fault:
    """A fault of that kind; where the endpoints are known, of one of them.

    Raises:
        ValueError: not such a text.
    """
    fault = FAULTS[kind](text)
    if names and fault.endpoint not in names:
        near = nearest(fault.endpoint, names)
        raise ValueError(f"names {quoted(fault.endpoint)}, which is no endpoint here{near}{choices(names)}")
    return fault


FAULTS: Final[dict[str, Callable[[str], Fault]]] = {
    "slow": read_slow,
    "down": read_down,
    "errors": read_errors,
}
