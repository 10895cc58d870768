"""The board as Prometheus reads it: `GET /metrics` of the admin listener.

The rule of this room: only who serves that page imports this, so that no worker has prometheus_client in
its memory; it reads the board and nothing else, and keeps nothing between two readings. Names and units
follow prometheus.io/docs/practices/naming: seconds and bytes, `_total` for what only grows. Routes and pools
that the configuration no longer has are left out, and so are their endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from proxy import __version__
from proxy.observe.board import BOUNDS, BUCKETS, MICRO, Board, Kind, Name, totals
from proxy.observe.columns import CERTIFICATE, CLASSES, ENDPOINT, HOUSE, POOL, ROUTE, STANDINGS, WORKER

PREFIX: Final = "pyfront_"
EDGES: Final = (*map(str, BOUNDS), "+Inf")
USABLE: Final = frozenset(map(STANDINGS.index, ("up", "full", "warming", "trial")))

# What is one column of each name of a kind: its metric, what it says, the column.
Plain = tuple[str, str, str]
LABELS: Final = {
    HOUSE: (), WORKER: (), ROUTE: ("route", "pool"), POOL: ("pool",), ENDPOINT: ("pool", "endpoint"),
    CERTIFICATE: ("listener", "name")}

GAUGES: Final[dict[Kind, tuple[Plain, ...]]] = {
    HOUSE: (
        ("start_time_seconds", "When the proxy was started, in seconds since 1970.", "started"),
        ("workers", "Workers that serve.", "workers"),
        ("config_generation", "The number of the configuration that is in force.", "generation"),
        ("config_last_reload_success_timestamp_seconds",
         "When the configuration in force was put in place, in seconds since 1970.", "reloaded")),
    WORKER: (
        ("connections", "Connections that clients have open.", "connections"),
        ("requests_in_flight", "Requests that are being answered, tunnels aside; a second old at most.",
         "asking"),
        ("tunnels", "WebSockets and other upgraded connections; a second old at most.", "tunnels")),
    POOL: (
        ("pool_queue_length", "Requests that wait for a place at an endpoint.", "waiting"),),
    ENDPOINT: (
        ("endpoint_in_flight", "Requests that the endpoint works on.", "in_flight"),),
    CERTIFICATE: (
        ("certificate_expiry_timestamp_seconds",
         "Until when the certificate is valid that listeners show, in seconds since 1970.", "expires"),),
}
COUNTERS: Final[dict[Kind, tuple[Plain, ...]]] = {
    HOUSE: (("worker_deaths", "Workers that died without being asked to.", "deaths"),),
    WORKER: (
        ("connections_accepted", "Connections that clients have opened.", "accepted"),
        ("static_cache_misses", "Static files that were looked for on the disk.", "static_looks")),
    ROUTE: (
        ("response_bytes", "Octets of response bodies, as they were sent.", "sent"),
        ("request_bytes", "Octets of request bodies.", "received"),
        ("kept_responses", "Answers that were given without asking a handler again.", "kept"),
        ("compression_saved_bytes", "Octets that compression has spared clients.", "saved")),
    POOL: (
        ("pool_retries", "Attempts after the first.", "retries"),
        ("pool_hedges", "Second attempts beside one that took long.", "hedges"),
        ("pool_turned_away", "Requests for which no endpoint had a place, in time.", "turned_away")),
    ENDPOINT: (
        ("endpoint_failures", "Attempts without an answer or with a broken one, and answers of 502 to 504.",
         "failures"),
        ("endpoint_connect_failures", "Connects that failed.", "connect_failures"),
        ("endpoint_ejections", "How often real traffic had the endpoint left out for a while.",
         "ejections")),
}
CLASSED: Final = {
    ROUTE: ("requests", "Requests that were answered, by class of status; none: broken off before."),
    ENDPOINT: ("endpoint_responses", "Answers of an endpoint, by class of status."),
}
HISTOGRAMS: Final = {
    WORKER: (("event_loop_lag_seconds", "How late a worker's loop came to what was due.", "lag"),),
    ROUTE: (("request_duration_seconds", "From a request's head to the answer's last octet.", "seconds"),),
    POOL: (
        ("pool_queue_duration_seconds", "How long requests waited that had to, and were served.", "queue"),
        ("pool_connect_duration_seconds", "How long new connections took.", "connect"),
        ("pool_body_duration_seconds", "From an answer's head to its end, if it came in pieces.", "body")),
    ENDPOINT: (
        ("endpoint_head_duration_seconds", "From sending a request to its answer's head.", "head"),),
}


def render(board: Board, accept: str = "") -> tuple[bytes, str]:
    """The page, and its content type; `accept` is what the reader says it understands."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BoardCollector(board))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class BoardCollector(Collector):
    """One reading of the board for each collection."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        return Reading(self._board).metrics()


class Reading:
    """The board as it was at one time."""

    def __init__(self, board: Board) -> None:
        self._rows = board.read()
        self._taken = board.taken_share()
        self._total = totals(self._rows)
        self._names: dict[str, list[Name]] = {kind.name: [] for kind in LABELS}
        for name in board.names():
            if name.kind in self._names and name.first < len(self._total):  # none that was added since
                self._names[name.kind].append(name)
        pools = {name.parts[0] for name in self._names[POOL.name] if self._has(name, POOL, "shown")}
        self._keep(ROUTE, lambda name: self._has(name, ROUTE, "shown"))
        self._keep(POOL, lambda name: name.parts[0] in pools)
        self._keep(CERTIFICATE, lambda name: self._has(name, CERTIFICATE, "expires"))
        self._keep(ENDPOINT, lambda name: name.parts[0] in pools and any(self._standings(name)))

    def _keep(self, kind: Kind, wanted: Callable[[Name], object]) -> None:
        self._names[kind.name] = [name for name in self._names[kind.name] if wanted(name)]

    def _has(self, name: Name, kind: Kind, column: str) -> int:
        return self._total[name.first + kind.at[column]]

    def _standings(self, name: Name) -> list[int]:
        """How the workers that have an endpoint see it."""
        at = name.first + ENDPOINT.at["standing"]
        return [row[at] for row in self._rows if row[at]]

    def metrics(self) -> Iterator[Metric]:
        yield InfoMetricFamily(PREFIX + "build", "The program.", {"version": __version__})
        for kind, plain in GAUGES.items():
            yield from (self._gauge(kind, *line) for line in plain)
        for kind, plain in COUNTERS.items():
            yield from (self._counter(kind, *line) for line in plain)
        yield from (self._classed(kind, *line) for kind, line in CLASSED.items())
        for kind, lines in HISTOGRAMS.items():
            yield from (self._histogram(kind, *line) for line in lines)
        yield from self._others()

    def _gauge(self, kind: Kind, metric: str, says: str, column: str) -> Metric:
        family = GaugeMetricFamily(PREFIX + metric, says, labels=LABELS[kind])
        for name in self._names[kind.name]:
            family.add_metric(name.parts, self._has(name, kind, column))
        return family

    def _counter(self, kind: Kind, metric: str, says: str, column: str) -> Metric:
        family = CounterMetricFamily(PREFIX + metric, says, labels=LABELS[kind])
        for name in self._names[kind.name]:
            family.add_metric(name.parts, self._has(name, kind, column))
        return family

    def _classed(self, kind: Kind, metric: str, says: str) -> Metric:
        """Classes that have not come up are left out: most names see two or three of them."""
        family = CounterMetricFamily(PREFIX + metric, says, labels=(*LABELS[kind], "code"))
        for name in self._names[kind.name]:
            for code in CLASSES:
                if (count := self._has(name, kind, code)) or code in ("2xx", "5xx"):
                    family.add_metric((*name.parts, code), count)
        return family

    def _histogram(self, kind: Kind, metric: str, says: str, column: str) -> Metric:
        family = HistogramMetricFamily(PREFIX + metric, says, labels=LABELS[kind])
        for name in self._names[kind.name]:
            at = name.first + kind.at[column]
            counts = accumulate(self._total[at:at + BUCKETS])
            family.add_metric(name.parts, list(zip(EDGES, counts, strict=True)),
                              self._total[at + BUCKETS] / MICRO)
        return family

    def _others(self) -> Iterator[Metric]:
        """What is no sum of one column."""
        yield from self._reloads()
        yield self._cache_hits()
        yield self._lag()
        yield GaugeMetricFamily(
            PREFIX + "metrics_room_used_ratio",
            "How much of the room for names of routes, pools and endpoints is taken since the start; "
            "at 1 new ones are in no figure.", value=self._taken)
        yield from self._endpoints()

    def _reloads(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            PREFIX + "config_reloads", "Reloads, by what became of them.", labels=["result"])
        last = GaugeMetricFamily(
            PREFIX + "config_last_reload_successful", "Whether the last reload was not refused.", labels=())
        for name in self._names[HOUSE.name]:
            asked.add_metric(["success"], self._has(name, HOUSE, "reloads"))
            asked.add_metric(["failure"], self._has(name, HOUSE, "failed_reloads"))
            last.add_metric((), 1 - self._has(name, HOUSE, "reload_failed"))
        return iter((asked, last))

    def _cache_hits(self) -> Metric:
        hits = sum(self._has(name, WORKER, "static_hits") for name in self._names[WORKER.name])
        kept = sum(self._has(name, ROUTE, "kept") for name in self._names[ROUTE.name])
        return CounterMetricFamily(
            PREFIX + "static_cache_hits", "Static files that were answered from memory.", value=hits + kept)

    def _lag(self) -> Metric:
        cells = [name.first + WORKER.at["lag_now"] for name in self._names[WORKER.name]]
        worst = max((row[cell] for cell in cells for row in self._rows), default=0)
        return GaugeMetricFamily(
            PREFIX + "event_loop_lag_worst_seconds",
            "How late the loop of the worst worker came to its last tick.", value=worst / MICRO)

    def _endpoints(self) -> Iterator[Metric]:
        names = self._names[ENDPOINT.name]
        labels = LABELS[ENDPOINT]
        up = GaugeMetricFamily(
            PREFIX + "endpoint_up", "Whether a worker may send requests to the endpoint.", labels=labels)
        standing = GaugeMetricFamily(
            PREFIX + "endpoint_state_workers", "How many workers see an endpoint in a state.",
            labels=(*labels, "state"))
        weight = GaugeMetricFamily(
            PREFIX + "endpoint_weight", "The endpoint's weight as strategies see it.", labels=labels)
        for name in names:
            seen = self._standings(name)
            up.add_metric(name.parts, int(any(state in USABLE for state in seen)))
            for state in sorted(set(seen)):
                standing.add_metric((*name.parts, STANDINGS[state]), seen.count(state))
            weight.add_metric(name.parts, max(self._column(name, "weight")))
        return iter((up, standing, weight))

    def _column(self, name: Name, column: str) -> Sequence[int]:
        return [row[name.first + ENDPOINT.at[column]] for row in self._rows]
