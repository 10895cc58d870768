"""The supervisor: binds the listening sockets, keeps a worker in every slot, passes signals on.

The rule of this room: it must outlive whatever it starts, so it does as little as can be. Callbacks
on a stock event loop; no task, no traffic, nothing that waits.

A worker that was asked to leave by a SIGTERM of its own has its successor in the slot while it
still drains: the slot's listening socket must never be without somebody who accepts.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import selectors
import signal
import sys

from proxy import descriptors
from proxy.config.schema import Config
from proxy.observe import logs
from proxy.process.control import channel_pair
from proxy.process.crew import Slot, WorkerProcess
from proxy.process.fork import describe_end, fork_child
from proxy.process.sockets import CannotListen, ListeningSockets
from proxy.process.worker import PlaneFactory, choose_loop, run_worker

LOG = logging.getLogger("proxy.supervisor")

DRAIN_GRACE = 2.0  # seconds past timeouts.drain: a worker that still runs is stuck
STOP_GRACE = 1.0   # the same after `stop`


class CannotStart(Exception):
    """Nothing serves; the message is for people."""


def supervise(config: Config, plane_factory: PlaneFactory, file: str) -> int:
    """Run until a signal says to stop; returns the exit status. `file` is named in messages."""
    try:
        Supervisor(config, plane_factory, file).run()
    except (CannotListen, CannotStart) as error:
        say(str(error))
        return 1
    return 0


def say(line: str) -> None:
    """To the person who started us, whatever the error log is."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads our stderr; that is no reason to die


def start_log(config: Config) -> None:
    try:
        logs.setup(config.error_log)
    except OSError as error:
        raise CannotStart(f"cannot open the error log: {error}") from error


class Supervisor:
    """Owns the sockets and the workers.

    Raises:
        CannotListen: an address cannot be bound.
        CannotStart: the error log cannot be opened.
    """

    def __init__(self, config: Config, plane_factory: PlaneFactory, file: str) -> None:
        self._config = config
        self._plane_factory = plane_factory
        self._slots = [Slot(number) for number in range(config.workers)]
        self._workers: dict[int, WorkerProcess] = {}
        self._ever_served = False
        self._announced = False
        self._ending = False
        self._failure: CannotStart | None = None
        start_log(config)
        descriptors.raise_limit()
        self._sockets = ListeningSockets(config.listen, config.workers, file)
        self._new_loop = choose_loop()  # imports uvloop once here, not once per worker
        # A selector of our own: a child closes it without a word to the loop that stands on it.
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._ended: asyncio.Future[None] = self._loop.create_future()

    def run(self) -> None:
        """Serve until told to stop.

        Raises:
            CannotStart: no worker got ready.
        """
        try:
            self._watch_signals()
            if warning := descriptors.shortage(self._config.limits.connections):
                LOG.warning(warning)
            for slot in self._slots:
                self._loop.call_soon(self._fill, slot)
            self._loop.run_until_complete(self._ended)
        finally:
            self._sockets.close()
            self._loop.close()

    # Starting

    def _fill(self, slot: Slot) -> None:
        """Put a new worker into a slot."""
        slot.forget_timer()
        if self._ending:
            return
        try:
            slot.worker = self._start_worker(slot)
        except OSError as error:
            self._lost(slot, None, f"a worker could not be started: {error}")

    def _start_worker(self, slot: Slot) -> WorkerProcess:
        ours, theirs = channel_pair()

        def become_worker() -> int:
            self._selector.close()
            # Left open in this child, our ends would hide our death from the other workers.
            ours.abandon()
            for other in self._workers.values():
                other.channel.abandon()
            sockets = self._sockets.keep_only(slot.number)
            return run_worker(self._config, sockets, theirs, self._plane_factory, self._new_loop)

        try:
            worker = WorkerProcess(fork_child(become_worker), slot, ours)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._workers[worker.pid] = worker
        ours.listen(self._loop, functools.partial(self._told, worker))
        return worker

    def _told(self, worker: WorkerProcess, word: str, text: str) -> None:
        match word:
            case "ready":
                worker.ready_at = self._loop.time()
                self._ever_served = True
                self._announce()
            case "failed":
                worker.complaint = text
            case "draining":
                self._let_go(worker)

    def _announce(self) -> None:
        """The ready line, once every slot has a worker that serves."""
        if self._announced or self._ending or not all(slot.serves() for slot in self._slots):
            return
        self._announced = True
        count = len(self._slots)
        workers = "1 worker" if count == 1 else f"{count} workers"
        say(f"ready: {', '.join(self._sockets.urls)} ({workers}, pid {os.getpid()})")

    # Losing workers

    def _let_go(self, worker: WorkerProcess) -> None:
        if self._ending or worker.leaving:
            return
        LOG.info("worker %d was asked to end and drains; another takes its place", worker.pid)
        worker.leaving = True
        self._kill_after(worker, self._config.timeouts.drain + DRAIN_GRACE)
        self._fill(worker.slot)

    def _reap(self) -> None:
        """SIGCHLD: one signal may stand for several deaths."""
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._gone(worker, status)

    def _gone(self, worker: WorkerProcess, status: int) -> None:
        worker.channel.read()  # its last words may still lie there
        worker.channel.close()
        del self._workers[worker.pid]
        if not self._ending and not worker.leaving:
            worker.slot.worker = None
            reason = worker.complaint or describe_end(status)
            self._lost(worker.slot, worker.served(self._loop.time()), f"worker {worker.pid}: {reason}")
        elif self._ending:
            self._finish()

    def _lost(self, slot: Slot, served: float | None, reason: str) -> None:
        """Nobody wanted this death: have the slot filled again, or give up a start that failed."""
        pause = slot.death(served)
        if not self._ever_served and all(slot.deaths for slot in self._slots):
            self._failure = CannotStart(f"cannot start: {reason}")
            self._end("stop", STOP_GRACE)
            return
        LOG.error("%s; another takes its place %s", reason, f"in {pause:g} s" if pause else "now")
        slot.timer = self._loop.call_later(pause, self._fill, slot)

    # Signals

    def _watch_signals(self) -> None:
        watch = self._loop.add_signal_handler  # SIGPIPE is ignored by Python itself
        watch(signal.SIGCHLD, self._reap)
        watch(signal.SIGTERM, self._asked_to_stop)
        watch(signal.SIGINT, self._asked_to_stop)
        watch(signal.SIGUSR1, self._reopen_logs)
        watch(signal.SIGHUP, self._not_yet, "SIGHUP")
        watch(signal.SIGUSR2, self._not_yet, "SIGUSR2")

    def _reopen_logs(self) -> None:
        logs.reopen()
        for worker in self._workers.values():
            worker.channel.send("reopen")

    def _not_yet(self, name: str) -> None:
        LOG.warning("%s is ignored: reload comes in a later release; stop and start instead", name)

    def _asked_to_stop(self) -> None:
        if self._ending:
            self._end("stop", STOP_GRACE)
            return
        seconds = self._config.timeouts.drain
        LOG.info("stopping; what runs has %g s to finish, a second signal ends it at once", seconds)
        self._end("drain", seconds + DRAIN_GRACE)

    # Ending

    def _end(self, word: str, seconds: float) -> None:
        """Tell all workers, and kill who has not ended in so many seconds."""
        self._ending = True
        for slot in self._slots:
            slot.forget_timer()
        self._sockets.close()  # the workers have theirs until they have heard
        for worker in self._workers.values():
            worker.channel.send(word)
            self._kill_after(worker, seconds)
        self._finish()

    def _kill_after(self, worker: WorkerProcess, seconds: float) -> None:
        self._loop.call_later(seconds, self._kill, worker)

    def _kill(self, worker: WorkerProcess) -> None:
        if self._workers.get(worker.pid) is worker:  # not reaped, so the pid is still its own
            LOG.error("worker %d does not end: killed", worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    def _finish(self) -> None:
        if self._workers or self._ended.done():
            return
        if self._failure is not None:
            self._ended.set_exception(self._failure)
        else:
            self._ended.set_result(None)
