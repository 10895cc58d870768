"""How the desk asks the others something: the supervisor, the lookout and all workers answer it in JSON.

The rule of this room: nobody waits for an answer but the desk, and the desk not for ever. A process
that is asked has a registry `what -> function(args)`; the function is called in its loop between
two exchanges, so it is quick, or gives a future. Who dies or does not know what is asked is an error.

    desk -> supervisor    ask     {"id": "81-7", "of": "workers", "what": "pools", "args": {}}
    supervisor -> asked   ask     the same
    asked -> supervisor   answer  {"id": "81-7", "value": [...]} or {"id": "81-7", "error": "why not"}
    supervisor -> desk    asked   {"id": "81-7", "who": ["worker 0", "worker 1"]}
                          answer  as it came, and "from": "worker 0"
                          gone    {"from": "worker 0"}: it will not answer any more
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.process.crew import Child, Slot

LOG = logging.getLogger("proxy.asking")

ASK, ASKED, ANSWER, GONE = "ask", "asked", "answer", "gone"
SUPERVISOR = "supervisor"
PATIENCE = 2.0  # seconds; a worker whose loop is held up for so long has other sorrows
MOST_UNREAD = 200  # messages for a process that does not read: it is stuck, and is asked no more

Answering = Callable[[dict[str, Any]], Any]
Answers = Mapping[str, Answering]
Send = Callable[[str, str, str], None]


class NoAnswer(Exception):
    """One process's answer to what it was asked, when there is none; the message is for people."""


def answer(answers: Answers, text: str, send: Send) -> None:
    """Answer an `ask` from a registry; a function may give a future of its value, and raise `NoAnswer`."""
    asked = json.loads(text)
    number = asked["id"]
    function = answers.get(asked["what"])
    if function is None:
        _refuse(number, f"{asked['what']!r} is not known here", send)
        return
    try:
        value = function(asked["args"])
    except Exception as error:
        _refuse(number, _why_not(asked["what"], error), send)
        return
    if isinstance(value, asyncio.Future):
        value.add_done_callback(lambda future: _answer_later(asked, future, send))
    else:
        send(ANSWER, json.dumps({"id": number, "value": value}), number)


def _answer_later(asked: dict[str, Any], future: asyncio.Future[Any], send: Send) -> None:
    if future.cancelled():
        _refuse(asked["id"], "it was given up", send)
    elif (error := future.exception()) is not None:
        _refuse(asked["id"], _why_not(asked["what"], error), send)
    else:
        send(ANSWER, json.dumps({"id": asked["id"], "value": future.result()}), asked["id"])


def _refuse(number: str, why: str, send: Send) -> None:
    send(ANSWER, json.dumps({"id": number, "error": why}), number)


def _why_not(what: str, error: BaseException) -> str:
    if not isinstance(error, NoAnswer):
        LOG.error("asked for %s and failed", what, exc_info=error)
    return str(error) or type(error).__name__


class Relay:
    """The supervisor's part: passes questions on and answers back, and answers for itself.

    Args:
        desk: the slot of who asks.
        answers: what the supervisor itself knows.
        children: by the word that stands in `of`, those that can answer now.
    """

    def __init__(self, desk: Slot, answers: Answers, children: Callable[[str], Iterable[Child]]) -> None:
        self._desk = desk
        self._answers = answers
        self._children = children

    def ask(self, asker: Child, text: str) -> None:
        """A desk asks; the supervisor answers that one, even if another has taken its place until then."""
        asked = json.loads(text)
        number, of = asked["id"], asked["of"]
        children = [child for child in self._children(of) if child.channel.unread() < MOST_UNREAD]
        who = [child.name for child in children] + ([SUPERVISOR] if of in (SUPERVISOR, "all") else [])
        _say(asker, ASKED, json.dumps({"id": number, "who": who}), number)
        for child in children:
            child.channel.send(ASK, text, number)
        if SUPERVISOR in who:
            def pass_back(_: str, said: str, number: str) -> None:
                _say(asker, *_passed_on(SUPERVISOR, said, number))

            answer(self._answers, text, pass_back)

    def answered(self, child: Child, text: str) -> None:
        """A child answers."""
        self.tell(*_passed_on(child.name, text, json.loads(text)["id"]))

    def gone(self, child: Child) -> None:
        """A child will answer no more."""
        if not child.leaving:
            self.tell(GONE, json.dumps({"from": child.name}), str(child.pid))

    def tell(self, word: str, text: str, about: str) -> None:
        """Say something to the desk, if there is one that listens."""
        if self._desk.child is not None:
            _say(self._desk.child, word, text, about)


def _say(desk: Child, word: str, text: str, about: str) -> None:
    if desk.channel.unread() < MOST_UNREAD * 10:
        desk.channel.send(word, text, about)


def _passed_on(name: str, text: str, number: str) -> tuple[str, str, str]:
    return ANSWER, json.dumps({**json.loads(text), "from": name}), f"{number} {name}"


class Question:
    """What was asked, and who has not answered yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.values: dict[str, Any] = {}
        self.errors: dict[str, str] = {}
        self._awaited: set[str] | None = None  # nobody knows yet who they are
        self.done: asyncio.Future[None] = loop.create_future()

    def asked(self, who: Iterable[str]) -> None:
        self._awaited = set(who) - self.values.keys() - self.errors.keys()
        self._see()

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        if "error" in said:
            self.errors[name] = said["error"]
        else:
            self.values[name] = said["value"]
        self._settle(name)

    def gone(self, name: str) -> None:
        if self._awaited is not None and name in self._awaited:
            self.errors[name] = "it has just ended"
            self._settle(name)

    def give_up(self, seconds: float) -> None:
        for name in self._awaited or ():
            self.errors[name] = f"no answer within {seconds:g} s"

    def _settle(self, name: str) -> None:
        if self._awaited is not None:
            self._awaited.discard(name)
            self._see()

    def _see(self) -> None:
        if not self._awaited and not self.done.done():
            self.done.set_result(None)


class Asker:
    """The desk's part.

    Args:
        send: of the channel to the supervisor.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._open: dict[str, Question] = {}
        self._numbers = itertools.count(1)

    async def ask(self, of: str, what: str, args: Mapping[str, Any] | None = None, *,
                  seconds: float = PATIENCE) -> Question:
        """Ask `workers`, `lookout`, `supervisor` or `all`; returns their values and errors, by name."""
        number = f"{os.getpid()}-{next(self._numbers)}"  # no answer to an earlier desk fits
        question = self._open[number] = Question(asyncio.get_running_loop())
        asked = {"id": number, "of": of, "what": what, "args": dict(args or {})}
        self._send(ASK, json.dumps(asked), number)
        try:
            async with asyncio.timeout(seconds):
                await question.done
        except TimeoutError:
            question.give_up(seconds)
        finally:
            del self._open[number]
        return question

    async def ask_one(self, of: str, what: str, args: Mapping[str, Any] | None = None, *,
                      seconds: float = PATIENCE) -> Any:
        """The same where one process can answer.

        Raises:
            NoAnswer: it does not.
        """
        question = await self.ask(of, what, args, seconds=seconds)
        for value in question.values.values():
            return value
        raise NoAnswer("; ".join(question.errors.values()) or f"there is no {of} now")

    def told(self, word: str, text: str) -> bool:
        """Take what the supervisor says; False if it is none of this room's words."""
        if word not in (ASKED, ANSWER, GONE):
            return False
        said = json.loads(text)
        if word == GONE:
            for question in list(self._open.values()):
                question.gone(said["from"])
        elif (asked := self._open.get(said["id"])) is None:
            pass  # it was given up
        elif word == ASKED:
            asked.asked(said["who"])
        else:
            asked.take(said["from"], said)
        return True
