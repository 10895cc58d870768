"""Strategies: the rules that pick an endpoint of a pool.

One file each, pure (see `strategy`). A new one is a file here, a line in `STRATEGIES`, a test
and a line in the example configuration; the names below are what a configuration may say.

What several of them share has a file of its own: `rendezvous` (who bids the most for a key),
`lap` (whom to look at of many), `keys` (what of a request is hashed).

A strategy that is not ours needs no line here: a configuration names it `package.module:Class`,
and it is imported from wherever Python finds it. CONTRIBUTING.md has an example. It is made
without arguments, once per pool and worker; `rebuild` is called whenever the endpoints that may
be picked or their weights change, `pick` for each attempt, so that it must be quick: 1 us is
usual here. It runs on the event loop's thread, hence it needs no locks and may not wait. It may
also have `explain(exchange)`, which gives (endpoint, score, reason) for each of them, the best
first, and changes nothing: that is what `python -m proxy explain` shows.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.balancing.consistent_hash import ConsistentHash
from proxy.balancing.custom import load_class
from proxy.balancing.first import First
from proxy.balancing.ip_hash import IpHash
from proxy.balancing.least_connections import LeastConnections
from proxy.balancing.least_time import LeastTime
from proxy.balancing.random_two import RandomTwo
from proxy.balancing.round_robin import RoundRobin
from proxy.balancing.strategy import Strategy

STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "round_robin": RoundRobin,
    "least_connections": LeastConnections,
    "ip_hash": IpHash,
    "random_two": RandomTwo,
    "consistent_hash": ConsistentHash,
    "least_time": LeastTime,
    "first": First,
}


def make_strategy(name: str, hash_key: str = "client") -> Strategy:
    """The strategy of that name, or of that `package.module:Class`.

    Args:
        name: as configured.
        hash_key: for `consistent_hash`; nobody else reads it.

    Raises:
        ValueError: there is no such strategy, or it cannot be made.
    """
    if name == "consistent_hash":
        return ConsistentHash(hash_key)
    if name in STRATEGIES:
        return STRATEGIES[name]()
    if ":" in name:
        return load_class(name)
    raise ValueError(f"no strategy {name!r}; there are {', '.join(STRATEGIES)}, and package.module:Class")
