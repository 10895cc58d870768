"""What a pick costs: nanoseconds for pools of 3 and of 100 endpoints, for each strategy.

    python -m benchmarks.micro_balancing

Weights are mixed (1 to 5) and endpoints are busy and differ in latency, so that no strategy has an
easy case: of the picks of `consistent_hash` a quarter (of 100 endpoints) to a half (of 3) meet one
that is above its bound. Clients come back (a hit of the memo of `ip_hash`, a slot of
`consistent_hash` that was bid for), except in the row that says new clients.
"""

from __future__ import annotations

import random
import timeit
from dataclasses import dataclass, field
from time import process_time

from proxy.balancing import STRATEGIES
from proxy.balancing.consistent_hash import ConsistentHash
from proxy.balancing.ip_hash import IpHash
from proxy.balancing.least_time import LeastTime

ROUNDS = 9
PICKS = 4_000
POOLS = (3, 100)


@dataclass(slots=True, eq=False)
class Endpoint:
    name: str
    weight: int
    in_flight: int
    latency: float


@dataclass(slots=True)
class Target:
    path: bytes = b"/articles/2024/consistent-hashing"
    query: bytes = b"page=2&user=ada&sort=new"


@dataclass(slots=True)
class Exchange:
    client: str
    headers: dict[bytes, bytes]
    target: Target = field(default_factory=Target)


def endpoints_of(count, slowest=0.5):
    """`slowest` in seconds; 0 for latencies that are not known yet."""
    rng = random.Random(count)
    return [
        Endpoint(f"10.0.0.{place}:80", rng.randint(1, 5), rng.randint(0, 20), slowest * rng.uniform(0.01, 1))
        for place in range(count)
    ]


def exchanges_of(count):
    """An endless stream of `count` clients in turn, without cost of its own worth mentioning."""
    exchanges = [
        Exchange(f"192.0.{place >> 8}.{place & 255}", {b"cookie": b"theme=dark; lang=en; lb=%d" % place})
        for place in range(count)
    ]
    while True:
        yield from exchanges


def pick_cost(make, endpoints, clients):
    """Nanoseconds of CPU for one pick: the best round, less the loop around it."""
    strategy = make()
    strategy.rebuild(endpoints)
    scope = {"pick": strategy.pick, "next_exchange": exchanges_of(clients).__next__}
    timed, empty = (
        min(timeit.repeat(what, timer=process_time, globals=scope, number=PICKS, repeat=ROUNDS))
        for what in ("pick(next_exchange(), ())", "next_exchange()"))
    return (timed - empty) / PICKS * 1e9


def rows():
    """(label, how to make it, clients, the slowest latency)."""
    yield from ((name, make, 100, 0.5) for name, make in STRATEGIES.items())
    yield "ip_hash, new clients", IpHash, 30_000, 0.5
    yield "consistent_hash, cookie:lb", lambda: ConsistentHash("cookie:lb"), 100, 0.5
    yield "consistent_hash, query:user", lambda: ConsistentHash("query:user"), 100, 0.5
    yield "least_time, nothing known", LeastTime, 100, 0.0


def main():
    print(f"{'ns per pick':<28}", *(f"{count:>5} endpoints" for count in POOLS), sep="")
    for label, make, clients, slowest in rows():
        costs = [pick_cost(make, endpoints_of(count, slowest), clients) for count in POOLS]
        print(f"{label:<28}", *(f"{cost:>15.0f}" for cost in costs), sep="")


if __name__ == "__main__":
    main()
