"""`diff`: what a file would change."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from proxy.cli.configuration import find_file, load_config

HELP = "show what the configuration would change in the proxy that runs"
TEACHING = """\
Each key that differs has a line: added, removed, or its value before and after. Secrets are not shown.

exit status: 0 nothing differs, 1 something does, 2 mistakes in the file, or nothing to compare it with
"""
PATIENCE = 10.0  # seconds


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--against", metavar="OLD", help="another file, instead of what runs; none of the two need run"
    )


def main(arguments: argparse.Namespace) -> int:
    new, file = load_config(arguments)
    from proxy.config.differences import differences, outline

    found = differences(outline_of_other(arguments, file), outline(new))
    for difference in found:
        print(difference)
    return 1 if found else 0


def outline_of_other(arguments: argparse.Namespace, file: str) -> Any:
    """Of what it is compared with."""
    if arguments.against is not None:
        from proxy.config.differences import outline

        old, _ = load_config(argparse.Namespace(config=find_file(arguments.against)))
        return outline(old)
    from proxy.process.hotline import NotReached, call

    try:
        return call(file, {"what": "outline"}, PATIENCE)["outline"]
    except NotReached as error:
        print(f"{error}; --against OLD compares two files", file=sys.stderr)
        raise SystemExit(2) from None
