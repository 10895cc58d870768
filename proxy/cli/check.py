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
    counts = (count(config.listen, "listener"), count(config.pools, "pool"), count(config.routes, "route"))
    print(f"{file}: ok ({', '.join(counts)})")
    return 0


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
