"""`reload`: have the proxy that runs with a file take it up anew."""

from __future__ import annotations

import argparse
import sys

from proxy.cli.configuration import find_file

HELP = "have the running proxy take up the configuration as it is now, without losing a request"
TEACHING = """\
The proxy that runs with this file reads it again, builds everything and only then changes over; where
anything is wrong it goes on as before. `kill -HUP PID` does the same without an answer.

exit status: 0 it is in force, 1 no proxy runs with this file here, 2 mistakes: it goes on as before
"""
PATIENCE = 150.0  # seconds; more than all its stages may take together


def main(arguments: argparse.Namespace) -> int:
    file = find_file(arguments.config)
    from proxy.process.hotline import NotReached, call

    try:
        outcome = call(file, {"what": "reload"}, PATIENCE)
    except NotReached as error:
        print(error, file=sys.stderr)
        return 1
    for warning in outcome.get("warnings", ()):
        print(f"warning: {warning}", file=sys.stderr)
    if problems := outcome["problems"]:
        print(*problems, sep="\n", file=sys.stderr)
        return 2
    for change in outcome["changes"]:
        print(change)
    print(f"{file}: reloaded, generation {outcome['generation']}, in {outcome['seconds'] * 1000:.0f} ms")
    return 0
