"""What a connection knows of the rest of the program: one attribute that a reload replaces.

A connection holds a `Switch`; an exchange reads `switch.runtime` once and keeps what it got, so
that a reload never changes the rules under a running exchange.
"""

from __future__ import annotations

from typing import Protocol

from proxy.clock import DeadlineWheel
from proxy.downstream.kept import KeptAnswers
from proxy.http.exchange import Exchange
from proxy.observe.counters import Counters
from proxy.observe.past import Entry
from proxy.observe.ring import Ring
from proxy.wire.h1 import LineMemo
from proxy.wire.headers import HeaderMemo


class ExchangeLog(Protocol):
    """Where ended exchanges are written down."""

    def ended(self, entry: Entry) -> None:
        """An exchange is over."""

    def refused(self, address: str, status: int, start: bytes) -> None:
        """A request that never became an exchange; `start` is how its bytes began."""


class Settings:
    """Limits and timeouts that face clients; seconds and octets (CONFIG: `timeouts`, `limits`, `buffers`)."""

    __slots__ = (
        "body_file", "body_memory", "body_timeout", "directory", "head_limit", "head_timeout",
        "keep_alive_timeout", "send_timeout")

    def __init__(self, *, head_timeout: float, body_timeout: float, keep_alive_timeout: float,
                 send_timeout: float, head_limit: int, body_memory: int, body_file: int,
                 directory: str | None) -> None:
        self.head_timeout = head_timeout
        self.body_timeout = body_timeout
        self.keep_alive_timeout = keep_alive_timeout
        self.send_timeout = send_timeout
        self.head_limit = head_limit
        self.body_memory = body_memory
        self.body_file = body_file
        self.directory = directory


class Runtime(Protocol):
    """The object graph of one configuration, as far as a connection uses it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def headers(self) -> HeaderMemo: ...
    @property
    def lines(self) -> LineMemo: ...
    @property
    def kept(self) -> KeptAnswers: ...
    @property
    def log(self) -> ExchangeLog | None: ...
    @property
    def counters(self) -> Counters: ...

    def handle(self, exchange: Exchange) -> None:
        """Find the route and have its handler answer."""

    def remembers(self, exchange: Exchange) -> bool:
        """Whether host, method and path alone led to the exchange's route."""


class Switch:
    """The current runtime, and what outlives every runtime."""

    __slots__ = ("ring", "runtime", "wheel")

    def __init__(self, runtime: Runtime, wheel: DeadlineWheel, ring: Ring | None = None) -> None:
        self.runtime = runtime
        self.wheel = wheel
        self.ring = ring
