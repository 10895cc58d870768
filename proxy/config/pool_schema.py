"""The models of what a pool does about endpoints that fail, are full or must be kept to.

`PoolConfig` itself stands in `schema`. What is on without being asked for: ejection and retries,
because an endpoint that fails should cost no visitor anything; the rest waits for its key.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from proxy.config.forms import OneOrMany, Section
from proxy.config.http_rules import FieldValue, Method
from proxy.config.model import Bool, Model, Seconds, SecondsOrNone, coded
from proxy.config.pool_rules import (
    BodyCondition,
    CookieName,
    HostField,
    ProbeFieldName,
    ProbePath,
    RetryCause,
    Secret,
    StatusRanges,
)
from proxy.config.rules import Duration, Flag, OneOf, Percent, Whole

ProbeHeaders = dict[Annotated[str, ProbeFieldName()], Annotated[str, FieldValue()]]


class IdleConnections(Model):
    """Connections to endpoints that are kept for reuse."""

    max: Annotated[int, Whole(0, 100_000)] = Field(64, description="Kept per endpoint and worker.")
    timeout: Seconds = coded("30s", "Closed when unused for so long; keep it below the application's own.")


class HealthCheck(Model):
    """Asks each endpoint again and again whether it works, beside what real traffic shows."""

    type: Annotated[str, OneOf(("http", "tcp"), "a type of check")] = Field(
        "http", description="http: a request that must be answered well; tcp: a connection is enough."
    )
    path: Annotated[str, ProbePath()] = Field("/", description="What is asked for, query included.")
    method: Annotated[str, Method()] = Field("GET", description="The request's method.")
    host: Annotated[str | None, HostField()] = Field(
        None, description="Host that is sent, and TLS's server name; null: the endpoint's address."
    )
    proto: Annotated[str, OneOf(("https", "http"), "a scheme")] = Field(
        "https", description="X-Forwarded-Proto that is sent, so that no application redirects to https."
    )
    headers: Annotated[ProbeHeaders, Section()] = Field(
        default_factory=dict, description="Further headers of the request."
    )
    status: Annotated[list[tuple[int, int]], StatusRanges()] = coded(
        "200-399", "Statuses of a working endpoint: 200-399, or 200,204,300-399, or a list."
    )
    body: Annotated[str | None, BodyCondition()] = Field(
        None, description="Text that the answer's first 64KiB hold, or ~regex that matches there; null: any."
    )
    interval: Seconds = coded("5s", "From one check of an endpoint to its next.")
    down_interval: SecondsOrNone = coded(None, "The same while it is down; null: interval.")
    timeout: Seconds = coded("2s", "How long an answer may take in all.")
    rise: Annotated[int, Whole(1, 100)] = Field(2, description="Good results in a row that bring it back.")
    fall: Annotated[int, Whole(1, 100)] = Field(3, description="Bad results in a row that take it out.")
    start: Annotated[str, OneOf(("checked", "optimistic"), "a way to start")] = Field(
        "checked", description="checked: up after a first good result; optimistic: up until shown down."
    )
    tls: Bool = Field(False, description="Whether the check speaks TLS; no certificate is verified.")


class Ejection(Model):
    """Takes an endpoint out for a while because real traffic failed on it."""

    failures: Annotated[int, Whole(1, 10_000)] = Field(3, description="Failures in a row that eject.")
    window: Seconds = coded("10s", "How long a failure counts.")
    duration: Seconds = coded("10s", "How long it stays out at first; longer each further time.")
    rate: Annotated[float, Percent("1%", "100%")] = coded(
        "30%", "By how much its share of 5xx answers must exceed that of the others to eject it."
    )


class Retry(Model):
    """Asks another endpoint where one failed and nothing can have been executed twice."""

    attempts: Annotated[int, Whole(0, 100)] = Field(2, description="Attempts after the first.")
    on: Annotated[list[Annotated[str, RetryCause()]], OneOrMany()] = coded(
        ["connect", "reset", "timeout", "502", "503", "504"],
        "Failures that are tried again: connect, reset, timeout and statuses from 500.",
    )
    budget: Annotated[float, Percent()] = coded(
        "20%", "Retries as a share of the pool's requests, so that they do not bury what is left of it."
    )
    timeout: SecondsOrNone = coded(
        None, "How long one attempt waits for the head of its answer; null: timeouts.response_head alone."
    )
    hedge: Bool = Field(
        False, description="Whether a GET slower than 95% of others gets a rival; not where clients stick."
    )


class Queue(Model):
    """Where requests wait while every endpoint is full or down."""

    size: Annotated[int, Whole(1, 1_000_000)] = Field(
        100, description="Requests per worker; more are answered 503 at once."
    )
    timeout: Seconds = coded("5s", "How long one waits before it is answered 503.")


class Sticky(Model):
    """A cookie that brings a client back to the endpoint that it met first."""

    cookie: Annotated[str, CookieName()] = Field("lb", description="The cookie's name.")
    secret: Annotated[str | None, Secret()] = Field(
        None, repr=False, description="Makes the cookies; proxies of one site share it. null: machine-id(5)."
    )
    max_age: Annotated[float | None, Duration("1s", optional=True)] = coded(
        None, "How long browsers keep the cookie; null: until they are closed."
    )
    secure: Annotated[bool | None, Flag(optional=True)] = Field(
        None, description="Whether it is for https alone; null: where the client came by https."
    )
