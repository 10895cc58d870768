"""Strategies: the rules that pick an endpoint of a pool.

One file each, pure (see `strategy`). A new one is a file here, a line in `STRATEGIES`, a test
and a line in the example configuration; the names below are what a configuration may say.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.balancing.ip_hash import IpHash
from proxy.balancing.least_connections import LeastConnections
from proxy.balancing.random_two import RandomTwo
from proxy.balancing.round_robin import RoundRobin
from proxy.balancing.strategy import Strategy

STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "round_robin": RoundRobin,
    "least_connections": LeastConnections,
    "ip_hash": IpHash,
    "random_two": RandomTwo,
}
