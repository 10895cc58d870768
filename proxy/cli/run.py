"""`run`: serve until a signal says to stop."""

from __future__ import annotations

import argparse
import signal

from proxy.cli.configuration import Mistaken, load_config

HELP = "serve what the configuration says, until a signal says to stop"


def main(arguments: argparse.Namespace) -> int:
    # Until the supervisor listens to them: what rotates logs may be quicker than our imports.
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    from proxy.process import estate

    left = estate.find()
    try:
        config, file = load_config(arguments)
    except Mistaken as mistaken:
        if left is not None:
            left.tell(failed=mistaken.text)
        raise
    # Imported before the workers are forked: they share its memory, and a worker that replaces
    # a dead one serves after milliseconds.
    from proxy.process.supervisor import supervise
    from proxy.runtime.plane import DataPlane

    return supervise(config, DataPlane, file, left)
