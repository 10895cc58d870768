"""Asking for the addresses of a name: /etc/hosts and the DNS, then whatever else the system knows.

The rule of this room: a look ends in time, whatever nameservers do, and tells apart what the DNS
denies (NXDOMAIN, no records) from what it could not tell (an error, no answer).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import ip_address
from typing import Final, TypeVar

import aiodns
import pycares
from aiodns.error import ARES_ENODATA, ARES_ENOTFOUND, DNSError

from proxy.config.address import is_service
from proxy.probing.service import SAYS_NOTHING, Place, Srv, combined

PATIENCE = 2.0  # seconds for one question
FIRST_TRY = 0.8  # seconds for the first nameserver, so that a second one also has its turn
AT_ONCE = 32  # looks; each has a thread of c-ares and one of the system's 128 inotify instances
SYSTEM_TTL = 5.0  # seconds: the system does not tell how long its word holds
FAMILIES: Final = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}
NOTHING: Final = "no such name, or no address"



@dataclass(frozen=True, slots=True)
class Answer:
    """What a look came to.

    Args:
        places: all that was found.
        ttl: seconds that this holds.
        unknown: the kinds of address ("A", "AAAA") that could not be asked for, or not for every target.
        problem: why something is unknown, or why nothing was found; empty where all is well.
        from_system: the system's word, where the DNS had nothing.
        records: what SRV records say of each place.
    """

    places: frozenset[Place] = frozenset()
    ttl: float = 0.0
    unknown: frozenset[str] = frozenset()
    problem: str = ""
    from_system: bool = False
    records: Mapping[Place, Srv] = field(default_factory=dict)


def is_localhost(host: str) -> bool:
    """RFC 6761 section 6.3: such names are never asked for in the DNS."""
    host = host.rstrip(".")
    return host == "localhost" or host.endswith(".localhost")


class Lookup:
    """Looks for names.

    Args:
        nameservers: host:port each; None for those of the system, and then everything else that the
            system knows of names counts, too (nsswitch.conf).
    """

    def __init__(self, nameservers: list[str] | None = None) -> None:
        self._nameservers = nameservers
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._system: dict[str, asyncio.Future[list[str]]] = {}

    async def look(self, host: str, *, dns_alone: bool = False) -> Answer:
        """Where a name is now; never raises.

        Args:
            host: a name, or a service (`is_service`).
            dns_alone: the system is not asked where the DNS has nothing.
        """
        try:
            if is_localhost(host):
                return await self._of_system("localhost")
            answer = await self._of_dns(host)
            # Where other nameservers were given the system would still ask its own.
            if answer.places or dns_alone or is_service(host) or self._nameservers is not None:
                return answer
            found = await self._of_system(host)
            return found if found.places else answer
        except Exception as error:  # no descriptor or thread left for c-ares: the next look may have one
            return Answer(unknown=frozenset(FAMILIES), problem=str(error) or repr(error))

    async def _of_dns(self, host: str) -> Answer:
        # A new resolver for each look (0.5 ms): an older one answers from its cache, denials for an hour too.
        # No option `lookups`, which could leave out /etc/hosts: pycares 5.2 frees the text before it is read.
        async with (
            self._turns,
            aiodns.DNSResolver(self._nameservers, timeout=FIRST_TRY, tries=2) as resolver,
        ):
            if is_service(host):
                return await _service(resolver, host)
            return await _of_targets(resolver, {(host, 0): SAYS_NOTHING}, float("inf"))

    async def _of_system(self, host: str) -> Answer:
        """One question per name at a time: its thread cannot be stopped, and may wait for long.

        What comes too late is the answer of the next look.
        """
        question = self._system.get(host)
        if question is None:
            loop = asyncio.get_running_loop()
            question = self._system[host] = loop.run_in_executor(None, system_addresses, host)
        await asyncio.wait([question], timeout=PATIENCE)
        found = question.result() if question.done() else []
        if question.done():
            self._system.pop(host, None)  # another look may have taken it, too
        return Answer(_places(found), SYSTEM_TTL, problem="" if found else NOTHING, from_system=True)


def system_addresses(host: str) -> list[str]:
    """What the system says (blocking): /etc/hosts, the DNS, and whatever else nsswitch.conf names."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # UnicodeError: a label that IDNA does not take
        return []
    return [str(place[0]) for *_, place in found if "%" not in str(place[0])]


Found = TypeVar("Found")


async def _results(asked: list[asyncio.Future[Found]]) -> list[Found | str]:
    """For each question what was found, or in words what went wrong; empty words: there is nothing."""
    try:
        await asyncio.wait(asked, timeout=PATIENCE)
        return [question.result() if succeeded(question) else _problem(question) for question in asked]
    finally:
        for question in asked:
            question.cancel()  # else the resolver's end gives it an error that nobody takes


def succeeded(question: asyncio.Future[Found]) -> bool:
    return question.done() and question.exception() is None


def _problem(question: asyncio.Future[Found]) -> str:
    if not question.done():
        return "no answer in time"
    error = question.exception()
    assert error is not None
    if isinstance(error, DNSError) and error.args[0] in (ARES_ENODATA, ARES_ENOTFOUND):
        return ""
    return str(error.args[-1])


async def _service(resolver: aiodns.DNSResolver, host: str) -> Answer:
    """The targets' addresses, and what their records say of them."""
    [found] = await _results([resolver.query_dns(host, "SRV")])
    if isinstance(found, str):
        return Answer(unknown=frozenset(FAMILIES if found else ()), problem=found or "no such records")
    records = [(record.ttl, record.data) for record in found.answer]
    targets = combined(
        ((data.target, data.port), Srv(data.priority, Fraction(data.weight)))
        for _, data in records
        # RFC 2782: the target "." says that there is decidedly no such service here.
        if isinstance(data, pycares.SRVRecordData) and data.target.rstrip(".") and data.port
    )
    if not targets:
        return Answer(problem="no such records")
    return await _of_targets(resolver, targets, min(ttl for ttl, _ in records))


async def _of_targets(resolver: aiodns.DNSResolver, targets: Mapping[Place, Srv], ttl: float) -> Answer:
    """The A and AAAA of each host, under its port."""
    asked = [(target, kind) for target in sorted(targets) for kind in FAMILIES]
    results = await _results([resolver.getaddrinfo(host, FAMILIES[kind]) for (host, _), kind in asked])
    found: dict[Place, set[Place]] = {target: set() for target in targets}
    problems: dict[str, str] = {}
    for (target, kind), result in zip(asked, results, strict=True):
        if not isinstance(result, str):
            found[target] |= _places(texts_of(result), target[1])
            ttl = min(ttl, *ttls_of(result))
        elif result:
            problems[kind] = result
    records = _records(targets, found)
    return Answer(frozenset(records), ttl, frozenset(problems), _told(records, problems), records=records)


def _records(targets: Mapping[Place, Srv], found: Mapping[Place, set[Place]]) -> dict[Place, Srv]:
    """What is said of each address: a weight is one target's, however many addresses that has."""
    return combined(
        (place, Srv(srv.priority, srv.weight / len(found[target])))
        for target, srv in targets.items()
        for place in found[target]
    )


def _told(places: Collection[Place], problems: dict[str, str]) -> str:
    if problems:
        return ", ".join(f"{kind}: {problem}" for kind, problem in problems.items())
    return "" if places else NOTHING


def texts_of(found: pycares.AddrInfoResult) -> list[str]:
    return [node.addr[0].decode() for node in found.nodes]


def ttls_of(found: pycares.AddrInfoResult) -> list[int]:
    """Of the addresses, and of the aliases on the way to them: any of them may change."""
    return [node.ttl for node in found.nodes] + [alias.ttl for alias in found.cnames]


def _places(texts: Iterable[str], port: int = 0) -> frozenset[Place]:
    return frozenset((str(ip_address(text)), port) for text in texts)
