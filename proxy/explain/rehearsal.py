"""Has the real data plane take a request, with nobody else around.

The client is one end of a pair of sockets, and so is each endpoint that a pool connects to: no address is
bound, none is connected to, no name is looked up. All that lies between is what serves traffic.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from proxy.clock import DeadlineWheel
from proxy.downstream.h1 import H1Connection
from proxy.downstream.listener import Gate, Listener
from proxy.downstream.switch import ExchangeLog, Switch
from proxy.errors import RequestError
from proxy.explain.question import Question
from proxy.explain.stand_in import Sample, StandIn
from proxy.http.addresses import AddressSet
from proxy.http.peer import Peer
from proxy.routing.table import Trial
from proxy.runtime.build import build
from proxy.upstream.connect import over
from proxy.upstream.consider import consider

if TYPE_CHECKING:
    from proxy.config.schema import Config
    from proxy.config.schema import Listener as ListenerConfig
    from proxy.http.exchange import Exchange
    from proxy.observe.past import Entry
    from proxy.runtime.runtime import Runtime
    from proxy.upstream.endpoint import Endpoint
    from proxy.upstream.h1 import UpstreamConnection
    from proxy.upstream.pool import Pool

PORTS = {"http": 80, "https": 443}
LONGEST = 10.0     # seconds for one rehearsal
MOST_KEPT = 65536  # octets of an answer that are kept


class Outcome:
    """What came of a question.

    Attributes:
        exchange: None where it never became one.
        refused: by whom reads requests, before there was an exchange.
        trials: of the route table; `readings`: of the other readings of an ambiguous path.
        considered: the endpoints as the exchange found them.
        asked: the connections to endpoints, one for each attempt.
        answer: the first octets that the client got; `octets`: how many there were.
    """

    def __init__(self, question: Question, sample: Sample, peer: Peer) -> None:
        self.question = question
        self.sample = sample
        self.peer = peer
        self.exchange: Exchange | None = None
        self.refused: RequestError | None = None
        self.trials: list[Trial] = []
        self.readings: list[tuple[bytes, list[Trial]]] = []
        self.considered: list[dict[str, Any]] = []
        self.asked: list[StandIn] = []
        self.answer = b""
        self.octets = 0
        self.over = asyncio.Event()


class Watched:
    """A runtime that is looked at while it works; in all else it is that runtime."""

    def __init__(self, runtime: Runtime, outcome: Outcome) -> None:
        self._runtime = runtime
        self._outcome = outcome
        self.log: ExchangeLog = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def handle(self, exchange: Exchange) -> None:
        outcome, table = self._outcome, self._runtime.table
        outcome.exchange = exchange
        outcome.trials = table.account(exchange)
        outcome.readings = [(path, table.account(exchange, path)) for path in exchange.target.ambiguous]
        if outcome.trials and outcome.trials[-1].matched:
            pool = pool_of(self._runtime, outcome.trials[-1], exchange)
            outcome.considered = [] if pool is None else consider(pool, exchange)
        self._runtime.handle(exchange)

    def ended(self, entry: Entry) -> None:
        self._outcome.over.set()

    def refused(self, address: str, status: int, start: bytes) -> None:
        """`Watching.refuse` knows more."""


class Watching(H1Connection):
    """A client's connection that remembers why it refused something."""

    __slots__ = ("outcome",)

    outcome: Outcome

    def refuse(self, error: RequestError) -> None:
        self.outcome.refused = error
        self.outcome.over.set()
        super().refuse(error)


class Client(asyncio.Protocol):
    """The other end: takes what is answered."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.gone = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        outcome = self._outcome
        outcome.octets += len(data)
        if len(outcome.answer) < MOST_KEPT:
            outcome.answer += data
        if outcome.exchange is not None and outcome.exchange.status == 101:
            outcome.over.set()  # a tunnel, which would end when it likes

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._outcome.over.set()


class Stage:
    """One configuration, built once for any number of questions; close it.

    Args:
        config: as loaded.
        down: endpoints that are to be down, by their configured names.
    """

    def __init__(self, config: Config, down: Iterable[str] = ()) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._wheel = DeadlineWheel(loop)
        self.config = config
        self.runtime = build(config, None, loop, self._wheel)
        self._trust = AddressSet(config.trusted_proxies).__contains__
        self._nowhere = socket.socket()  # what a listener would listen on
        self._wheel.start()  # what waits for an endpoint that is down tries it with the next tick
        for pool in self.runtime.pools.values():
            for name in down:
                pool.probe_told(name, up=False, why="as you asked")

    async def rehearse(self, question: Question, sample: Sample | None = None) -> Outcome:
        """Have the data plane answer, within `LONGEST`."""
        outcome = self._outcome(question, sample or Sample())
        near, far = pair()
        switch = Switch(cast(Any, Watched(self.runtime, outcome)), self._wheel)
        listener = Listener(self._nowhere, switch, Gate(1, None), self._trust, self._loop)
        connection = Watching(listener, outcome.peer)
        connection.outcome = outcome
        for pool in self.runtime.pools.values():
            pool.opens = partial(self._open, outcome)
        await self._loop.connect_accepted_socket(lambda: connection, near)
        transport, client = await self._loop.create_connection(partial(Client, outcome), sock=far)
        try:
            async with asyncio.timeout(LONGEST):
                transport.write(question.octets(self.authority_for(question)))
                if question.raw is not None:
                    transport.write_eof()  # whatever it is, no more comes
                await outcome.over.wait()
                connection.transport.close()
                await client.gone.wait()
        except TimeoutError:
            if outcome.exchange is not None:
                outcome.exchange.why = (
                    f"no answer within {LONGEST:g} s: the body is not whole, or the disk hangs")
        finally:
            transport.abort()
            connection.transport.abort()
            self._strike(outcome)
            await asyncio.sleep(0)
        return outcome

    def authority_for(self, question: Question) -> str:
        """Where the client would reach the proxy."""
        listener = listener_for(question, self.config)
        host, port = address_of(listener)
        return f"{host}:{port}" if port not in (0, PORTS[scheme_of(listener)]) else host

    def _outcome(self, question: Question, sample: Sample) -> Outcome:
        listener = listener_for(question, self.config)
        return Outcome(question, sample, Peer(
            question.client, address_of(listener)[1], scheme_of(listener),
            self.authority_for(question).encode(), self._trust))

    async def _open(self, outcome: Outcome, pool: Pool, endpoint: Endpoint) -> UpstreamConnection:
        near, far = pair()
        actor = StandIn(endpoint.name, outcome.sample)
        outcome.asked.append(actor)
        await self._loop.connect_accepted_socket(lambda: actor, far)
        return await over(near, pool, endpoint)

    def _strike(self, outcome: Outcome) -> None:
        """The next question finds every endpoint as this one did, but for whose turn it is."""
        for pool in self.runtime.pools.values():
            pool.close()
        for actor in outcome.asked:
            actor.transport.abort()

    async def close(self) -> None:
        self._wheel.stop()
        self._nowhere.close()
        for pool in self.runtime.pools.values():
            pool.close()
        await asyncio.sleep(0)


def pair() -> tuple[socket.socket, socket.socket]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    return near, far


def listener_for(question: Question, config: Config) -> ListenerConfig:
    """The first that has a port and the URL's scheme, where it names one; or else the first."""
    with_ports = [one for one in config.listen if one.address.path is None]
    fit = [one for one in with_ports if question.scheme() in ("", scheme_of(one))]
    return next(iter((*fit, *with_ports, *config.listen)))


def scheme_of(listener: ListenerConfig) -> str:
    return "https" if listener.tls else "http"


def address_of(listener: ListenerConfig) -> tuple[str, int]:
    """Host and port, as a client would name them."""
    address = listener.address
    if address.path is not None:
        return "localhost", 0
    host = "localhost" if address.host in ("0.0.0.0", "::", "*", "") else address.host
    return f"[{host}]" if ":" in host else host, address.port or 0


def pool_of(runtime: Runtime, trial: Trial, exchange: Exchange) -> Pool | None:
    """Where the route's handler forwards to, if it does."""
    return runtime.pools.get(trial.route.handler.describe(exchange).get("pool", ""))
