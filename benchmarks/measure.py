"""Running the cases: everything started, rounds interleaved, samples taken from outside.

For a case all its subjects are started and then take turns, A B C A B C, so that whatever else the
machine does falls on all of them; a subject that waits for its turn sleeps. A sample holds
the CPU time of the subject's whole process tree over exactly the window of the load.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Protocol

from benchmarks import transfers, wrk
from benchmarks.cases import Case
from benchmarks.configs import Setup
from benchmarks.idle import CONNECTIONS, idle_connections
from benchmarks.origin import flask_origin, make_pem, make_site, nginx_origin
from benchmarks.pace import Pace
from benchmarks.process import free_port
from benchmarks.subjects import Subject, served
from benchmarks.summary import Sample
from benchmarks.transfers import Transfers
from benchmarks.usage import Usage, memory_kb, usage
from benchmarks.validators import validators
from benchmarks.wrk import Answers, Load

Samples = dict[str, dict[str, list[Sample]]]  # case, subject, one per round


class Progress(Protocol):
    """Who is told how far it is; a tqdm bar."""

    def set_description(self, desc: str) -> None:
        """What is measured next."""

    def update(self) -> object:
        """One more sample is there."""


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    cases: Sequence[Case]
    subjects: Sequence[Subject]
    rounds: int
    seconds: float

    def samples(self) -> int:
        """How many there will be."""
        return sum(self.rounds * len(self.taking_part(case)) for case in self.cases)

    def taking_part(self, case: Case) -> list[Subject]:
        return [subject for subject in self.subjects if case.takes(subject)]


@dataclass(frozen=True)
class Bench:
    """Where it is run."""

    folder: Path
    proxy_cpu: int
    load_cpu: int


@dataclass
class Running:
    """A subject that serves; `full_rate` is what it reached without a pace, once that is known."""

    subject: Subject
    port: int
    pid: int
    folder: Path
    full_rate: float = 0.0
    pace: Pace | None = None


class Runner:
    """Runs a plan; a subject that fails leaves its case, and the rest goes on without it."""

    def __init__(self, plan: Plan, bench: Bench, progress: Progress) -> None:
        self.plan = plan
        self.bench = bench
        self.progress = progress
        self.samples: Samples = {}
        self.failures: list[str] = []
        self._site = make_site(bench.folder)
        self._pem = make_pem(bench.folder)

    def run(self) -> None:
        """Fill `samples` and `failures`."""
        for case in self.plan.cases:
            with ExitStack() as stack:
                self._rounds(case, self._started(case, stack))

    def _started(self, case: Case, stack: ExitStack) -> list[Running]:
        """The subjects of a case, and the origin, for as long as `stack` is open."""
        folder, cpu = _folder(self.bench.folder / case.name), self.bench.load_cpu
        behind = flask_origin(folder, cpu) if case.flask else nginx_origin(folder, self._site, cpu)
        upstream = stack.enter_context(behind)
        started = []
        for subject in self.plan.taking_part(case):
            setup = Setup(free_port(), upstream, self._site, _folder(folder / subject.name), case.logged,
                          self._pem if case.secure else None)
            try:
                pid = stack.enter_context(served(subject, setup, self.bench.proxy_cpu, _ready_path(case)))
            except RuntimeError as error:
                self._failed(case, subject, error)
            else:
                full = self._full_rate(case, subject)
                started.append(Running(subject, setup.listen, pid, setup.folder, full))
        return started

    def _full_rate(self, case: Case, subject: Subject) -> float:
        """What the subject reached in the case that this one is half of; 0 if that was not run."""
        rounds = self.samples.get(case.half_of, {}).get(subject.name, ())
        return median(sample["rps"] for sample in rounds) if rounds else 0.0

    def _rounds(self, case: Case, subjects: list[Running]) -> None:
        samples: dict[str, list[Sample]] = {}
        for turn in range(self.plan.rounds):
            # There and back: who goes first, behind the slowest of the round before, took a tenth more.
            for one in subjects[::1 if turn % 2 == 0 else -1]:
                self.progress.set_description(f"{case.name}, {one.subject.name}, round {turn + 1}")
                try:
                    sample = _sample(case, one, self.plan.seconds, first=turn == 0)
                except RuntimeError as error:
                    self._failed(case, one.subject, error)
                    subjects.remove(one)
                    samples.pop(one.subject.name, None)
                else:
                    samples.setdefault(one.subject.name, []).append(sample)
                    self.progress.update()
        self.samples[case.name] = samples

    def _failed(self, case: Case, subject: Subject, error: RuntimeError) -> None:
        self.failures.append(f"{case.name}: {subject.name}: {error}")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _ready_path(case: Case) -> str:
    """What a subject must answer before it counts as started; small, and through to the origin."""
    if case.is_static:
        return "/static/1k.html"
    return case.load.path if case.flask else "/"


def _sample(case: Case, one: Running, seconds: float, *, first: bool) -> Sample:
    """One turn of one subject."""
    idle: Sample = {}
    if first:
        # Before any load: what that leaves behind in the allocator would be taken for nothing.
        idle = _idle_figures(case, one, seconds) if case.idle else {}
        _warm_up(case, one)
    with idle_connections(one.port, case.load.path) if case.idle else nullcontext():
        return _sample_load(case, one, seconds) | idle


def _warm_up(case: Case, one: Running) -> None:
    """Connections to the origin, caches, allocators, and the pace: not what is measured."""
    _load(case, one, 1)
    if case.half_of and isinstance(case.load, Load):
        one.pace = Pace(one.full_rate or _load(case, one, 1).rate, case.load.connections)
        one.pace.settle(_load(case, one, 1).rate)


def _idle_figures(case: Case, one: Running, seconds: float) -> Sample:
    """What idle connections take of a fresh process's memory, and of the CPU."""
    with idle_connections(one.port, case.load.path, count=1):
        memory = memory_kb(one.pid)
    with idle_connections(one.port, case.load.path):
        grown = memory_kb(one.pid) - memory
        before = usage(one.pid)
        time.sleep(seconds)  # the silence is what is measured
        after = usage(one.pid)
    return {
        "idle_kb": grown / CONNECTIONS,
        "idle_cpu_ms": (after.cpu - before.cpu) / (after.wall - before.wall) * 1e3,
    }


def _sample_load(case: Case, one: Running, seconds: float) -> Sample:
    before = usage(one.pid)
    answers = _load(case, one, seconds)
    figures = _figures(answers, before, usage(one.pid), memory_kb(one.pid))
    return figures | _pace_figures(answers, one.pace) if one.pace else figures


def _pace_figures(answers: Answers, pace: Pace) -> Sample:
    """How near to half the load was, and latency; the next round is put right by this one."""
    pace.settle(answers.rate)
    return {"share": answers.rate / pace.full_rate, "p99_p50": answers.p99_ms / answers.p50_ms}


def _load(case: Case, one: Running, seconds: float) -> Answers:
    answers = _answers(case, one, seconds)
    if not answers.requests:
        raise RuntimeError(f"not one request succeeded: {answers}")
    return answers


def _answers(case: Case, one: Running, seconds: float) -> Answers:
    if isinstance(case.load, Transfers):
        return transfers.run(case.load, one.port, seconds)
    load = replace(case.load, pause_ms=one.pace.pause_ms) if one.pace else case.load
    if load.known:
        load = replace(load, validators=validators(one.port, load.path))
    return wrk.run(load, one.port, seconds, one.folder, secure=case.secure)


def _figures(answers: Answers, before: Usage, after: Usage, memory: int) -> Sample:
    cpu = after.cpu - before.cpu
    return {
        "cpu_us": cpu / answers.requests * 1e6,
        "rps": answers.rate,
        "p50_ms": answers.p50_ms,
        "p99_ms": answers.p99_ms,
        "memory_mb": memory / 1024,
        # Of the load's own time: starting wrk takes some, in which no proxy has work.
        "busy": min(1.0, cpu / answers.seconds),
        "requests": float(answers.requests),
        "errors": float(answers.errors),
    }
