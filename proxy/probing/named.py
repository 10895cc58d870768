"""A check of an endpoint that is a name: at every address that the name has now.

The rule of this room: a name works as long as one of its addresses does. Which of them fails real
traffic shows, and ejection sees to it; that one of ten containers is starting takes no pool down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from proxy.config.address import Address
from proxy.config.pool_schema import HealthCheck
from proxy.probing.probe import Found, make_attempt


class NamedAttempt:
    """Asks all addresses at once; of several good answers, or bad ones, the first address's is told.

    Args:
        name: the endpoint as configured; looked up by the system as long as nothing better is known.
        addresses: gives those that are known now.
    """

    def __init__(self, name: Address, check: HealthCheck, addresses: Callable[[], Sequence[str]]) -> None:
        # Whoever answers at an address knows itself by the site's name or its own, not by a number.
        self._check = check if check.host else check.model_copy(update={"host": str(name)})
        self._name = name
        self._addresses = addresses

    async def __call__(self) -> Found:
        places = [Address.parse(text) for text in self._addresses()] or [self._name]
        attempts = [make_attempt(place, self._check)() for place in places]
        met = await asyncio.gather(*attempts, return_exceptions=True)
        found = [one for one in met if isinstance(one, Found)]
        for one in found:
            if one.good:
                return one
        if isinstance(met[0], BaseException):
            raise met[0]
        return met[0]


async def _nobody_looks() -> None:
    """Where no name is followed."""


class Directory:
    """Where names are, as far as who follows them has told.

    Attributes:
        found: addresses, by (pool, endpoint).
        known: waits until each name was looked up once.
    """

    def __init__(self, found: dict[tuple[str, str], list[str]]) -> None:
        self.found = found
        self.known: Callable[[], Awaitable[None]] = _nobody_looks

    def addresses(self, place: tuple[str, str]) -> Sequence[str]:
        return self.found.get(place, ())
