"""The models of the two logs."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from proxy.config.file_rules import LogPath
from proxy.config.forms import OneOrMany, OnOff, Section
from proxy.config.http_rules import FieldName
from proxy.config.match_schema import Match
from proxy.config.model import Bool, Model, SecondsOrNone, coded
from proxy.config.pool_rules import StatusRanges
from proxy.config.rules import Duration, OneOf, Percent, Size, Text, Whole

SECRET_QUERY: Final = ("access_token", "refresh_token", "id_token", "token", "password", "passwd", "secret",
                       "client_secret", "api_key", "apikey")  # fmt: skip
SECRET_HEADERS: Final = ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token",
                         "x-csrf-token")  # fmt: skip

Name = Annotated[str, FieldName()]


class Unlogged(Match):
    """Exchanges that get no line: what meets all of these."""

    status: Annotated[list[tuple[int, int]] | None, StatusRanges(optional=True)] = coded(
        None, "Statuses: 200, 2xx, 200-399 or a list; null: any."
    )


class Redact(Model):
    """What is written down as ***."""

    query: Annotated[list[Annotated[str, Text()]], OneOrMany(empty=True)] = Field(
        default_factory=lambda: list(SECRET_QUERY),
        description="Parameters of queries, in targets and referers, however they are spelled.",
    )
    headers: Annotated[list[Name], OneOrMany(empty=True)] = Field(
        default_factory=lambda: list(SECRET_HEADERS), description="Header fields, where `headers` names them."
    )


class Rotate(Model):
    """When the file is put aside and a new one begun."""

    size: Annotated[int | None, Size("64KiB", optional=True)] = coded(
        "100MiB", "Size at which a file is full; null: none is."
    )
    age: Annotated[float | None, Duration("1m", optional=True)] = coded(
        None, "How long one file is for: 1d begins at midnight, 1h on the hour; null: for ever."
    )
    keep: Annotated[int | None, Whole(0, 100_000, optional=True)] = Field(
        7, description="Old files that stay; null: all."
    )
    compress: Bool = Field(True, description="Whether old files become .gz, beside the traffic.")


class AccessLog(Model):
    """One line per exchange."""

    path: Annotated[str, LogPath()] = Field("-", description="A file; - is standard output.")
    format: Annotated[str, OneOf(("combined", "json"), "a format")] = Field(
        "combined", description="combined (as nginx and Apache write it) or json."
    )
    headers: Annotated[list[Name], OneOrMany(empty=True)] = Field(
        default_factory=list, description="Header fields of the request that JSON lines have, too."
    )
    slow: SecondsOrNone = coded(
        None, "What takes longer is always there, and told to the error log with timings; null: nothing does."
    )
    sample: Annotated[float, Percent("0%", "100%")] = coded(
        "100%", "Share of the exchanges that are there; those from status 400 on and slow ones always are."
    )
    skip: Annotated[list[Unlogged], OneOrMany(empty=True)] = Field(
        default_factory=list, description="What is never there: conditions as in a route's match, and status."
    )
    redact: Annotated[Redact, Section()] = Field(
        default_factory=Redact, description="Secrets that are written down as ***."
    )
    rotate: Annotated[Rotate | None, OnOff()] = Field(
        None, description="Puts a full or old file aside; null or false: others do, and send USR1."
    )


class ErrorLog(Model):
    """What the proxy tells its operator."""

    path: Annotated[str, LogPath()] = Field("-", description="A file; - is standard error.")
    level: Annotated[str, OneOf(("debug", "info", "warning", "error"), "a level")] = Field(
        "info", description="The least important level that is written."
    )
    rotate: Annotated[Rotate | None, OnOff()] = Field(
        None, description="Puts a full or old file aside; null or false: others do, and send USR1."
    )
