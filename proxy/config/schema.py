"""The models: every key that a configuration may have, its default and what it means.

The rule of this room: a default is written as a user would write it, and decoded by the same
rule; the descriptions are what an editor shows. Models are frozen: a reload makes new ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, ValidationInfo

from proxy.balancing import STRATEGIES
from proxy.config.address import Address
from proxy.config.admin_schema import AdminConfig
from proxy.config.cases import Case, CaseRule
from proxy.config.compress_schema import CompressConfig
from proxy.config.file_rules import AddressRule, Folder
from proxy.config.forms import NullIsAbsent, OneOrMany, OnOff, OrFalse, OrNothing, Section, ShortForm
from proxy.config.http_rules import FieldName, FieldValue, RedirectTarget, Status
from proxy.config.log_schema import AccessLog, ErrorLog
from proxy.config.match_schema import Cidr, Match
from proxy.config.model import LATER, Bool, Later, Model, Octets, Seconds, coded
from proxy.config.name_rules import UriPrefix
from proxy.config.pool_rules import HashKey, StrategyName
from proxy.config.pool_schema import Ejection, HealthCheck, IdleConnections, Queue, Retry, Sticky
from proxy.config.recent_schema import Recent
from proxy.config.rules import Duration, OneOf, Size, Text, Whole, Workers
from proxy.config.static_schema import StaticConfig
from proxy.config.tls_schema import TlsConfig

HANDLERS: Final = ("reverse_proxy", "static", "redirect", "respond")

SendFiles = dict[Annotated[str, UriPrefix()], Annotated[Path, Folder()]]


class Listener(Model):
    """An address that takes clients' connections."""

    address: Annotated[Address, AddressRule(listening=True)] = Field(
        description="host:port, [::1]:port or unix:/path; port 0 takes any that is free."
    )
    tls: Annotated[list[TlsConfig], OneOrMany(empty=True, optional=True)] = Field(
        default_factory=list, description="Serves HTTPS with this certificate, or with those of a list: each "
        "client is shown the one that is for the name it asks for, or else the first. null: plain HTTP."
    )
    proxy_protocol: Later = Field(None, description=LATER)

    def successor(self, listeners: Iterable[Listener]) -> Listener | None:
        """What it is in another configuration: what has its address, which for port 0 may be several."""
        same = [one for one in listeners if one.address == self.address]
        return next((one for one in same if bool(one.tls) is bool(self.tls)), same[0] if same else None)


class Timeouts(Model):
    """How long the proxy waits; durations are 250ms, 5s, 1m, 1h."""

    request_head: Seconds = coded("10s", "First byte to end of a request's head.")
    request_body: Seconds = coded("30s", "Between two reads of a request's body.")
    keep_alive: Seconds = coded("75s", "Idle connection of a client.")
    send: Seconds = coded("30s", "Between two writes that a client accepts.")
    connect: Seconds = coded("5s", "To connect to an endpoint.")
    response_head: Seconds = coded("60s", "Request sent to head of the response.")
    response_body: Seconds = coded("60s", "Between two reads of a response's body.")
    tunnel: Seconds = coded("1h", "Idle WebSocket or other upgraded connection.")
    drain: Annotated[float, Duration("0s")] = coded(
        "30s", "How long a stop or a reload lets running exchanges finish."
    )
    stuck: Annotated[float | None, Duration("2s", optional=True)] = coded(
        "10s", "A worker whose loop stands still for so long is killed and replaced; null: never."
    )


class Limits(Model):
    """How much a client may ask for; sizes are 512, 16KiB, 1MiB, 1GiB."""

    request_head: Annotated[int, Size("64", "16MiB")] = coded(
        "32KiB", "Request line and headers; more is answered 431, or 414 for the target alone."
    )
    headers: Annotated[int, Whole(1, 10_000)] = Field(
        100, description="Header fields of a request; more is answered 431."
    )
    request_body: Octets = coded("100MiB", "Body of a request; more is answered 413. Routes may set theirs.")
    connections: Annotated[int, Whole(1, 1_000_000)] = Field(
        10_000, description="Clients' connections per worker; more wait in the accept queue."
    )
    connections_per_client: Annotated[int | None, Whole(1, 1_000_000, optional=True)] = Field(
        None, description="Connections of one client's address; more is answered 429. null: no limit."
    )


class Buffers(Model):
    """Where bodies wait, so that a slow client does not keep an endpoint busy."""

    memory: Octets = coded("64KiB", "Of one body, before it goes to a temporary file.")
    file: Annotated[int, Size("0")] = coded(
        "1GiB", "Most of one body in a temporary file; beyond it a slower client slows the endpoint."
    )
    static: Octets = coded("64MiB", "Of small static files and compressed forms, for each worker.")
    directory: Annotated[Path | None, Folder(optional=True, writable=True)] = coded(
        None, "Folder of the temporary files; null: the system's."
    )


def _or_backup(priority: int, info: ValidationInfo) -> int:
    return priority or int(info.data.get("backup", False))


class EndpointConfig(Model):
    """One address of a pool, or one name with all its addresses."""

    address: Annotated[Address, AddressRule()] = Field(description="host:port, [::1]:port or unix:/path.")
    weight: Annotated[int, Whole(1, 1000)] = Field(1, description="Share of the traffic, relative to others.")
    protocol: Annotated[str, OneOf(("http",), "a protocol of this release")] = Field(
        "http", description="What the endpoint speaks."
    )
    max_connections: Annotated[int | None, Whole(1, 1_000_000, optional=True)] = Field(
        None, description="Connections in use at once, by all workers together; null: no limit."
    )
    backup: Bool = Field(False, description="Whether it is asked only while the others are down: priority 1.")
    priority: Annotated[int, Whole(0, 100), AfterValidator(_or_backup)] = Field(
        0, validate_default=True, description="Lower numbers first, higher ones while all of those are down."
    )
    resolve: Bool = Field(
        False,
        description="Whether the host's name stands for every address it has, and is asked for again. "
        "_http._tcp.app.internal stands for its SRV records, with their ports, priorities and weights.",
    )


class PoolConfig(Model):
    """Interchangeable endpoints, how one of them is picked, and what happens when it fails."""

    strategy: Annotated[str, StrategyName(tuple(STRATEGIES), "a strategy")] = Field(
        "round_robin", description="The rule that picks an endpoint; package.module:Class is one of your own."
    )
    hash_key: Annotated[str, HashKey()] = Field(
        "client",
        description="What consistent_hash looks at: client, path, query:NAME, header:NAME or cookie:NAME.",
    )
    slow_start: Annotated[float, Duration("0s")] = coded(
        "0s", "How long the share of an endpoint that came back grows; 0s: it has all of it at once."
    )
    endpoints: list[Annotated[EndpointConfig, ShortForm("address", AddressRule())]] = Field(
        min_length=1, description="The addresses; the short form is the address alone."
    )
    idle_connections: Annotated[IdleConnections, Section()] = Field(
        default_factory=IdleConnections, description="Connections kept for reuse."
    )
    health_check: Annotated[HealthCheck | None, OrNothing()] = Field(
        None, description="Asks each endpoint whether it works; null or false: nothing is asked."
    )
    ejection: Annotated[Ejection | None, OrFalse()] = Field(
        default_factory=Ejection, description="Takes out what fails under real traffic; false: nothing is."
    )
    retry: Annotated[Retry | None, OrFalse()] = Field(
        default_factory=Retry, description="Asks another endpoint where one failed; false: never."
    )
    queue: Annotated[Queue | None, OrNothing()] = Field(
        None, description="Lets requests wait while all endpoints are full or down; null or false: none."
    )
    sticky: Annotated[Sticky | None, OrNothing()] = Field(
        None, description="Brings clients back to their endpoint by a cookie; null or false: it does not."
    )
    app: Later = Field(None, description=LATER)


class RedirectConfig(Model):
    """Sends the client elsewhere."""

    to: Annotated[str, RedirectTarget()] = Field(
        description="A path or URL, with {path}, {query}, {host}, {scheme} and {rest} (what the * matched)."
    )
    status: Annotated[int, OneOf((301, 302, 303, 307, 308), "a redirect's status")] = Field(
        308, description="308 and 307 keep the method; 301 and 308 are permanent."
    )


class RespondConfig(Model):
    """A fixed answer."""

    status: Annotated[int, Status()] = Field(200, description="The status.")
    body: Annotated[str, Text()] = Field("", description="The body, sent as UTF-8.")
    content_type: Annotated[str, FieldValue()] = Field(
        "text/plain; charset=utf-8", description="Its media type."
    )
    headers: Annotated[
        dict[Annotated[str, FieldName(response=True)], Annotated[str, FieldValue()]], Section()
    ] = Field(default_factory=dict, description="Further headers.")


class RouteLimits(Model):
    """Limits of one route, in place of the general ones."""

    request_body: Annotated[int | None, Size(optional=True)] = coded(
        None, "Body of a request; more is answered 413. null: the general limit."
    )


class RouteConfig(Model):
    """Conditions and the one handler that answers what meets them."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in HANDLERS]})

    name: Annotated[str, FieldValue()] = Field(
        default_factory=str, description="For the logs; by default 'route 1' and so on."
    )
    match: Annotated[Match, Section()] = Field(
        default_factory=Match, description="What the route is for; absent: everything."
    )
    reverse_proxy: Annotated[Annotated[str, Text()] | None, NullIsAbsent()] = Field(
        None, description="Name of the pool that answers."
    )
    strip_prefix: Bool = Field(
        False, description="Whether an endpoint is asked without what stands before the path's *."
    )
    buffer_request: Bool = Field(
        True, description="Whether a request's body is read in full before an endpoint is picked."
    )
    buffer_response: Bool = Field(
        True, description="Whether a response is taken off the endpoint faster than the client reads it."
    )
    urgent: Bool = Field(
        False, description="Whether its requests stand before all others in the pool's queue, which has room "
        "for some of them even when it is full: health pages, the administration."
    )
    send_files: Annotated[SendFiles, Section()] = Field(
        default_factory=dict,
        description="Folders of files that the application has sent, by X-Accel-Redirect (a URI with this "
        "begin) or X-Sendfile (a path): {/protected/: private}.",
    )
    compress: Annotated[CompressConfig | None, OnOff()] = Field(
        None,
        description="Compresses answers of reverse_proxy and respond. Off unless asked for: where one holds "
        "a secret beside text that others choose, its compressed length tells of the secret (BREACH).",
    )
    limits: Annotated[RouteLimits, Section()] = Field(
        default_factory=RouteLimits, description="Limits of this route."
    )
    static: Annotated[StaticConfig | None, NullIsAbsent()] = Field(None, description="Files of a folder.")
    redirect: Annotated[RedirectConfig | None, NullIsAbsent()] = Field(
        None, description="Send the client elsewhere."
    )
    respond: Annotated[RespondConfig | None, NullIsAbsent()] = Field(None, description="Give a fixed answer.")


def _named(routes: list[RouteConfig]) -> list[RouteConfig]:
    return [
        route if route.name else route.model_copy(update={"name": f"route {number}"})
        for number, route in enumerate(routes, 1)
    ]


class Config(Model):
    """A whole configuration."""

    listen: Annotated[
        list[Annotated[Listener, ShortForm("address", AddressRule(listening=True))]], OneOrMany()
    ] = Field(description="Where clients connect: one address or a list.")
    workers: Annotated[int, Workers(1, 1024)] = Field(
        1, description="Processes that serve traffic; auto: one per CPU."
    )
    trusted_proxies: list[Cidr] = Field(
        default_factory=list, description="Addresses or CIDRs whose X-Forwarded-* and Forwarded are believed."
    )
    access_log: Annotated[AccessLog | None, OrFalse()] = Field(
        default_factory=AccessLog, description="One line per exchange; false: none."
    )
    error_log: Annotated[ErrorLog, Section()] = Field(
        default_factory=ErrorLog, description="What the proxy tells its operator."
    )
    recent: Annotated[Recent | None, OrFalse()] = Field(
        default_factory=Recent, description="Exchanges that are remembered, for `explain`; false: none."
    )
    timeouts: Annotated[Timeouts, Section()] = Field(
        default_factory=Timeouts, description="How long the proxy waits."
    )
    limits: Annotated[Limits, Section()] = Field(
        default_factory=Limits, description="How much a client may ask for."
    )
    buffers: Annotated[Buffers, Section()] = Field(
        default_factory=Buffers, description="Where bodies wait for slow clients."
    )
    pools: Annotated[dict[str, PoolConfig], Section()] = Field(
        default_factory=dict, description="By name: interchangeable endpoints."
    )
    routes: Annotated[list[RouteConfig], AfterValidator(_named)] = Field(
        min_length=1, description="Read from the top; the first that matches answers."
    )
    tests: list[Annotated[Case, CaseRule()]] = Field(
        default_factory=list,
        description="What shall become of requests, for `python -m proxy test`: GET /a.css -> static, 200",
    )
    admin: Annotated[
        Annotated[AdminConfig, ShortForm("address", AddressRule(listening=True))] | None, OrNothing()
    ] = Field(None, description="API, dashboard and metrics; null or false: there is none.")

    _warnings: tuple[str, ...] = PrivateAttr(())


def warnings_of(config: Config) -> tuple[str, ...]:
    """What is allowed in the file but hardly meant, each as a line like an error's."""
    return config._warnings
