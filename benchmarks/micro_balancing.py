"""What a pick costs: nanoseconds for pools of 3 and of 100 endpoints, for each strategy.

    python -m benchmarks.micro_balancing

Weights are mixed (1 to 5) and endpoints are busy, so that no strategy has an easy case; the
clients of `ip_hash` come back (a hit of its memo), except in the row that says new clients.
"""

from __future__ import annotations

import random
import timeit
from dataclasses import dataclass

from proxy.balancing import STRATEGIES
from proxy.balancing.ip_hash import IpHash

ROUNDS = 5
PICKS = 4_000
POOLS = (3, 100)


@dataclass(slots=True, eq=False)
class Endpoint:
    name: str
    weight: int
    in_flight: int


@dataclass(slots=True)
class Exchange:
    client: str


def endpoints_of(count):
    rng = random.Random(count)
    return [Endpoint(f"10.0.0.{place}:80", rng.randint(1, 5), rng.randint(0, 20)) for place in range(count)]


def clients_of(count):
    """An endless stream of `count` clients in turn, without cost of its own worth mentioning."""
    exchanges = [Exchange(f"192.0.{place >> 8}.{place & 255}") for place in range(count)]
    while True:
        yield from exchanges


def pick_cost(make, pool, clients):
    """Nanoseconds of one pick: the best round, less the loop around it."""
    strategy = make()
    strategy.rebuild(endpoints_of(pool))
    scope = {"pick": strategy.pick, "next_client": clients_of(clients).__next__}
    timed = min(timeit.repeat("pick(next_client(), ())", globals=scope, number=PICKS, repeat=ROUNDS))
    empty = min(timeit.repeat("next_client()", globals=scope, number=PICKS, repeat=ROUNDS))
    return (timed - empty) / PICKS * 1e9


def main():
    rows = [(name, make, 100) for name, make in STRATEGIES.items()]
    rows.append(("ip_hash, new clients", IpHash, 30_000))
    print(f"{'ns per pick':<22}", *(f"{pool:>5} endpoints" for pool in POOLS), sep="")
    for name, make, clients in rows:
        print(f"{name:<22}", *(f"{pick_cost(make, pool, clients):>15.0f}" for pool in POOLS), sep="")


if __name__ == "__main__":
    main()
