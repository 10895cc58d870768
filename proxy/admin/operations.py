"""All operations of the admin API."""

from __future__ import annotations

from typing import Final

from proxy.admin import looking, models, ordering, streams
from proxy.admin.models import EventsQuery, NewEndpoint, NewLevel, Nothing, StreamQuery, Weight
from proxy.admin.table import Operation

POOL: Final = "/api/pools/{pool}"
ENDPOINT: Final = "/api/pools/{pool}/endpoints/{endpoint}"

OPERATIONS: Final = (
    Operation("GET", "/api/status", looking.status, "The proxy as a whole", models.Status),
    Operation("GET", "/api/config", looking.config, "The configuration as it runs", models.Effective),
    Operation("GET", "/api/pools", looking.pools, "All pools", models.Pool, many=True),
    Operation("GET", POOL, looking.pool, "One pool", models.Pool, problems=(404,)),
    Operation("POST", f"{POOL}/endpoints", ordering.add, "Add an endpoint", models.Endpoint,
              body=NewEndpoint, problems=(404, 409)),
    Operation("DELETE", ENDPOINT, ordering.remove, "Let an endpoint go; what runs there finishes",
              models.Pool, problems=(404, 409)),
    Operation("GET", ENDPOINT, looking.endpoint, "One endpoint", models.Endpoint, problems=(404,)),
    Operation("POST", f"{ENDPOINT}/drain", ordering.drain,
              "Have an endpoint finish what runs; clients that are stuck to it stay",
              models.Endpoint, body=Nothing, problems=(404,)),
    Operation("POST", f"{ENDPOINT}/disable", ordering.disable, "Have an endpoint finish what runs",
              models.Endpoint, body=Nothing, problems=(404,)),
    Operation("POST", f"{ENDPOINT}/enable", ordering.enable, "Have an endpoint work again",
              models.Endpoint, body=Nothing, problems=(404,)),
    Operation("POST", f"{ENDPOINT}/weight", ordering.weight, "Give an endpoint another weight",
              models.Endpoint, body=Weight, problems=(404,)),
    Operation("POST", f"{POOL}/pause", ordering.pause,
              "Hold a pool's new requests, up to the limits of its queue (without one: 1,000 for 30 s)",
              models.Pool, body=Nothing, problems=(404,)),
    Operation("POST", f"{POOL}/resume", ordering.resume, "Let them go on, to whatever is there",
              models.Pool, body=Nothing, problems=(404,)),
    Operation("GET", "/api/requests", looking.requests,
              "The last requests, and those that failed or were slow",
              models.Requests),
    Operation("GET", "/api/explain/{request}", looking.explain,
              "Why one of them went where it went, by its X-Request-ID", models.Story, problems=(404,)),
    Operation("POST", "/api/reload", ordering.reload, "Take the configuration up as it is now",
              models.Reloaded, body=Nothing, problems=(409,)),
    Operation("GET", "/api/log-level", looking.log_levels, "What each process logs", models.Levels),
    Operation("POST", "/api/log-level", ordering.set_log_level, "Have all processes log more or less",
              models.Levels, body=NewLevel),
    Operation("GET", "/api/events", streams.events,
              "The last events; with Accept: text/event-stream each new one, too",
              models.Events, query=EventsQuery, streams=True),
    Operation("GET", "/api/stream", streams.everything,
              "`history` once, `status`, `pools` and `metrics` every second, and each `event`", None,
              query=StreamQuery, media="text/event-stream"),
)
