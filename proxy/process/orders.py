"""What the operator orders at run time, and what the supervisor tells of itself.

The rule of this room: an order is news like any other: it is kept, so that workers that start later
know it, and it is passed on at once. It holds until the operator takes it back, through deaths of
workers and reloads alike; whether it makes sense the desk has checked.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from proxy import __version__
from proxy.certificates import Certificate
from proxy.config.schema import Config, Listener
from proxy.config.tls_schema import certificate_of
from proxy.observe.events import Record, event
from proxy.process import news
from proxy.process.asking import Answers
from proxy.process.crew import Slot
from proxy.runtime.answers import log_level

LOG = logging.getLogger("proxy.orders")

SAID: Final = {"ready": "enabled", "drain": "drained", "disabled": "disabled"}

Values = dict[str, Any]


class Orders:
    """The supervisor's ear for the operator.

    Args:
        pass_on: keeps news and tells all workers of it.
        note: takes events.
        checked: whether a pool's endpoints have nothing to do until a check has found them to work.
    """

    def __init__(self, pass_on: Callable[[str, str], None], note: Callable[[Record], None],
                 checked: Callable[[str], bool]) -> None:
        self._pass_on = pass_on
        self._note = note
        self._checked = checked

    def answers(self) -> Answers:
        return {"order": self._order, "weight": self._weight, "pause": self._pause,
                "level": self._level, "add": self._add, "remove": self._remove}

    def _order(self, args: Values) -> None:
        pool, endpoint, wanted = args["pool"], args["endpoint"], args["order"]
        self._pass_on(news.ORDER, news.order(pool, endpoint, wanted))
        self._say("order", f"{SAID[wanted]} by the operator", pool, endpoint)

    def _weight(self, args: Values) -> None:
        pool, endpoint, weight = args["pool"], args["endpoint"], args["weight"]
        self._pass_on(news.WEIGHT, news.weight(pool, endpoint, weight))
        self._say("weight", f"weight {weight} by the operator", pool, endpoint, weight=weight)

    def _pause(self, args: Values) -> None:
        pool, paused = args["pool"], args["paused"]
        self._pass_on(news.PAUSE, news.pause(pool, paused=paused))
        kind = "paused" if paused else "resumed"
        self._say(kind, f"{kind} by the operator", pool)

    def _add(self, args: Values) -> None:
        pool, address, weight = args["pool"], args["address"], args["weight"]
        self._pass_on(news.ENDPOINT, news.endpoint(
            pool, address, there=True, weight=weight, backup=args["backup"],
            max_connections=args["max_connections"], unchecked=self._checked(pool)))
        self._say("added", f"added by the operator, weight {weight}", pool, address, weight=weight)

    def _remove(self, args: Values) -> None:
        pool, address = args["pool"], args["endpoint"]
        self._pass_on(news.ENDPOINT, news.endpoint(pool, address, there=False))
        self._say("removed", "removed by the operator", pool, address)

    def _level(self, args: Values) -> str:
        level = log_level(args)
        if "level" in args:
            LOG.warning("the log's level is %s from now on", level)
            self._note(event("level", f"level {level} by the operator"))
        return level

    def _say(self, kind: str, text: str, pool: str, endpoint: str | None = None, **figures: float) -> None:
        LOG.warning("%s: %s", f"{pool} {endpoint}" if endpoint else pool, text)
        self._note(event(kind, text, pool=pool, endpoint=endpoint, **figures))


class Overview:
    """The processes, as the desk shows them."""

    def __init__(self) -> None:
        self._started = time.time()

    def of(self, slots: Iterable[Slot], now: float, config: Config) -> Values:
        """A supervisor's children and what listeners show; `now` is its loop's time."""
        return {"pid": os.getpid(), "version": __version__, "started": round(self._started, 3),
                "processes": [_process(slot, now) for slot in slots],
                "certificates": [_certificate(listener, certificate_of(tls))
                                 for listener in config.listen for tls in listener.tls]}


def _certificate(listener: Listener, shown: Certificate) -> Values:
    return {"listener": str(listener.address), "names": list(shown.names), "begins": shown.begins,
            "expires": shown.expires}


def _process(slot: Slot, now: float) -> Values:
    child = slot.child
    served = None if child is None else child.served(now)
    state = "missing" if child is None else "starting" if served is None else "ready"
    return {
        "name": slot.name, "pid": None if child is None else child.pid, "state": state,
        "since": None if served is None else round(time.time() - served, 3), "deaths": slot.deaths}
