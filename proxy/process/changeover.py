"""The supervisor's half of a reload: read, prepare, commit; or say why not and go on as before.

The rule of this room: nothing changes before everybody is ready. The file is read by a child, new addresses
are bound, each worker builds what it will need, a new lookout finds out what it must; what fails in any of
these is said in the words of a start, and undone. After that nothing can fail that would stop anything: a
worker that does not follow is replaced.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from proxy import descriptors
from proxy.config.schema import Config, Listener
from proxy.observe.logs import ErrorLogHandler
from proxy.process.control import Channel
from proxy.process.crew import Child, Slot
from proxy.process.fork import describe_end
from proxy.process.lookout import needs_lookout, watched
from proxy.process.reading import MISTAKEN, READ, Findings, Report, read
from proxy.process.rebinding import Rebinding, close_shed
from proxy.process.reloading import (
    COMMIT,
    COMMITTED,
    FORGET,
    LISTEN,
    PREPARE,
    PREPARED,
    change_log,
)
from proxy.process.shifts import change_desk, dismiss, drain, replace, say_farewell, start_lookout
from proxy.process.sockets import CannotListen, ListeningSockets
from proxy.process.succession import doors_for
from proxy.runtime.parcel import unpack
from proxy.runtime.slices import at_once

if TYPE_CHECKING:
    from proxy.process.supervisor import Supervisor

LOG = logging.getLogger("proxy.supervisor")

READING: Final = 60.0     # seconds for each stage; far more than it takes
PREPARING: Final = 30.0
COMMITTING: Final = 10.0
STARTING: Final = 15.0
HANDSHAKES: Final = 1.0   # how long a slot that goes accepts after the kernel sends nobody more
FAREWELL: Final = 2.0     # for a lookout or a desk that was replaced
PACKED: Final = "packed"  # the reader's word

Done = Callable[[Report, float, float], None]


def over() -> None:
    """Nothing follows."""


class Stage(Enum):
    READING = auto()
    PREPARING = auto()
    COMMITTING = auto()
    SETTLING = auto()
    OVER = auto()


class Changeover:
    """One of them.

    Args:
        house: whose configuration is to change.
        attempt: its number, for the workers' answers.
        done: told of it, how many seconds it took, and for how many of them clients had to wait.
    """

    def __init__(self, house: Supervisor, attempt: int, done: Done) -> None:
        self._house = house
        self._attempt = attempt
        self._done = done
        self._began = house.loop.time()
        self._findings = Findings()
        self._reader = Slot("reader")
        self._report = Report()
        self._config = house.config
        self._rebinding: Rebinding | None = None
        self._door: Rebinding | None = None
        self._desk: Child | None = None  # that another one has replaced
        self._lookout: Slot | None = None
        self._ahead: list[tuple[str, str]] = []  # the new lookout's news
        self._prepared: set[Child] = set()
        self._stage = Stage.READING
        self._reading: Child | None = None
        self._awaited: set[Child] = set()
        self._then: Callable[[], None] = self._take
        self._timer: asyncio.TimerHandle | None = None
        self._pause = 0.0

    # What it waits for.

    def _wait(self, children: Iterable[Child], seconds: float, then: Callable[[], None],
              late: Callable[[], None]) -> None:
        """Until all of them have answered or died, or the time is over."""
        self._awaited, self._then = set(children), then
        self._set_timer(seconds, late)
        if not self._awaited:
            self._then()

    def _set_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._house.loop.call_later(seconds, call)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _answered(self, child: Child) -> None:
        self._awaited.discard(child)
        if not self._awaited:
            self._stop_timer()
            self._then()

    def told(self, child: Child, word: str, text: str) -> bool:
        if word == PACKED and child in self._awaited:
            self._reading = child
            self._answered(child)
        if child.slot is self._lookout:
            return self._hear_lookout(child, word, text)
        if word == "ready" and self._stage is Stage.SETTLING:
            self._house.loop.call_soon(self._see_whether_all_serve)
            return False
        if word not in (PREPARED, COMMITTED):
            return False
        said = json.loads(text)
        if said["attempt"] == self._attempt and child in self._awaited:
            self._hear_worker(child, said)
        return True

    def _hear_worker(self, child: Child, said: dict[str, Any]) -> None:
        if said.get("problem"):
            self._find(said["problem"])
        elif "seconds" in said:
            self._pause = max(self._pause, said["seconds"])
        else:
            self._prepared.add(child)
        self._answered(child)

    def _hear_lookout(self, child: Child, word: str, text: str) -> bool:
        """Until it has taken over, what it says is kept back: the workers do not know those endpoints."""
        if self._stage is not Stage.PREPARING:
            return False
        if word in ("health", "addresses"):
            self._ahead.append((word, text))
            return True
        if word == "known":
            child.ready_at = self._house.loop.time()
            self._answered(child)
            return True
        return False

    def gone(self, child: Child, status: int) -> None:
        if child.slot is self._reader:
            self._read_with(status)
            self._see_whether_all_serve()
        needed = child in self._awaited or child.slot is self._lookout
        if needed and self._stage is Stage.PREPARING:
            self._find(f"{child.name} {child.pid} died of it: {child.complaint or describe_end(status)}")
            child.leaving |= child.slot is self._lookout  # the house has no such place yet to fill again
        if child in self._awaited:
            self._answered(child)

    def _find(self, problem: str) -> None:
        if problem not in self._report.problems:
            self._report.problems.append(problem)

    # Reading.

    def start(self) -> None:
        house = self._house
        try:
            child = house.keeper.start(self._reader, self._life_of_reader)
        except OSError as error:
            self.give_up(f"the configuration cannot be read now: {error}")
            return
        child.leaving = True  # its end is as it should be
        self._wait([child], READING, self._take, partial(self._kill_and_give_up, child))

    def _life_of_reader(self, channel: Channel) -> int:
        house = self._house
        for held in (house.hotline, house.succession, house.door, house.sockets):
            held.keep_none()  # however long it takes, others may need the addresses
        return read(house.file, house.config, self._findings, partial(channel.send, PACKED))

    def _kill_and_give_up(self, child: Child) -> None:
        self._house.keeper.kill_after(child, 0)
        self.give_up(f"the configuration could not be read within {READING:g} s")

    def _read_with(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code in (READ, MISTAKEN):
            report = self._findings.report()
            self._report.warnings, self._report.changes = report.warnings, report.changes
            self._report.problems += report.problems
        elif self._stage is Stage.READING:
            self._find(f"the configuration could not be read: {describe_end(status)}")

    def _take(self) -> None:
        if self._report.problems:
            self._refuse()
            return
        self._stage = Stage.PREPARING
        workers = [slot.child for slot in self._house.slots if slot.child is not None]
        said = json.dumps({"attempt": self._attempt})
        for child in workers:  # they begin while we unpack
            child.channel.send(PREPARE, said, "", self._findings.parcel)
        self._config = at_once(unpack(self._findings.parcel))
        self._bind()
        lookout = [] if self._report.problems else self._start_lookout()
        if self._report.problems:
            self._refuse()
            return
        for child in workers:
            self._hand_sockets(child)
        self._wait([*workers, *lookout], PREPARING, self._commit, self._some_do_not_answer)

    # Preparing.

    def _bind(self) -> None:
        house, config = self._house, self._config
        self._rebinding = self._rebind(house.sockets, config.listen, config.workers)
        self._door = self._rebind(house.door, doors_for(config), 1)
        try:
            if config.error_log != house.config.error_log:
                ErrorLogHandler(config.error_log.path).close()
        except OSError as error:
            self._find(f"cannot open the error log: {error}")

    def _rebind(self, sockets: ListeningSockets, listeners: Sequence[Listener],
                count: int) -> Rebinding | None:
        try:
            return Rebinding(sockets, listeners, count)
        except CannotListen as error:
            self._report.problems += str(error).splitlines()
            return None

    def _hand_sockets(self, child: Child) -> None:
        """Of new listeners, which a worker has before it is told to change over."""
        number = child.slot.number
        if self._rebinding is not None and number < self._config.workers:
            for place, sock in self._rebinding.added_for(number):
                text = json.dumps({"attempt": self._attempt, "listener": place})
                child.channel.send(LISTEN, text, f"{self._attempt} {sock.fileno()}", sock.fileno())

    def _start_lookout(self) -> list[Child]:
        """One for the new configuration, unless the present one looks at the very same."""
        house, config = self._house, self._config
        if not needs_lookout(config) or watched(config) == watched(house.config):
            return []
        self._lookout = Slot("lookout")
        news = house.news.kept(house.config, config)
        try:
            self._lookout.child = start_lookout(house, self._lookout, config, news)
        except OSError as error:
            self._find(f"a lookout could not be started: {error}")
            return []
        return [self._lookout.child]

    def _some_do_not_answer(self) -> None:
        for child in list(self._awaited):
            if child.slot is not self._lookout:  # which may wait for slow endpoints
                self._find(f"{child.name} {child.pid} does not answer")
        self._awaited.clear()
        self._commit()

    # It comes to nothing.

    def give_up(self, why: str) -> None:
        """The proxy has other things to do; what is in force already stays so."""
        if self._stage in (Stage.READING, Stage.PREPARING):
            self._find(why)
            self._refuse()
        else:
            self._finish()

    def _refuse(self) -> None:
        house = self._house
        for child in house.keeper.children.values():
            if child.slot.kind == "worker":
                child.channel.send(FORGET)
        for rebinding in (self._rebinding, self._door):
            if rebinding is not None:
                rebinding.discard()
        if self._lookout is not None:
            dismiss(house, self._lookout, FAREWELL)
        self._finish()

    # Committing.

    def _commit(self) -> None:
        if self._report.problems or self._rebinding is None or self._door is None:
            self._refuse()
            return
        self._stage = Stage.COMMITTING
        house, old, config = self._house, self._house.config, self._config
        news = house.news.kept(old, config)
        for word, text in self._ahead:
            news.note(word, text)
        known = [*self._ahead, *news.orders()]
        house.config, house.news = config, news
        change_log(old.error_log, config.error_log, house.keeper.children.values())
        self._rebinding.commit()
        self._door.commit()
        said = json.dumps({"attempt": self._attempt, "known": known})
        for child in self._prepared:
            child.channel.send(COMMIT, said)
        self._change_slots()
        self._change_lookout()
        self._change_desk(old)
        following = [child for child in self._prepared if child.pid in house.keeper.children]
        self._wait(following, COMMITTING, self._settle, self._some_do_not_follow)

    def _change_slots(self) -> None:
        """Their number; and who was started meanwhile, with the old configuration, has to go."""
        house, count = self._house, self._config.workers
        leaving = house.slots[count:]
        del house.slots[count:]
        for slot in house.slots:
            if slot.child is not None and slot.child not in self._prepared:
                replace(house, slot.child)
        for number in range(len(house.slots), count):
            house.slots.append(Slot("worker", number))
            house.fill(house.slots[number])
        for slot in leaving:
            slot.forget_timer()
            if slot.child is not None:
                slot.child.leaving = True
        if leaving:
            house.loop.call_later(HANDSHAKES, self._dismiss_workers, leaving)

    def _dismiss_workers(self, slots: Iterable[Slot]) -> None:
        close_shed(self._house.sockets)
        for slot in slots:
            if slot.child is not None and slot.child.pid in self._house.keeper.children:
                drain(self._house, slot.child)

    def _change_lookout(self) -> None:
        house = self._house
        if self._lookout is None and needs_lookout(self._config):
            return
        if house.lookout is not None:
            dismiss(house, house.lookout, FAREWELL)
        house.lookout = self._lookout

    def _change_desk(self, old: Config) -> None:
        if self._config.admin != old.admin:
            self._desk = change_desk(self._house)

    def _some_do_not_follow(self) -> None:
        for child in list(self._awaited):
            LOG.error("%s %d does not follow the reload", child.name, child.pid)
            self._house.keeper.kill_after(child, 0)
        self._settle()

    def _settle(self) -> None:
        """Wait for those, too, that were started for it."""
        self._stage = Stage.SETTLING
        self._awaited = set()
        self._set_timer(STARTING, self._finish)
        self._see_whether_all_serve()

    def _see_whether_all_serve(self) -> None:
        """And until it is known what has changed, in words."""
        words_come = self._reading is not None and self._reading.pid in self._house.keeper.children
        if (self._stage is Stage.SETTLING and not words_come
                and all(slot.serves() for slot in self._house.slots)):
            self._finish()

    def _finish(self) -> None:
        self._stage = Stage.OVER
        self._stop_timer()
        self._then = over  # what keeps itself is garbage that a fork freezes
        self._findings.close()
        seconds = self._house.loop.time() - self._began
        if warning := descriptors.shortage(self._config.limits.connections):
            self._report.warnings.append(warning)
        self._done(self._report, seconds, self._pause)
        if self._desk is not None:  # which may have asked for this
            say_farewell(self._house, self._desk, FAREWELL)

    def keep_none(self) -> None:
        self._findings.close()
