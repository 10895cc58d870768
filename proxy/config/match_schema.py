"""The model of conditions on a request, as routes and the filters of the access log have them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import Field

from proxy.config.forms import OneOrMany, Section
from proxy.config.http_rules import Condition, FieldName, HostPattern, Method, Network, PathPattern
from proxy.config.model import Model
from proxy.config.rules import OneOf

Required = Annotated[str | bool, Condition()]
Cidr = Annotated[IPv4Network | IPv6Network, Network()]


class Match(Model):
    """Conditions, all of which must hold; of the several values of one, any."""

    host: Annotated[list[Annotated[str, HostPattern()]], OneOrMany()] = Field(
        default_factory=list, description="www.example.com, or *.example.com for all below it."
    )
    path: Annotated[list[Annotated[str, PathPattern()]], OneOrMany()] = Field(
        default_factory=list,
        description="/a exactly; /a/* is /a/ and all below; ~^/a a regular expression.",
    )
    method: Annotated[list[Annotated[str, Method()]], OneOrMany()] = Field(
        default_factory=list, description="GET, POST, ..."
    )
    header: Annotated[dict[Annotated[str, FieldName()], Required], Section()] = Field(
        default_factory=dict, description="By name: a value, ~regex, true (present) or false (absent)."
    )
    query: Annotated[dict[str, Required], Section()] = Field(
        default_factory=dict, description="By parameter: a value, ~regex, true (present) or false (absent)."
    )
    scheme: Annotated[list[Annotated[str, OneOf(("http", "https"), "a scheme")]], OneOrMany()] = Field(
        default_factory=list, description="http or https, as the client came; a trusted proxy's word counts."
    )
    client: Annotated[list[Cidr], OneOrMany()] = Field(
        default_factory=list, description="Addresses or CIDRs of clients."
    )
