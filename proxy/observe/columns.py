"""What is counted: the columns of the board, by the kind of thing that has them.

The rule of this room: a column is added at the end of its kind's list or wherever it belongs, for nobody
knows columns by number but those constants here that the hot path indexes lists with.
"""

from __future__ import annotations

from typing import Final

from proxy.observe.board import Kind

# By status // 100; the first is for exchanges that ended without an answer.
CLASSES: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")

# How an endpoint stands, in the words of `upstream.standing`, by the number in its column; 0: it has none.
STANDINGS: Final = (
    "", "up", "full", "warming", "trial", "unreachable", "ejected", "down", "draining", "disabled")

# Of the whole proxy; only the supervisor has numbers here, as of certificates. `reloaded` is in seconds since
# 1970.
HOUSE: Final = Kind(
    "house", gauges=("generation", "reload_failed", "reloaded", "workers", "started"),
    counters=("reloads", "failed_reloads", "deaths"))

# Of one worker. `lag`: how much later than asked for the loop came to its tick, as did whatever else was due.
WORKER: Final = Kind(
    "worker", gauges=("connections", "asking", "tunnels", "generation", "lag_now"),
    counters=("accepted", "static_hits", "static_looks"), histograms=("lag",))

# Of a route, by its name and its pool's; empty names for requests that found no route, or were none.
ROUTE: Final = Kind(
    "route", gauges=("shown",), counters=(*CLASSES, "sent", "received", "kept", "saved"),
    histograms=("seconds",))

# Of a pool, by its name. `oldest`: until when its first waiter will wait, in microseconds of monotonic time.
POOL: Final = Kind(
    "pool", gauges=("shown", "waiting", "oldest"),
    counters=("retries", "hedges", "turned_away"), histograms=("queue", "connect", "body"))

# Of an endpoint, by its pool's name and its own.
ENDPOINT: Final = Kind(
    "endpoint", gauges=("in_flight", "standing", "weight"),
    counters=(*CLASSES, "failures", "connect_failures", "ejections"), histograms=("head",))

# Of a certificate, by its listener's address and its first name. `expires`: seconds since 1970.
CERTIFICATE: Final = Kind("certificate", gauges=("expires",))

KINDS: Final = {kind.name: kind for kind in (HOUSE, WORKER, ROUTE, POOL, ENDPOINT, CERTIFICATE)}
