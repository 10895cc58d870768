"""From one process to two: all that has to be right between `fork` and a worker's first line.

The rule of this room: the child never returns into the supervisor's code, and touches nothing that
it shares with it. The parent's epoll set and the pipe that wakes it on signals are shared until the
child lets go of them; signals are held back meanwhile, or one that arrives in the child would be
written into that pipe and handled by the parent.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable

from proxy.observe import logs

LOG = logging.getLogger("proxy.worker")

# Ctrl-C goes to the whole group, and so may the others: the supervisor passes on what matters.
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
DEFAULT = (signal.SIGTERM, signal.SIGCHLD)


def fork_child(body: Callable[[], int]) -> int:
    """Run `body` in a child, its result being the exit status; returns the child's pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # a collection in the child would write to every page of ours, and so copy it
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            run_child(body, mask)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def run_child(body: Callable[[], int], mask: set[signal.Signals | int]) -> None:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        asyncio._set_running_loop(None)
        logs.begin_child()
        status = body()
    except BaseException:
        LOG.exception("ends because of an error")
    finally:
        os._exit(status)


def describe_end(status: int) -> str:
    """What `waitpid` says, in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"it ended with status {code}"
    hint = "; short of memory? `dmesg` tells" if -code == signal.SIGKILL else ""
    return f"it was killed by signal {-code} ({signal.strsignal(-code)}{hint})"
