"""The requests of a run: the same ones, to the last microsecond of work, for every strategy.

What a request is worth in work and whether an unreliable endpoint would fail it are drawn here
and not when it runs: strategies are compared on equal terms, and a difference is theirs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

MOST_REQUESTS: Final = 2_000_000  # some 400 octets each
PAGES: Final = 1000
# The logarithm's standard deviation: one request in a hundred takes six times the mean, as where
# most pages come from a cache and some ask a database.
LOGNORMAL_SIGMA: Final = 1.0


class Fields:
    """A request's header fields, as far as a strategy may hash them."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self._fields = fields

    def get(self, name: bytes, /) -> bytes | None:
        return self._fields.get(name)


@dataclass(frozen=True, slots=True)
class Target:
    path: bytes
    query: bytes = b""


class Request:
    """What a strategy may read of an exchange."""

    __slots__ = ("client", "headers", "target")

    def __init__(self, client: str, target: Target, headers: Fields) -> None:
        self.client = client
        self.target = target
        self.headers = headers


NO_FIELDS: Final = Fields({})


@dataclass(frozen=True, slots=True)
class Load:
    """Requests in the order of their arrival, one place in each list for each.

    Args:
        times: seconds from the beginning.
        requests: what is asked, and by whom.
        works: seconds that an endpoint of speed 1 works on it.
        lucks: 0 to 1; an endpoint of which a share of answers fails fails those below the share.
        length: seconds from the beginning to the end of arrivals.
    """

    times: Sequence[float]
    requests: Sequence[Request]
    works: Sequence[float]
    lucks: Sequence[float]
    length: float

    @property
    def rate(self) -> float:
        return len(self.times) / self.length


def generate(
    rate: float, length: float, clients: int, service: float, shape: str, hash_key: str, seed: int
) -> Load:
    """A load that comes at random (Poisson), from clients of whom few ask much and many little (Zipf).

    Args:
        rate: requests a second, on average.
        length: seconds.
        clients: how many there are.
        service: mean seconds of work.
        shape: `lognormal` or `exponential`.
        hash_key: what a strategy hashes; each client has a value of its own for it.
        seed: what all draws follow from.
    """
    times = list(_arrivals(rate, length, stream(seed, "arrivals")))
    asking = zipf(clients, len(times), stream(seed, "clients"))
    asked = zipf(PAGES, len(times), stream(seed, "pages"))
    make = maker(hash_key)
    requests = [make(client, page) for client, page in zip(asking, asked, strict=True)]
    return Load(times, requests, *effort(len(times), service, shape, seed), length)


def stream(seed: int, purpose: str) -> random.Random:
    """A source of its own for each purpose: one more client changes no arrival."""
    return random.Random(f"{seed} {purpose}")  # noqa: S311 - guards no secret


def _arrivals(rate: float, length: float, rng: random.Random) -> Iterator[float]:
    now = rng.expovariate(rate)
    while now < length:
        yield now
        now += rng.expovariate(rate)


def zipf(count: int, draws: int, rng: random.Random) -> list[int]:
    """Numbers from 0; the second is half as frequent as the first, the third a third, ..."""
    bounds = list(accumulate(1 / rank for rank in range(1, count + 1)))
    return rng.choices(range(count), cum_weights=bounds, k=draws)


def effort(count: int, service: float, shape: str, seed: int) -> tuple[list[float], list[float]]:
    """The works and lucks of so many requests."""
    work = SHAPES[shape](service, stream(seed, "works"))
    luck = stream(seed, "lucks").random
    return [work() for _ in range(count)], [luck() for _ in range(count)]


def _lognormal(mean: float, rng: random.Random) -> Callable[[], float]:
    # The mean of a lognormal distribution is exp(mu + sigma^2 / 2).
    mu = math.log(mean) - LOGNORMAL_SIGMA**2 / 2
    return lambda: rng.lognormvariate(mu, LOGNORMAL_SIGMA)


def _exponential(mean: float, rng: random.Random) -> Callable[[], float]:
    return lambda: rng.expovariate(1 / mean)


SHAPES: Final[dict[str, Callable[[float, random.Random], Callable[[], float]]]] = {
    "lognormal": _lognormal,
    "exponential": _exponential,
}


def maker(hash_key: str) -> Callable[[int, int], Request]:
    """Makes the request of one client for one page, with what the strategy hashes in its place."""
    kind, _, name = hash_key.partition(":")
    targets = [b"/page/%d" % page for page in range(PAGES)]
    known: dict[tuple[int, int], Request] = {}

    def make(number: int, page: int) -> Request:
        request = known.get((number, page))
        if request is None:
            client = address(number)
            value = client.encode()
            query = b"%b=%b" % (name.encode(), value) if kind == "query" else b""
            request = Request(client, Target(targets[page], query), _fields(kind, name, value))
            known[number, page] = request
        return request

    return make


def _fields(kind: str, name: str, value: bytes) -> Fields:
    if kind == "header":
        return Fields({name.lower().encode(): value})
    if kind == "cookie":
        return Fields({b"cookie": b"%b=%b" % (name.encode(), value)})
    return NO_FIELDS


def address(number: int) -> str:
    """One of 10.0.0.0/8."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
