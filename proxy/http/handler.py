"""The contract of what answers a request."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from proxy.http.exchange import Exchange


class Handler(Protocol):
    """Makes the response of the routes it stands behind; built once per route."""

    def handle(self, exchange: Exchange) -> Awaitable[None] | None:
        """Answer, or take the exchange and answer later through its methods.

        Returns None in both cases, or an awaitable where something must be waited for; the
        caller runs that as a task and turns an exception into a 500.
        """

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        """What it is and does with such an exchange, for people; `kind` is its key in the configuration.

        Asked about exchanges that it has answered; only what JSON can hold, and nothing is changed.
        """
