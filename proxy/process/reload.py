"""Reloads: who asks for one, and what came of it.

The rule of this room: one at a time. Who asks while one runs is answered by the next, which reads the file
anew: so whoever has written it and then asks gets what he wrote.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from proxy.config.differences import outline
from proxy.observe.events import event
from proxy.process.changeover import Changeover
from proxy.process.crew import Child
from proxy.process.hotline import Reply
from proxy.process.reading import Report

if TYPE_CHECKING:
    from proxy.process.supervisor import Supervisor

LOG = logging.getLogger("proxy.supervisor")

SHOWN: Final = 5  # changes in the log line
ENDS: Final = "the proxy ends"

Then = Callable[["Outcome"], None]


@dataclass(slots=True)
class Outcome:
    """What came of a reload.

    Args:
        generation: that serves now.
        problems: why it is the old one; in the words of a start.
        warnings: what is allowed, but hardly meant.
        changes: what differs from before.
        seconds: that it took; `pause`: the longest that a worker let its clients wait for the change.
    """

    generation: int
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    pause: float = 0.0

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    def __str__(self) -> str:
        more = f" and {len(self.changes) - SHOWN} more" if len(self.changes) > SHOWN else ""
        changes = "; ".join(self.changes[:SHOWN]) + more
        took, paused = self.seconds * 1000, self.pause * 1000
        return (f"generation {self.generation} after {took:.0f} ms, for {paused:.1f} of which clients waited:"
                f" {changes or 'nothing has changed'}")


def nobody_asks(outcome: Outcome) -> None:
    """A signal has no answer but the log."""


class Reloads:
    """All of them, one after the other.

    Attributes:
        generation: of the configuration that serves.
        last: what came of the last one.
    """

    def __init__(self, house: Supervisor) -> None:
        self._house = house
        self._asked: list[Then] = []
        self._attempts = 1
        self._running: Changeover | None = None
        self.generation = 1
        self.last: Outcome | None = None

    def ask(self, then: Then = nobody_asks) -> None:
        """Reload as soon as may be; `then` is told what came of it."""
        if self._house.is_ending():
            LOG.warning("no reload: %s", ENDS)
            then(Outcome(self.generation, [ENDS]))
            return
        self._asked.append(then)
        self.go_on()

    def ask_from_desk(self, args: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        done: asyncio.Future[dict[str, Any]] = self._house.loop.create_future()
        self.ask(lambda outcome: done.set_result(outcome.told()))
        return done

    def called(self, asked: dict[str, Any], reply: Reply) -> None:
        """Somebody of this machine asks, see `hotline`."""
        match asked.get("what"):
            case "reload":
                self.ask(lambda outcome: reply(outcome.told()))
            case "outline":
                reply({"outline": outline(self._house.config)})
            case what:
                reply({"problems": [f"the proxy that runs does not know {what!r}"]})

    def told_of(self) -> dict[str, Any]:
        """For the status."""
        return {"generation": self.generation, "reload": None if self.last is None else self.last.told()}

    def is_busy(self) -> bool:
        return self._running is not None

    def go_on(self) -> None:
        """Begin one, if somebody waits for it and the start is over."""
        if self._running is None and self._asked and self._house.is_up():
            asked, self._asked = self._asked, []
            self._attempts += 1
            self._house.succession.systemd.reloading()
            self._running = Changeover(self._house, self._attempts, partial(self._done, asked))
            self._running.start()

    def _done(self, asked: Iterable[Then], report: Report, seconds: float, pause: float) -> None:
        self._running = None
        if not report.problems:
            self.generation += 1
        outcome = self.last = Outcome(
            self.generation, report.problems, report.warnings, report.changes, seconds, pause)
        self._tell(outcome)
        self._house.succession.tell_state()
        for then in asked:
            then(outcome)
        self.go_on()

    def _tell(self, outcome: Outcome) -> None:
        house = self._house
        for warning in outcome.warnings:
            LOG.warning("%s", warning)
        if outcome.problems:
            for problem in outcome.problems:
                LOG.error("%s", problem)
            LOG.error("%s is not in force: what ran before goes on", house.file)
            house.note(event("not_reloaded", "; ".join(outcome.problems), seconds=outcome.seconds))
            house.census.not_reloaded()
        else:
            LOG.info("reloaded %s: %s", house.file, outcome)
            house.note(event("reloaded", str(outcome), seconds=outcome.seconds, pause=outcome.pause,
                             generation=outcome.generation))
            house.census.reloaded(outcome.generation, house.config)
            house.census.serving(sum(slot.serves() for slot in house.slots))

    def told(self, child: Child, word: str, text: str) -> bool:
        """A child has said something; whether that was about a reload alone."""
        return self._running is not None and self._running.told(child, word, text)

    def gone(self, child: Child, status: int) -> None:
        """A child was reaped."""
        if self._running is not None:
            self._running.gone(child, status)

    def end(self) -> None:
        """The proxy ends."""
        if self._running is not None:
            self._running.give_up(ENDS)
        self._turn_away(ENDS)

    def leave_to(self, pid: int) -> None:
        """Another program serves: who was to wait for a reload until then shall have it there."""
        if self._asked:
            LOG.info("process %d is told to reload, as this one was", pid)
            os.kill(pid, signal.SIGHUP)
            self._turn_away(f"process {pid} serves by now and reloads; its log says what comes of it")

    def _turn_away(self, why: str) -> None:
        asked, self._asked = self._asked, []
        for then in asked:
            then(Outcome(self.generation, [why]))

    def keep_none(self) -> None:
        """In a child: what it would hold open."""
        if self._running is not None:
            self._running.keep_none()
