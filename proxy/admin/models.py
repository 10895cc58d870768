"""What the admin API takes and gives: the schemas of its OpenAPI document.

The rule of this room: what is taken is checked here and nowhere else, strictly; what is given stands
here as it is, so that a test can hold every answer against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from proxy.observe.events import KINDS, MOST
from proxy.upstream.standing import STATES


def one_of(names: Iterable[str]) -> Any:
    """A text that is one of these; a Literal cannot be made of names that stand elsewhere."""
    return Field(pattern=f"^({'|'.join(names)})$", json_schema_extra={"enum": list(names)})


def _whole(value: object) -> object:
    """JSON has one kind of numbers: 2.0 is 2. No text and no truth is one."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("whole", "Input should be a whole number")
    return value


Share = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)]
Limit = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)]
State = Annotated[str, one_of(STATES)]
Kind = Annotated[str, one_of(KINDS)]
Level = Literal["debug", "info", "warning", "error"]
AddressText = Annotated[str, StringConstraints(min_length=3, max_length=300)]


class Taken(BaseModel):
    """What clients send."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(BaseModel):
    """What they get; the models describe it and are never made."""

    model_config = ConfigDict(extra="forbid")


# Taken.


class Nothing(Taken):
    """No body, or {}."""


class Weight(Taken):
    """A share of the traffic, relative to the others'."""

    weight: Share


class NewEndpoint(Taken):
    """An endpoint to add."""

    address: AddressText = Field(description="host:port, [::1]:port or unix:/path.")
    weight: Share = 1
    max_connections: Limit | None = None
    backup: Annotated[bool, Field(strict=True)] = False


class NewLevel(Taken):
    """The least important level that is written."""

    level: Level


class EventsQuery(Taken):
    """Which events."""

    after: Annotated[int, Field(ge=0)] = Field(0, description="Only those with a greater number.")
    limit: Annotated[int, Field(ge=1, le=MOST)] = Field(100, description="At most so many, the newest.")
    kind: Kind | None = Field(None, description="Only of this kind.")
    pool: str | None = Field(None, description="Only about this pool.")
    endpoint: str | None = Field(None, description="Only about this endpoint.")


class StreamQuery(Taken):
    """Where a stream begins."""

    after: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Begin with the events of greater numbers; null: with what comes.")


# Given.


class ProblemDetails(Given):
    """Why not, and what to do about it (RFC 9457)."""

    title: str
    status: int
    detail: str
    problems: list[str] = Field(description="Each by itself, where there are several.")


class Process(Given):
    """A child of the supervisor."""

    name: str = Field(description="worker 0, lookout or desk.")
    pid: int | None
    state: Literal["ready", "starting", "missing"]
    since: float | None = Field(description="When it got ready, in seconds since 1970.")
    deaths: int = Field(description="In a row, of those that had its place.")


class Reloaded(Given):
    """What came of a reload."""

    generation: int = Field(description="Of the configuration that serves now.")
    problems: list[str] = Field(description="Why it is the old one.")
    warnings: list[str] = Field(description="What is allowed, but hardly meant.")
    changes: list[str] = Field(description="What differs from before.")
    seconds: float = Field(description="How long it took.")
    pause: float = Field(description="The longest that a worker let its clients wait, in seconds.")


class Certificate(Given):
    """What a listener shows to clients that come by https."""

    listener: str = Field(description="Its address.")
    names: list[str] = Field(description="The DNS names and addresses that it is for.")
    begins: float = Field(description="Seconds since 1970.")
    expires: float = Field(description="Seconds since 1970.")
    trouble: str = Field(description="What is the matter with it, in words; empty where nothing is.")


class Status(Given):
    """The proxy as a whole."""

    pid: int
    version: str
    state: Literal["starting", "running", "stopping"]
    generation: int = Field(description="Of the configuration: 1, and one more with each reload.")
    reload: Reloaded | None = Field(description="What came of the last reload.")
    started: float = Field(description="Seconds since 1970.")
    uptime: float = Field(description="Seconds.")
    listeners: list[str]
    admin: list[str]
    processes: list[Process]
    certificates: list[Certificate]
    well: bool = Field(description="Whether there is no problem.")
    problems: list[str] = Field(description="What is not as it should be, in words.")


class View(Given):
    """What one worker finds, where they do not agree."""

    worker: str
    state: State
    reason: str
    since: float | None
    seconds: float | None


class Change(Given):
    """One event of an endpoint's history."""

    id: int
    time: float
    kind: Kind
    text: str
    source: str = Field(alias="from")


class Endpoint(Given):
    """An address in a pool, for all workers together."""

    address: str
    origin: str = Field(description="As configured; differs from the address for those of a name.")
    state: State = Field(description="The worst of what the workers find: "
                         + "; ".join(f"{state}: {meaning}" for state, meaning in STATES.items()))
    reason: str = Field(description="Why; empty where nothing has happened yet.")
    since: float | None = Field(description="When it changed last, in seconds since 1970.")
    seconds: float | None = Field(description="How long this will last, where that is known.")
    order: Literal["ready", "drain", "disabled"] = Field(description="What the operator wants.")
    weight: int
    priority: int
    in_flight: int = Field(description="Exchanges that it works on now.")
    idle: int = Field(description="Connections kept open for reuse.")
    max_connections: int | None
    latency: float | None = Field(description="Seconds to the head of an answer, recent ones counting most.")
    workers: list[View] = Field(description="What each worker finds, if they do not agree.")
    history: list[Change] = Field(description="Its last events, the newest first.")


class Pool(Given):
    """Interchangeable endpoints."""

    name: str
    strategy: str
    paused: bool
    queue: int = Field(description="Exchanges that wait for an endpoint.")
    in_flight: int
    available: int = Field(description="Endpoints that work.")
    endpoints: list[Endpoint]


class Event(Given):
    """One change of state, with its evidence."""

    id: int
    time: float = Field(description="Seconds since 1970.")
    source: str = Field(alias="from", description="The process that saw it.")
    kind: Kind = Field(description="; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items()))
    pool: str | None
    endpoint: str | None
    text: str
    figures: dict[str, float]


class Events(Given):
    """The last events, the oldest first."""

    last: int = Field(description="The number of the newest there is, for `after`.")
    events: list[Event]


class Request(Given):
    """One that is over; secrets in its target are ***."""

    id: str = Field(description="For /api/explain/{id}.")
    ended: float = Field(description="Seconds since 1970.")
    client: str
    method: str
    host: str
    target: str
    status: int
    route: str
    pool: str
    endpoint: str
    attempts: int
    octets: int = Field(description="Of the answer's body.")
    why: str = Field(description="Why the proxy itself answered, or why it failed; else empty.")
    milliseconds: float
    source: str = Field(alias="from", description="The worker that had it.")


class Requests(Given):
    """What the workers remember of late, the newest first."""

    last: list[Request]
    remarkable: list[Request] = Field(description="Those that failed or were slow.")


class Levels(Given):
    """What is logged, by process."""

    levels: dict[str, Level]


class Story(Given):
    """Everything about one request, secrets excepted."""

    model_config = ConfigDict(extra="allow")

    id: str
    summary: dict[str, Any]


class Effective(Given):
    """The configuration as it runs, with all defaults; secrets are ***."""

    model_config = ConfigDict(extra="allow")

    routes: list[dict[str, Any]]
    pools: dict[str, Any]
