"""The supervisor: binds the listening sockets, keeps a child in every slot, passes signals and news on.

The rule of this room: it must outlive whatever it starts, so it does as little as can be. Callbacks
on a stock event loop; no task, no traffic, nothing that waits.

Where endpoints are probed or their names looked up a lookout does that, and the workers start once
it knows all that it must. Its death changes nothing of what is known; another goes on from there.

A worker that was asked to leave by a SIGTERM of its own has its successor in the slot while it
still drains: the slot's listening socket must never be without somebody who accepts.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from proxy import descriptors
from proxy.config.effective import effective
from proxy.config.schema import Config, Listener
from proxy.observe import logs
from proxy.observe.events import EVENT, EventLog, Record, event
from proxy.process import asking, news
from proxy.process.control import Channel
from proxy.process.crew import Child, Slot
from proxy.process.desk import run_desk
from proxy.process.fork import describe_end
from proxy.process.keeping import Keeper
from proxy.process.lookout import needs_lookout, run_lookout
from proxy.process.orders import Orders, Overview
from proxy.process.sockets import CannotListen, ListeningSockets
from proxy.process.worker import PlaneFactory, choose_loop, run_worker
from proxy.runtime.answers import log_level

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


def open_door(config: Config, file: str) -> ListeningSockets:
    """Where the operator comes in; no socket at all without `admin`."""
    door = [] if config.admin is None else [Listener(address=config.admin.address)]
    return ListeningSockets(door, 1, file, key="admin", private=True)


def start_log(config: Config) -> None:
    try:
        logs.setup(config.error_log)
    except OSError as error:
        raise CannotStart(f"cannot open the error log: {error}") from error


class Supervisor:
    """Owns the sockets, the workers and the lookout.

    Raises:
        CannotListen: an address cannot be bound.
        CannotStart: the error log cannot be opened.
    """

    def __init__(self, config: Config, plane_factory: PlaneFactory, file: str) -> None:
        self._config = config
        self._plane_factory = plane_factory
        self._slots = [Slot("worker", number) for number in range(config.workers)]
        self._lookout = Slot("lookout") if needs_lookout(config) else None
        self._keeper = Keeper(self._told, self._gone)
        self._loop = self._keeper.loop
        self._desk = Slot("desk")
        self._news = news.News()
        self._events = EventLog()
        self._overview = Overview()
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {  # to what the desk may ask
            "status": self._status, "level": log_level, "config": lambda _: effective(self._config),
            **Orders(self._pass_on, self._note, self._is_checked).answers()}
        self._relay = asking.Relay(self._desk, self.answers, self._who_answers)
        self._opened = False  # workers have been started
        self._ever_served = False
        self._announced = False
        self._ending = False
        self._failure: CannotStart | None = None
        start_log(config)
        descriptors.raise_limit()
        self._door = open_door(config, file)
        try:
            self._sockets = ListeningSockets(config.listen, config.workers, file)
        except CannotListen:
            self._door.close()
            raise
        self._new_loop = choose_loop()  # imports uvloop once here, not once per worker
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
            if self._lookout is None:
                self._loop.call_soon(self._open)
            else:
                self._loop.call_soon(self._fill, self._lookout)
            self._loop.run_until_complete(self._ended)
        finally:
            self._sockets.close()
            self._door.close()
            self._loop.close()

    # Starting

    def _open(self) -> None:
        """Start the workers; their replacements come by themselves."""
        if not self._opened and not self._ending:
            self._opened = True
            for slot in (*self._slots, *([self._desk] if self._config.admin is not None else [])):
                self._fill(slot)

    def _fill(self, slot: Slot) -> None:
        """Put a new process into a slot."""
        slot.forget_timer()
        if self._ending:
            return
        try:
            slot.child = self._keeper.start(slot, functools.partial(self._live, slot))
        except OSError as error:
            self._lost(slot, None, f"a {slot.kind} could not be started: {error}")

    def _live(self, slot: Slot, channel: Channel) -> int:
        """What a child does with its life; it has our memory, so that it need not be told what is known."""
        if slot is self._desk:
            self._sockets.keep_none()
            return run_desk(self._config, self._door.keep_only(0), channel, self._new_loop, self._events)
        self._door.keep_none()
        if slot is self._lookout:
            self._sockets.keep_none()
            return run_lookout(self._config, channel, self._new_loop, self._news)
        sockets = self._sockets.keep_only(slot.number)
        return run_worker(self._config, sockets, channel, self._plane_factory, self._new_loop, self._news)

    def _told(self, child: Child, word: str, text: str) -> None:
        match word:
            case "ready" if child.slot is self._desk:
                child.ready_at = self._loop.time()
            case "ready":
                child.ready_at = self._loop.time()
                self._ever_served = True
                self._announce()
            case "known":
                child.ready_at = self._loop.time()
                self._open()
            case "failed":
                child.complaint = text
            case "draining":
                self._let_go(child)
            case news.HEALTH | news.ADDRESSES:
                self._pass_on(word, text)
            case asking.ASK:
                self._relay.ask(text)
            case asking.ANSWER:
                self._relay.answered(child, text)
            case _ if word == EVENT:
                self._note(json.loads(text), child.name)
            case news.HURRY if self._lookout is not None and self._lookout.child is not None:
                self._lookout.child.channel.send(word, text, text)

    def _pass_on(self, word: str, text: str) -> None:
        about = self._news.note(word, text)
        for child in self._keeper.children.values():
            if child.slot.kind == "worker" or (word == news.ENDPOINT and child.slot is self._lookout):
                child.channel.send(word, text, about)

    def _who_answers(self, of: str) -> list[Child]:
        """Children that can answer what is asked of `workers`, `lookout`, `desk` or `all`."""
        workers: list[Slot] = self._slots if of in ("workers", "all") else []
        lookout = [self._lookout] if self._lookout is not None and of in ("lookout", "all") else []
        desk = [self._desk] if of == "all" else []
        slots = (*workers, *lookout, *desk)
        return [slot.child for slot in slots if slot.child is not None and slot.serves()]

    def _is_checked(self, pool: str) -> bool:
        check = self._config.pools[pool].health_check if pool in self._config.pools else None
        return check is not None and check.start == "checked"

    def _status(self, args: dict[str, Any]) -> dict[str, Any]:
        slots = [*self._slots, *([] if self._lookout is None else [self._lookout]), self._desk]
        state = "stopping" if self._ending else "running" if self._announced else "starting"
        return {**self._overview.of(slots, self._loop.time()), "state": state, "generation": 1,
                "listeners": self._sockets.urls, "admin": self._door.urls}

    def _note(self, record: Record, source: str = asking.SUPERVISOR) -> None:
        """Something has changed: keep it, and tell the desk."""
        self._relay.tell(EVENT, self._events.number(record, source), str(self._events.last))

    def _announce(self) -> None:
        """The ready line, once every slot has a worker that serves."""
        if self._announced or self._ending or not all(slot.serves() for slot in self._slots):
            return
        self._announced = True
        count = len(self._slots)
        workers = "1 worker" if count == 1 else f"{count} workers"
        admin = "".join(f", admin {url}" for url in self._door.urls)
        say(f"ready: {', '.join(self._sockets.urls)} ({workers}{admin}, pid {os.getpid()})")

    # Losing children

    def _let_go(self, worker: Child) -> None:
        if self._ending or worker.leaving:
            return
        LOG.info("worker %d was asked to end and drains; another takes its place", worker.pid)
        self._note(event("draining", f"{worker.name} ({worker.pid}) was asked to end"))
        worker.leaving = True
        self._keeper.kill_after(worker, self._config.timeouts.drain + DRAIN_GRACE)
        self._fill(worker.slot)

    def _gone(self, child: Child, status: int) -> None:
        self._relay.gone(child)
        if self._ending:
            self._finish()
        elif not child.leaving:
            slot = child.slot
            slot.child = None
            reason = f"{slot.kind} {child.pid}: {child.complaint or describe_end(status)}"
            self._lost(slot, child.served(self._loop.time()), reason)

    def _lost(self, slot: Slot, served: float | None, reason: str) -> None:
        """Nobody wanted this death: have the slot filled again, or give up a start that failed."""
        pause = slot.death(served)
        if self._has_failed():
            self._failure = CannotStart(f"cannot start: {reason}")
            self._end("stop", STOP_GRACE)
            return
        LOG.error("%s; another takes its place %s", reason, f"in {pause:g} s" if pause else "now")
        self._note(event("lost", reason, pause=pause, deaths=slot.deaths))
        slot.timer = self._loop.call_later(pause, self._fill, slot)

    def _has_failed(self) -> bool:
        """Whether everybody died of whom the start must wait now: the lookout, then all the workers."""
        awaited = self._slots if self._opened else [self._lookout]
        return not self._ever_served and all(slot is not None and slot.deaths for slot in awaited)

    # Signals

    def _watch_signals(self) -> None:
        watch = self._loop.add_signal_handler  # SIGPIPE is ignored by Python itself
        watch(signal.SIGCHLD, self._keeper.reap)
        watch(signal.SIGTERM, self._asked_to_stop)
        watch(signal.SIGINT, self._asked_to_stop)
        watch(signal.SIGUSR1, self._reopen_logs)
        watch(signal.SIGHUP, self._not_yet, "SIGHUP")
        watch(signal.SIGUSR2, self._not_yet, "SIGUSR2")

    def _reopen_logs(self) -> None:
        logs.reopen()
        for child in self._keeper.children.values():
            child.channel.send("reopen")

    def _not_yet(self, name: str) -> None:
        LOG.warning("%s is ignored: reload comes in a later release; stop and start instead", name)

    def _asked_to_stop(self) -> None:
        if self._ending:
            self._end("stop", STOP_GRACE)
            return
        seconds = self._config.timeouts.drain
        LOG.info("stopping; what runs has %g s to finish, a second signal ends it at once", seconds)
        self._note(event("stopping", f"what runs has {seconds:g} s to finish", seconds=seconds))
        self._end("drain", seconds + DRAIN_GRACE)

    # Ending

    def _end(self, word: str, seconds: float) -> None:
        """Tell all children, and kill who has not ended in so many seconds."""
        self._ending = True
        for slot in (*self._slots, *([] if self._lookout is None else [self._lookout]), self._desk):
            slot.forget_timer()
        self._sockets.close()  # the workers have theirs until they have heard
        for child in self._keeper.children.values():
            if child.slot is not self._desk or word == "stop":  # it shows how the others drain
                child.channel.send(word)
            self._keeper.kill_after(child, seconds + STOP_GRACE if child.slot is self._desk else seconds)
        self._finish()

    def _finish(self) -> None:
        if all(child.slot is self._desk for child in self._keeper.children.values()):
            for desk in self._keeper.children.values():
                desk.channel.send("stop")
        if self._keeper.children or self._ended.done():
            return
        if self._failure is not None:
            self._ended.set_exception(self._failure)
        else:
            self._ended.set_result(None)
