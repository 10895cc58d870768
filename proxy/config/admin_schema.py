"""The admin listener: where it is, and who may use it.

The rule of this room: whoever reaches the listener may stop the site, so it is for this machine alone
unless a token says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from proxy.config.address import Address
from proxy.config.file_rules import AddressRule
from proxy.config.forms import OneOrMany
from proxy.config.http_rules import HostPattern
from proxy.config.model import Model, coded
from proxy.config.plain import Finding, Values, address_of, mapping_of
from proxy.config.rules import Json, Rule
from proxy.config.scalars import Numeral
from proxy.config.wording import quoted

SHORTEST_TOKEN: Final = 16  # characters: nobody guesses those over a network


@dataclass(frozen=True)
class Token(Rule):
    """What a client must know; messages do not show it."""

    def decode(self, value: object, folder: Path) -> str | None:
        if value is None:
            return None
        text = value.text if isinstance(value, Numeral) else value
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("a token is ASCII text without spaces, as from ${ADMIN_TOKEN}")
        if len(text) < SHORTEST_TOKEN:
            raise ValueError(f"a token has {SHORTEST_TOKEN} characters at least (openssl rand -hex 16)")
        return str(text)

    def json(self) -> Json:
        return {"type": ["string", "null"]}


class AdminConfig(Model):
    """The admin listener: API, dashboard and metrics."""

    address: Annotated[Address, AddressRule(listening=True)] = coded(
        "127.0.0.1:9000", "host:port, [::1]:port or unix:/path. Beyond this machine it needs a token."
    )
    token: Annotated[str | None, Token()] = Field(
        None, repr=False, description="What clients send as `Authorization: Bearer ...`; null: nothing."
    )
    hosts: Annotated[list[Annotated[str, HostPattern()]], OneOrMany(empty=True)] = Field(
        default_factory=list,
        description="Further names under which browsers may ask for it, beside the address itself.",
    )


def check_admin(admin: Values) -> Iterator[Finding]:
    """What is wrong between its keys."""
    address = address_of(admin.get("address", "127.0.0.1:9000"))
    if address is not None and admin.get("token") is None and not is_of_this_machine(address):
        yield ("address",), (
            f"{quoted(str(address))} can be reached from elsewhere, so it needs a token; "
            "add token: ${ADMIN_TOKEN}, or listen on 127.0.0.1 or a unix socket")


def values_of(admin: object) -> Values:
    """As a mapping, whichever form the file has."""
    return {"address": admin} if isinstance(admin, str) else mapping_of(admin)


def is_of_this_machine(address: Address) -> bool:
    """Whether nobody else can connect: a Unix socket, or a loopback address."""
    if address.path is not None or address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False
