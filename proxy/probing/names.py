"""Names that change: every endpoint with `resolve: true` is followed, and its pool told where it is.

The rule of this room: what was once known stays until something better is known. A DNS that fails,
denies the name or is slow changes nothing, and no request ever waits for it: what a pool connects to
are addresses that were told before.

- A and AAAA records, both. A name that begins with an underscore label (`_http._tcp.app.internal`)
  is a service: the targets of its SRV records, each with its own port; one that is written does
  not count. Their priorities and weights are told, too (see `service`).
- A name is asked for again when its TTL is over (after 1 s at least, 5 min at most), after a failure
  with growing pauses (1 to 10 s), and at once when an endpoint could not be reached (`hurry`).
- /etc/hosts counts before the DNS, as for every program; what neither knows the system is asked for
  (mDNS, NIS and the like). `localhost` is the system's alone (RFC 6761 section 6.3).

Nameservers are the system's. The environment variable PROXY_DNS names others: IP addresses with or
without port, separated by commas ("127.0.0.1:5353"). Then the system's own are never asked.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from proxy.config.address import Address
from proxy.config.schema import Config
from proxy.probing.lookup import Answer, Lookup
from proxy.probing.nameservers import nameserver, nameservers_of
from proxy.probing.service import Place, Share, Srv, shares_of
from proxy.tasks import spawn

log = logging.getLogger("proxy.names")

SOONEST: Final = 1.0  # seconds between two looks, whatever the TTL or who is in a hurry
LATEST: Final = 300.0
LONGEST_PAUSE: Final = 10.0  # between two looks for a name that cannot be looked up

Shares = dict[str, Share]
Tell = Callable[[str, str, list[str], Shares], None]


class Name:
    """What is known of one name and when to ask again; no I/O, and the caller's clock."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.places: frozenset[Place] = frozenset()
        self.shares: dict[Place, Share] = {}
        self._records: dict[Place, Srv] = {}
        self.problem = ""
        self.in_dns = False  # then the system's word counts no more: a denial must not bring another back
        self.asked = float("-inf")
        self.due = float("-inf")
        self._failures = 0

    def take(self, answer: Answer, now: float) -> bool:
        """Learn what a look came to; whether the places or their shares changed."""
        kept = {place for place in self.places if kind_of(place) in answer.unknown}
        before = self.places, self.shares
        self.places = (answer.places | kept) or self.places
        self._records = {place: srv for place, srv in self._records.items() if place in self.places}
        self._records.update(answer.records)
        self.shares = shares_of(self._records)
        self.in_dns = self.in_dns or bool(answer.places and not answer.from_system)
        self.problem = answer.problem
        self._plan(answer, now)
        return before != (self.places, self.shares)

    def _plan(self, answer: Answer, now: float) -> None:
        self._failures = self._failures + 1 if answer.problem else 0
        wait = max(SOONEST, min(answer.ttl, LATEST)) if answer.places else LATEST
        if answer.problem:
            wait = min(wait, SOONEST * 2 ** min(self._failures - 1, 8), LONGEST_PAUSE)
        self.asked, self.due = now, now + wait

    def hurry(self) -> None:
        """Ask as soon as may be."""
        self.due = min(self.due, self.asked + SOONEST)

    def addresses(self, port: int) -> list[str]:
        """All places as host:port, with the endpoint's port where a place has none."""
        return sorted(_text(place, port) for place in self.places)

    def shares_at(self, port: int) -> Shares:
        """Which of these addresses go first and have more than others, if SRV records say so."""
        return {_text(place, port): share for place, share in self.shares.items()}

    def __str__(self) -> str:
        """Where it is, for people."""
        return ", ".join(sorted(map(self._shown, self.places))) or "unknown"

    def _shown(self, place: Place) -> str:
        host, port = place
        shown = _text(place) if port else host
        if not self.shares:
            return shown
        srv = self._records[place]
        return f"{shown} (priority {srv.priority}, weight {float(srv.weight):g})"


def _text(place: Place, port: int = 0) -> str:
    return str(Address(place[0], place[1] or port))


def kind_of(place: Place) -> str:
    """The kind of record that such a place comes from."""
    return "AAAA" if ":" in place[0] else "A"


@dataclass(eq=False, slots=True)
class Followed:
    """A name and the endpoints that have it: one look serves them all."""

    name: Name
    endpoints: dict[tuple[str, str], int] = field(default_factory=dict)  # (pool, endpoint): its port
    first_look: asyncio.Event = field(default_factory=asyncio.Event)
    hurried: asyncio.Event = field(default_factory=asyncio.Event)


class NameWatcher:
    """Follows the names of a configuration.

    Args:
        tell: called with pool, endpoint (as configured), its addresses, sorted and never none, and the
            shares of those that have not all the same, when they changed.
        nameservers: IP addresses, in place of the system's; PROXY_DNS goes before both.
        port: of the nameservers that are given without.

    Raises:
        ValueError: what PROXY_DNS or the caller gives are no IP addresses.
    """

    def __init__(
        self, config: Config, tell: Tell, nameservers: list[str] | None = None, port: int = 53
    ) -> None:
        self._tell = tell
        given = nameservers_of(os.environ) or [nameserver(text, port) for text in nameservers or ()]
        self._lookup = Lookup(given or None)
        self._followed: dict[str, Followed] = {}
        for pool, endpoint in endpoints_of(config):
            followed = self._followed.setdefault(endpoint.host, Followed(Name(endpoint.host)))
            followed.endpoints[pool, str(endpoint)] = endpoint.port

    async def run(self) -> None:
        """Follow every name, for ever."""
        loop = asyncio.get_running_loop()
        tasks = [spawn(loop, self._follow(followed)) for followed in self._followed.values()]
        try:
            await asyncio.gather(*tasks)
            await loop.create_future()  # no name at all: stay, as with names
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def known(self) -> None:
        """Wait until each name was looked up once, found or not."""
        for followed in self._followed.values():
            await followed.first_look.wait()

    def hurry(self, pool: str, endpoint: str) -> None:
        """Look at once: the endpoint cannot be reached, so it may have moved."""
        for followed in self._followed.values():
            if (pool, endpoint) in followed.endpoints:
                followed.name.hurry()
                followed.hurried.set()

    def endpoint(self, pool: str, endpoint: str, *, there: bool) -> None:
        """Endpoints that come and go at run time have no names to follow; what is told of one that is gone
        is passed over.
        """

    async def _follow(self, followed: Followed) -> None:
        while True:
            name = followed.name
            answer = await self._lookup.look(name.host, dns_alone=name.in_dns)
            self._learn(followed, answer)
            followed.first_look.set()
            await _pause(followed)

    def _learn(self, followed: Followed, answer: Answer) -> None:
        name = followed.name
        before, ailed = str(name), name.problem
        changed = name.take(answer, asyncio.get_running_loop().time())
        _log(name, before, ailed)
        if changed:
            for (pool, endpoint), port in followed.endpoints.items():
                self._tell(pool, endpoint, name.addresses(port), name.shares_at(port))


def endpoints_of(config: Config) -> Iterable[tuple[str, Address]]:
    """(pool, address) of every endpoint that is to be followed."""
    for name, pool in config.pools.items():
        for endpoint in pool.endpoints:
            if endpoint.resolve:
                yield name, endpoint.address


async def _pause(followed: Followed) -> None:
    """Until the name is due, which someone in a hurry may move."""
    loop = asyncio.get_running_loop()
    while (rest := followed.name.due - loop.time()) > 0:
        followed.hurried.clear()
        try:
            async with asyncio.timeout(rest):
                await followed.hurried.wait()
        except TimeoutError:
            pass


def _log(name: Name, before: str, ailed: str) -> None:
    if name.problem and not ailed:
        known = f"it counts as {name}" if name.places else "nothing is known of it yet"
        log.warning("the name %s cannot be looked up: %s; %s", name.host, name.problem, known)
    if ailed and not name.problem:
        log.info("the name %s is answered again", name.host)
    if (after := str(name)) != before:
        log.info("the name %s: %s -> %s", name.host, before, after)
