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
from collections.abc import Callable
from typing import Any

from proxy import descriptors, machine
from proxy.config.effective import effective
from proxy.config.schema import Config
from proxy.observe import logs
from proxy.observe.board import Row
from proxy.observe.events import EVENT, EventLog, Record, event
from proxy.process import asking, news
from proxy.process.census import Census
from proxy.process.control import Channel
from proxy.process.crew import Child, Slot
from proxy.process.desk import run_desk
from proxy.process.estate import Estate
from proxy.process.fork import describe_end
from proxy.process.hotline import Hotline
from proxy.process.keeping import Keeper
from proxy.process.lookout import needs_lookout, run_lookout
from proxy.process.orders import Orders, Overview
from proxy.process.pulse import Watch
from proxy.process.reload import Reloads
from proxy.process.shifts import DRAIN_GRACE, dismiss
from proxy.process.sockets import CannotListen
from proxy.process.succession import Succession
from proxy.process.worker import Plane, choose_loop, run_worker

LOG = logging.getLogger("proxy.supervisor")

PlaneFactory = Callable[[Config, asyncio.AbstractEventLoop, Row], Plane]

STOP_GRACE = 1.0   # seconds past `stop`: a child that still runs is stuck


class CannotStart(Exception):
    """Nothing serves; the message is for people."""


def supervise(config: Config, plane_factory: PlaneFactory, file: str, estate: Estate | None = None) -> int:
    """Run until a signal says to stop; returns the exit status. `file` is named in messages."""
    try:
        Supervisor(config, plane_factory, file, estate).run()
    except (CannotListen, CannotStart) as error:
        logs.say(str(error))
        if estate is not None:
            estate.tell(failed=str(error))
        return 1
    return 0


def start_log(config: Config) -> None:
    try:
        logs.setup(config.error_log)
    except OSError as error:
        raise CannotStart(f"cannot open the error log: {error}") from error


class Supervisor:
    """Owns the sockets, the workers and the lookout.

    Attributes:
        config: what is in force; also slots, lookout, news, sockets and door are those of it. A reload
            changes them all (see `changeover`).

    Raises:
        CannotListen: an address cannot be bound.
        CannotStart: the error log cannot be opened.
    """

    def __init__(self, config: Config, plane_factory: PlaneFactory, file: str,
                 estate: Estate | None = None) -> None:
        self.config = config
        self.file = file
        self._plane_factory = plane_factory
        self.slots = [Slot("worker", number) for number in range(config.workers)]
        self.lookout = Slot("lookout") if needs_lookout(config) else None
        self.keeper = Keeper(self._told, self._gone)
        self.loop = self.keeper.loop
        self._pulses = Watch(self.keeper, lambda: self.config.timeouts.stuck)
        self.desk = Slot("desk")
        self.news = news.News()
        self._events = EventLog()
        self.reloads = Reloads(self)
        self._overview = Overview()
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {  # to what the desk may ask
            "status": self._status, "config": lambda _: effective(self.config),
            "reload": self.reloads.ask_from_desk,
            **Orders(self._pass_on, self.note, self._is_checked).answers()}
        self._relay = asking.Relay(self.desk, self.answers, self._who_answers)
        self._opened = False  # workers have been started
        self._ever_served = False
        self._announced = False
        self._ending = False
        self._failure: CannotStart | None = None
        start_log(config)
        descriptors.raise_limit()
        self.succession = Succession(self, estate)
        self.door, self.sockets = self.succession.open(config, file)
        self.census = Census(config)
        self.hotline = Hotline(file, self.reloads.called, self.loop, -1 if estate is None else estate.hotline)
        machine.secret()  # the same for all workers, also where it is drawn
        self.new_loop = choose_loop()  # imports uvloop once here, not once per worker
        self._ended: asyncio.Future[None] = self.loop.create_future()

    def run(self) -> None:
        """Serve until told to stop.

        Raises:
            CannotStart: no worker got ready.
        """
        try:
            self._watch_signals()
            self._pulses.begin()
            if warning := descriptors.shortage(self.config.limits.connections):
                LOG.warning(warning)
            if self.lookout is None:
                self.loop.call_soon(self._open)
            else:
                self.loop.call_soon(self.fill, self.lookout)
            self.loop.run_until_complete(self._ended)
        finally:
            self.hotline.close()
            self.sockets.close()
            self.door.close()
            self.census.close()
            self.loop.close()

    # Starting

    def _open(self) -> None:
        """Start the workers; their replacements come by themselves."""
        if not self._opened and not self._ending:
            self._opened = True
            for slot in (*self.slots, *([self.desk] if self.config.admin is not None else [])):
                self.fill(slot)

    def fill(self, slot: Slot) -> None:
        """Put a new process into a slot."""
        slot.forget_timer()
        if self._ending:
            return
        try:
            slot.child = self._start(slot)
        except OSError as error:
            self._lost(slot, None, f"a {slot.kind} could not be started: {error}")

    def _start(self, slot: Slot) -> Child:
        if slot.kind != "worker":
            return self.keeper.start(slot, functools.partial(self._live, slot, 0))
        return self.census.start(
            lambda row: self.keeper.start(slot, functools.partial(self._live, slot, row)))

    def _live(self, slot: Slot, row: int, channel: Channel) -> int:
        """What a child does with its life; it has our memory, so that it need not be told what is known."""
        for held in (self.hotline, self.reloads, self.succession):
            held.keep_none()
        if slot.kind == "desk":
            self.sockets.keep_none()
            return run_desk(self.config, self.door.keep_only(0), channel, self.new_loop, self._events,
                            self.census.board)
        self.door.keep_none()
        if slot.kind == "lookout":
            self.sockets.keep_none()
            return run_lookout(self.config, channel, self.new_loop, self.news)
        sockets = self.sockets.keep_only(slot.number)

        def make_plane(config: Config, loop: asyncio.AbstractEventLoop) -> Plane:
            return self._plane_factory(config, loop, self.census.row(row))

        return run_worker(self.config, sockets, channel, make_plane, self.new_loop, self.news)

    def _told(self, child: Child, word: str, text: str) -> None:
        if self.reloads.told(child, word, text):
            return
        match word:
            case "ready" if child.slot is self.desk:
                child.ready_at = self.loop.time()
            case "ready":
                child.ready_at = self.loop.time()
                self._ever_served = True
                self.census.serving(sum(slot.serves() for slot in self.slots))
                self.note(event("ready", f"{child.name} ({child.pid}) serves"))
                self._announce()
            case "known":
                child.ready_at = self.loop.time()
                self._open()
            case "failed":
                child.complaint = text
            case "draining":
                self._let_go(child)
            case news.HEALTH | news.ADDRESSES if child.slot is self.lookout:
                self._pass_on(word, text)
            case asking.ASK:
                self._relay.ask(child, text)
            case asking.ANSWER:
                self._relay.answered(child, text)
            case _ if word == EVENT:
                self.note(json.loads(text), child.name)
            case news.HURRY if self.lookout is not None and self.lookout.child is not None:
                self.lookout.child.channel.send(word, text, text)

    def _pass_on(self, word: str, text: str) -> None:
        for one, said, about in self.news.take(word, text):
            for child in self.keeper.children.values():
                if child.slot.kind == "worker" or (one == news.ENDPOINT and child.slot is self.lookout):
                    child.channel.send(one, said, about)

    def _who_answers(self, of: str) -> list[Child]:
        """Children that can answer what is asked of `workers`, `lookout`, `desk` or `all`."""
        workers: list[Slot] = self.slots if of in ("workers", "all") else []
        lookout = [self.lookout] if self.lookout is not None and of in ("lookout", "all") else []
        desk = [self.desk] if of == "all" else []
        slots = (*workers, *lookout, *desk)
        return [slot.child for slot in slots if slot.child is not None and slot.serves()]

    def _is_checked(self, pool: str) -> bool:
        check = self.config.pools[pool].health_check if pool in self.config.pools else None
        return check is not None and check.start == "checked"

    def _status(self, args: dict[str, Any]) -> dict[str, Any]:
        slots = [*self.slots, *([] if self.lookout is None else [self.lookout]), self.desk]
        state = "stopping" if self._ending else "running" if self._announced else "starting"
        return {**self._overview.of(slots, self.loop.time(), self.config), "state": state,
                **self.reloads.told_of(), "listeners": self.sockets.urls, "admin": self.door.urls}

    def note(self, record: Record, source: str = asking.SUPERVISOR) -> None:
        """Something has changed: keep it, and tell the desk."""
        self._relay.tell(EVENT, self._events.number(record, source), str(self._events.last))

    def _announce(self) -> None:
        """The ready line, once every slot has a worker that serves."""
        if self._announced or self._ending or not all(slot.serves() for slot in self.slots):
            return
        self._announced = True
        count = len(self.slots)
        workers = "1 worker" if count == 1 else f"{count} workers"
        admin = "".join(f", admin {url}" for url in self.door.urls)
        self.succession.serving()
        self.reloads.go_on()
        logs.say(f"ready: {', '.join(self.sockets.urls)} ({workers}{admin}, pid {os.getpid()})")

    # Another configuration

    def keep_none(self) -> None:
        """In a child that serves nobody."""
        for held in (self.hotline, self.reloads, self.succession, self.door, self.sockets):
            held.keep_none()

    def is_ending(self) -> bool:
        return self._ending

    def is_up(self) -> bool:
        """Whether it can be changed now."""
        return self._announced and not self._ending and not self.succession.is_busy()

    # Losing children

    def _let_go(self, worker: Child) -> None:
        if self._ending or worker.leaving:
            return
        LOG.info("worker %d was asked to end and drains; another takes its place", worker.pid)
        self.note(event("draining", f"{worker.name} ({worker.pid}) was asked to end"))
        worker.leaving = True
        self.keeper.kill_after(worker, self.config.timeouts.drain + DRAIN_GRACE)
        self.fill(worker.slot)

    def _gone(self, child: Child, status: int) -> None:
        self._relay.gone(child)
        self.reloads.gone(child, status)
        self.census.gone(child)
        if self._ending:
            self._finish()
        elif not child.leaving:
            slot = child.slot
            slot.child = None
            reason = f"{slot.kind} {child.pid}: {child.complaint or describe_end(status)}"
            self._lost(slot, child.served(self.loop.time()), reason)

    def _lost(self, slot: Slot, served: float | None, reason: str) -> None:
        """Nobody wanted this death: have the slot filled again, or give up a start that failed."""
        pause = slot.death(served)
        if slot.kind == "worker":
            self.census.lost(sum(slot.serves() for slot in self.slots))
        if self._has_failed():
            self._failure = CannotStart(f"cannot start: {reason}")
            self._end("stop", STOP_GRACE)
            return
        LOG.error("%s; another takes its place %s", reason, f"in {pause:g} s" if pause else "now")
        self.note(event("lost", reason, pause=pause, deaths=slot.deaths))
        slot.timer = self.loop.call_later(pause, self.fill, slot)

    def _has_failed(self) -> bool:
        """Whether everybody died of whom the start must wait now: the lookout, then all the workers."""
        awaited = self.slots if self._opened else [self.lookout]
        return not self._ever_served and all(slot is not None and slot.deaths for slot in awaited)

    # Signals

    def _watch_signals(self) -> None:
        watch = self.loop.add_signal_handler  # SIGPIPE is ignored by Python itself
        watch(signal.SIGCHLD, self.keeper.reap)
        watch(signal.SIGTERM, self._asked_to_stop)
        watch(signal.SIGINT, self._asked_to_stop)
        watch(signal.SIGUSR1, self._reopen_logs)
        watch(signal.SIGHUP, self.reloads.ask)
        watch(signal.SIGUSR2, self.succession.begin)

    def _reopen_logs(self) -> None:
        logs.reopen()
        for child in self.keeper.children.values():
            child.channel.send("reopen")

    def _asked_to_stop(self) -> None:
        if self._ending:
            self._end("stop", STOP_GRACE)
            return
        seconds = self.config.timeouts.drain
        LOG.info("stopping; what runs has %g s to finish, a second signal ends it at once", seconds)
        self.note(event("stopping", f"what runs has {seconds:g} s to finish", seconds=seconds))
        self.succession.systemd.stopping()
        self._end("drain", seconds + DRAIN_GRACE)

    def leave(self) -> None:
        """Another program serves: finish what runs."""
        dismiss(self, self.desk, STOP_GRACE)
        self._end("drain", self.config.timeouts.drain + DRAIN_GRACE)

    # Ending

    def _end(self, word: str, seconds: float) -> None:
        """Tell all children, and kill who has not ended in so many seconds."""
        self._ending = True
        self.reloads.end()
        self.succession.end()
        for slot in (*self.slots, *([] if self.lookout is None else [self.lookout]), self.desk):
            slot.forget_timer()
        self.hotline.leave()
        self.door.close()
        self.sockets.close()  # the workers have theirs until they have heard, and so has the desk
        for child in self.keeper.children.values():
            child.channel.send(word)
            self.keeper.kill_after(child, seconds + STOP_GRACE if child.slot is self.desk else seconds)
        self._finish()

    def _finish(self) -> None:
        if all(child.slot is self.desk for child in self.keeper.children.values()):
            for desk in self.keeper.children.values():
                desk.channel.send("stop")
        if self.keeper.children or self._ended.done():
            return
        if self._failure is not None:
            self._ended.set_exception(self._failure)
        else:
            self._ended.set_result(None)
