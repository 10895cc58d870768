"""The words of `simulate` as a plan, or as everything that is wrong with them.

Values are read by the rules of the configuration: a duration, a strategy's name and a whole
number are written, and refused, in the same way in both.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeVar, cast

from proxy.balancing import STRATEGIES
from proxy.cli.configuration import USUAL_FILE, load_config
from proxy.config.own_strategy import problem_of
from proxy.config.pool_rules import HashKey, StrategyName
from proxy.config.rules import Duration, OneOf, Rule, Whole
from proxy.config.scalars import resolve
from proxy.config.schema import PoolConfig
from proxy.config.wording import choices, nearest, quoted, shown
from proxy.simulation import scenario as written
from proxy.simulation.load import MOST_REQUESTS, SHAPES, Load, generate
from proxy.simulation.replay import Log, read_log
from proxy.simulation.scenario import Fault, Member, Scenario

T = TypeVar("T")
USUAL_LOAD: Final = 0.5  # of what the endpoints can do: of three, one may fail
USUAL_DURATION: Final = 30.0
USUAL_CLIENTS: Final = 1000
MOST_CLIENTS: Final = 1 << 20
LENGTH: Final = Duration("10ms", "1d")
NO_POOL: Final = """\
no pool: say how many endpoints it has (--endpoints 3), or name a configuration that has one (-c FILE)"""


class Mistakes(Exception):
    """All that is wrong with the words, a line for each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__(self.lines)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Args:
        scenario: the pool and its faults.
        load: its requests.
        service: mean seconds of work.
        strategies: names, in the order they were given.
        hash_key: what consistent hashing looks at.
        plot: the picture's file; empty for none.
    """

    scenario: Scenario
    load: Load
    service: float
    strategies: tuple[str, ...]
    hash_key: str
    plot: str


def read_plan(arguments: argparse.Namespace) -> Plan:
    """Raises:
        Mistakes: whatever is wrong, all of it that can be told apart.
    """
    return _Reader(arguments).plan()


class _Reader:
    """Reads one option after the other, and goes on behind a mistake."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._words = arguments
        self._wrong: list[str] = []
        self._pool_name: str | None = None

    def plan(self) -> Plan:
        words = self._words
        pool, members = self._pool()
        faults = self._faults([member.name for member in members])
        workers = self._value("workers-per-endpoint", Whole(1, 10_000), 1)
        seed = self._value("seed", Whole(0, 2**63), 1)
        service = self._value("service", Duration("0.1ms", "1h"), 1.0)
        strategies = self._strategies(pool)
        hash_key = self._value("hash-key", HashKey(), pool.hash_key if pool else "client")
        if words.plot is not None:
            self._read("plot", words.plot, _picture, None)
        scenario = Scenario(tuple(members), workers, tuple(faults), seed)
        load = (
            self._made_up(scenario, service, hash_key) if words.log is None
            else self._replay(scenario, service))
        return Plan(scenario, load, service, strategies, hash_key, words.plot or "")

    def _value(self, option: str, rule: Rule, default: T) -> T:
        """What the rule makes of an option's text; the default where it was not given, or is wrong."""
        text = getattr(self._words, option.replace("-", "_"))
        if text is None:
            return default
        return self._read(option, text, lambda text: cast("T", rule.decode(resolve(text), Path())), default)

    def _read(self, option: str, text: str, read: Callable[[str], T], default: T) -> T:
        try:
            return read(text)
        except ValueError as error:
            self._wrong.append(f"--{option}: {error}")
            return default

    def _refuse(self, options: Iterable[str], why: str) -> None:
        """Complain of those that mean nothing here."""
        given = (option for option in options if getattr(self._words, option) is not None)
        self._wrong += [f"--{option}: {why}; leave it out" for option in given]

    def _stop_if_wrong(self) -> None:
        if self._wrong:
            raise Mistakes(self._wrong)

    def _pool(self) -> tuple[PoolConfig | None, list[Member]]:
        words = self._words
        if words.endpoints is None and words.endpoint is None:
            return self._configured()
        self._refuse(("config", "pool"), "--endpoints and --endpoint say what the pool is")
        members = written.numbered(self._value("endpoints", Whole(1, written.MOST_ENDPOINTS), 0))
        for text in words.endpoint or ():
            member: Member | None = self._read("endpoint", text, partial(_new_member, members), None)
            if member is not None:
                members.append(member)
        return None, members

    def _configured(self) -> tuple[PoolConfig, list[Member]]:
        words = self._words
        if words.config is None and not os.path.exists(USUAL_FILE):
            raise Mistakes([NO_POOL])
        config, file = load_config(words)
        self._pool_name = _chosen(words.pool, list(config.pools), file)
        pool = config.pools[self._pool_name]
        return pool, [
            Member(str(endpoint.address), endpoint.weight, 1.0, endpoint.max_connections, endpoint.priority)
            for endpoint in pool.endpoints
        ]

    def _faults(self, names: list[str]) -> list[Fault]:
        faults = []
        for kind in written.FAULTS:
            for text in getattr(self._words, kind) or ():
                read = _told(partial(written.read_fault, kind, names))
                fault: Fault | None = self._read(kind, text, read, None)
                if fault is not None:
                    faults.append(fault)
        return faults

    def _strategies(self, pool: PoolConfig | None) -> tuple[str, ...]:
        if self._words.strategy is None:
            return tuple(dict.fromkeys([*STRATEGIES, *([pool.strategy] if pool else [])]))
        names = tuple(dict.fromkeys(name.strip() for name in self._words.strategy.split(",")))
        for name in names:
            self._read("strategy", name, _strategy, None)
        return names

    def _shape(self) -> str:
        return self._value("distribution", OneOf(tuple(SHAPES), "a distribution"), "lognormal")

    def _made_up(self, scenario: Scenario, service: float, hash_key: str) -> Load:
        shape = self._shape()
        length = self._value("duration", LENGTH, USUAL_DURATION)
        clients = self._value("clients", Whole(1, MOST_CLIENTS), USUAL_CLIENTS)
        rate = USUAL_LOAD * scenario.capacity(service)
        if self._words.rate is not None:
            rate = self._read("rate", self._words.rate, _rate, rate)
        self._stop_if_wrong()
        if rate * length > MOST_REQUESTS:
            most = f"more than one simulation's {MOST_REQUESTS:,}"
            raise Mistakes([f"{rate * length:,.0f} requests are {most}; lower --rate or --duration"])
        return generate(rate, length, clients, service, shape, hash_key, scenario.seed)

    def _replay(self, scenario: Scenario, service: float) -> Load:
        path = self._words.log
        shape = self._shape()
        duration: float | None = self._value("duration", LENGTH, None)
        self._refuse(("rate", "clients"), "the log of --log says who comes when")
        self._stop_if_wrong()
        log = Log(self._pool_name)
        try:
            load = read_log(path, log, service, shape, scenario.seed, duration)
        except OSError as error:
            raise Mistakes([f"--log: {quoted(path)} cannot be read: {error.strerror}"]) from None
        except ValueError as error:
            raise Mistakes([f"--log: {quoted(path)} {error}"]) from None
        if log.unread or log.elsewhere:
            print(f"{path}: left out {log.unread:,} lines that could not be read, and "
                  f"{log.elsewhere:,} requests that did not go to the pool", file=sys.stderr)
        return load


def _told(read: Callable[[str], T]) -> Callable[[str], T]:
    """A reader whose messages begin with what was given."""
    def whole(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} {error}") from None
    return whole


def _new_member(members: list[Member], text: str) -> Member:
    new = _told(written.read_member)(text)
    if any(member.name == new.name for member in members):
        raise ValueError(f"there are two endpoints called {quoted(new.name)}; give each its own name")
    return new


def _chosen(name: str | None, names: list[str], file: str) -> str:
    """Raises:
        Mistakes: there is no pool of that name, or it is not clear which is meant.
    """
    if name is None and len(names) == 1:
        return names[0]
    if not names:
        raise Mistakes([f"{file} has no pools; say how many endpoints there are (--endpoints 3)"])
    if name is None:
        raise Mistakes([f"--pool: {file} has several pools; name one{choices(names)}"])
    if name not in names:
        near = nearest(name, names)
        raise Mistakes([f"--pool: {quoted(name)} is not a pool of {file}{near}{choices(names)}"])
    return name


def _strategy(name: str) -> None:
    StrategyName(tuple(STRATEGIES), "a strategy").decode(name, Path())
    if name not in STRATEGIES and (problem := problem_of(name, Path())):
        raise ValueError(problem)


def _rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not float(text) > 0:
        raise ValueError(f"{shown(text)} is not a number of requests a second (500, or 0.5)")
    return float(text)


def _picture(path: str) -> None:
    if not path.endswith((".png", ".svg")):
        raise ValueError(f"{quoted(path)} is no picture's name; let it end in .png or .svg")
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise ValueError(f"there is no folder {quoted(os.path.dirname(path))}; make it first")
    if find_spec("matplotlib") is None:
        raise ValueError("a picture needs matplotlib; install it with: pip install 'pyfront[plot]'")


