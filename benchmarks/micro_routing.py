"""What finding a route costs: nanoseconds for tables of 3, 30 and 2,000 routes.

    python -m benchmarks.micro_routing

`known` is a request like an earlier one; `new` one whose path never came before and that the last
route answers. Routes differ by path, or by host.
"""

from __future__ import annotations

import timeit
from types import SimpleNamespace

from proxy.routing.table import Route, RouteTable
from proxy.wire.target import parse_target

ROUNDS = 5
SIZES = (3, 30, 2000)
HANDLER = SimpleNamespace(handle=None)


def by_path(place):
    return SimpleNamespace(path=f"/part{place}/*")


def by_host(place):
    return SimpleNamespace(host=f"site{place}.example", path="/*")


def table_of(size, make):
    matches = [make(place) for place in range(size - 1)]
    return RouteTable(Route("", match, HANDLER, body_limit=0) for match in [*matches, None])


def exchange_of(path):
    target = parse_target(b"GET", path)
    return SimpleNamespace(host=b"www.example.com:8080", method=b"GET", target=target, client="192.0.2.1")


def exchanges(known, count):
    """An endless stream of requests; as many different ones as asked for."""
    made = [exchange_of(b"/articles/%d" % number) for number in range(1 if known else count)]
    while True:
        yield from made


def find_cost(size, make, known):
    """Nanoseconds of one find: the best round, less the loop around it."""
    count = 20_000 if known else max(50, 20_000 // size)
    scope = {"find": table_of(size, make).find}
    scope["next_exchange"] = exchanges(known, ROUNDS * count).__next__
    timed = min(timeit.repeat("find(next_exchange())", globals=scope, number=count, repeat=ROUNDS))
    empty = min(timeit.repeat("next_exchange()", globals=scope, number=count, repeat=ROUNDS))
    return (timed - empty) / count * 1e9


def main():
    print(f"{'ns per find':<18}", *(f"{size:>8} routes" for size in SIZES), sep="")
    for name, make in (("by path", by_path), ("by host", by_host)):
        for known in (True, False):
            costs = [find_cost(size, make, known) for size in SIZES]
            label = f"{name}, {'known' if known else 'new'}"
            print(f"{label:<18}", *(f"{cost:>15,.0f}" for cost in costs), sep="")


if __name__ == "__main__":
    main()
