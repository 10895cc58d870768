"""`simulate`: what each strategy would do with a pool and a load, without starting either."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.cli.simulation_options import Plan
    from proxy.simulation.engine import Outcome
    from proxy.simulation.figures import Figures

HELP = "try strategies on a pool in virtual time, and compare them"
PATIENCE = 1.0  # seconds without a word

TEACHING = """\
examples:
  one of three endpoints is ten times slower for a while; who copes?
    python -m proxy simulate --endpoints 3 --slow a=10x@5s-15s

  the pool of a configuration while one of its endpoints is away, as a picture
    python -m proxy simulate -c config.yaml --pool web --down 127.0.0.1:8001@5s-8s --plot web.png

  unequal machines: b is half as fast, and told so by its weight
    python -m proxy simulate --endpoint a:weight=2 --endpoint b:speed=0.5 --strategy round_robin,least_time

  yesterday's requests, as they came
    python -m proxy simulate -c config.yaml --log access.log

A fault's time is @5s-8s, @5s- to the end, or nothing for all the time. Every option of a fault and
--endpoint may be given several times. The same seed gives the same figures.

It shows what a strategy does by itself: retries, ejection, slow start, queues and sticky clients
are the pool's and are left out. An endpoint that is down is known to be down at once; when all are
full (max_connections), backups too, a request fails. Without such a limit `first` uses the first one
alone.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What this verb understands beside -c; texts, which `read_plan` checks all at once."""
    parser.usage = "%(prog)s [-c FILE [--pool NAME] | --endpoints N | --endpoint NAME ...] [OPTION ...]"
    pool = parser.add_argument_group("the pool, from a configuration or from here")
    pool.add_argument("--pool", metavar="NAME", help="of the configuration; needed where it has several")
    pool.add_argument("--endpoints", metavar="N", help="so many equal ones, called a, b, c, ...")
    pool.add_argument("--endpoint", metavar="NAME[:KEY=N ...]", action="append",
                      help="one; KEY is weight, speed (0.5: half as fast as the others), max_connections")
    pool.add_argument("--workers-per-endpoint", metavar="N", default="4",
                      help="requests it works on at a time, gunicorn's workers x threads; more wait (4)")
    pool.add_argument("--slow", metavar="NAME=10x[@5s-15s]", action="append", help="it is slower")
    pool.add_argument("--down", metavar="NAME[@5s-8s]", action="append", help="it is away")
    pool.add_argument("--errors", metavar="NAME=50%[@3s-]", action="append",
                      help="so many of its answers are errors")
    load = parser.add_argument_group("the load, made up or from a log")
    load.add_argument("--log", metavar="FILE", help="an access log of ours: its times, clients and targets")
    load.add_argument("--rate", metavar="N", help="requests a second (half of what the endpoints can do)")
    load.add_argument("--duration", metavar="TIME", help="how long requests come (30s; with --log all of it)")
    load.add_argument("--clients", metavar="N", help="how many there are; few ask much, most little (1000)")
    load.add_argument("--service", metavar="TIME", default="20ms", help="mean work of a request (20ms)")
    load.add_argument("--distribution", metavar="NAME", default="lognormal",
                      help="of the work: lognormal or exponential (lognormal)")
    rest = parser.add_argument_group("the comparison")
    rest.add_argument("--strategy", metavar="A,B,...", help="which; else all")
    rest.add_argument("--hash-key", metavar="KEY",
                      help="what consistent_hash looks at (the configuration's, else client)")
    rest.add_argument("--seed", metavar="N", default="1", help="of every random choice (1)")
    rest.add_argument("--plot", metavar="FILE", help="draw it too: a .png or .svg")


def main(arguments: argparse.Namespace) -> int:
    from proxy.cli.simulation_options import Mistakes, read_plan

    try:
        plan = read_plan(arguments)
    except Mistakes as mistakes:
        for mistake in mistakes.lines:
            print(f"simulate: {mistake}", file=sys.stderr)
        return 2
    results, outcomes = simulate(plan)
    from proxy.simulation.table import report

    print(report(plan.scenario, plan.load, plan.service, results))
    return draw(plan, results, outcomes) if plan.plot else 0


def simulate(plan: Plan) -> tuple[dict[str, Figures], dict[str, Outcome]]:
    """The figures of each strategy, and for a picture what they come from."""
    from proxy.simulation.engine import run
    from proxy.simulation.figures import measure
    from proxy.simulation.strategies import seeded

    began = time.perf_counter()
    results: dict[str, Figures] = {}
    outcomes: dict[str, Outcome] = {}
    for name in plan.strategies:
        strategy = seeded(name, plan.hash_key, plan.scenario.seed)
        outcome = run(plan.scenario, plan.load, strategy)
        results[name] = measure(plan.scenario, plan.load, outcome)
        if plan.plot:
            outcomes[name] = outcome
        tell(len(results), len(plan.strategies), time.perf_counter() - began)
    return results, outcomes


def tell(done: int, total: int, elapsed: float) -> None:
    """A bar on a terminal, where it takes so long that somebody wonders; gone when all is done."""
    if elapsed < PATIENCE or not sys.stderr.isatty():
        return
    bar = f"\r[{'#' * done}{'.' * (total - done)}] {done} of {total} strategies"
    print("\r\x1b[K" if done == total else bar, end="", file=sys.stderr, flush=True)


def draw(plan: Plan, results: dict[str, Figures], outcomes: dict[str, Outcome]) -> int:
    from proxy.simulation import plot
    from proxy.simulation.table import describe

    title = "\n".join(describe(plan.scenario, plan.load, plan.service))
    try:
        plot.draw(plan.scenario, plan.load, outcomes, results, title, plan.plot)
    except OSError as error:
        print(f"simulate: {plan.plot} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0
