"""`check`: everything but binding and starting."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sized
from typing import TYPE_CHECKING

from proxy import descriptors
from proxy.cli.configuration import load_config

if TYPE_CHECKING:
    from proxy.config.schema import Config

HELP = "report every mistake in the configuration, and start nothing"


def main(arguments: argparse.Namespace) -> int:
    config, file = load_config(arguments)
    try_to_build(config)
    descriptors.raise_limit()
    if warning := descriptors.shortage(config.limits.connections):
        print(f"warning: {file}: {warning}", file=sys.stderr)
    counts = [count(config.listen, "listener"), count(config.pools, "pool"), count(config.routes, "route")]
    if config.tests:
        counts.append(count(config.tests, "test"))
        try_tests(config, file)
    print(f"{file}: ok ({', '.join(counts)})")
    return 0


def try_tests(config: Config, file: str) -> None:
    """The file is no less valid for a test that fails, but somebody should know."""
    import asyncio

    from proxy.explain.cases import run

    results = asyncio.run(run(config))
    if failed := [result.case.text for result in results if not result.passed]:
        print(f"warning: {file}: {len(failed)} of its {count(results, 'test')} failed, the first is "
              f"{failed[0]!r}; `python -m proxy test` says why", file=sys.stderr)


def try_to_build(config: Config) -> None:
    """What a worker would do first; it opens nothing and connects to nothing."""
    import asyncio

    from proxy.clock import DeadlineWheel
    from proxy.runtime.build import build

    loop = asyncio.new_event_loop()
    try:
        build(config, None, loop, DeadlineWheel(loop))
    finally:
        loop.close()


def count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"
