"""Children that hand over to others, because a reload wants others.

The rule of this room: who comes is there before who goes is told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.config.schema import Config
from proxy.process.control import Channel
from proxy.process.crew import Child, Slot
from proxy.process.lookout import run_lookout
from proxy.process.news import News

if TYPE_CHECKING:
    from proxy.process.supervisor import Supervisor

DRAIN_GRACE = 2.0  # seconds past timeouts.drain: a worker that still runs is stuck


def start_lookout(house: Supervisor, slot: Slot, config: Config, known: News) -> Child:
    """One that is to take over.

    Raises:
        OSError: the system has no room for it.
    """

    def live(channel: Channel) -> int:
        house.keep_none()
        return run_lookout(config, channel, house.new_loop, known)

    return house.keeper.start(slot, live)


def dismiss(house: Supervisor, slot: Slot, seconds: float) -> None:
    """Who is in it is needed no more."""
    slot.forget_timer()
    if slot.child is not None:
        slot.child.leaving = True
        slot.child.channel.send("stop")
        house.keeper.kill_after(slot.child, seconds)
        slot.child = None


def change_desk(house: Supervisor) -> Child | None:
    """Another one from now on; the old one, which is given back, serves but those who are connected."""
    desk = house.desk
    desk.forget_timer()
    old, desk.child = desk.child, None
    if old is not None:
        old.leaving = True
        old.channel.send("drain")
    if house.config.admin is not None:
        house.fill(desk)
    return old


def say_farewell(house: Supervisor, desk: Child, seconds: float) -> None:
    """So long it has to say what came of it all."""
    house.loop.call_later(seconds, desk.channel.send, "stop")
    house.keeper.kill_after(desk, 2 * seconds)


def drain(house: Supervisor, worker: Child) -> None:
    """It has no slot any more."""
    worker.channel.send("drain")
    house.keeper.kill_after(worker, house.config.timeouts.drain + DRAIN_GRACE)


def replace(house: Supervisor, worker: Child) -> None:
    """Another one in its slot, with what is in force now."""
    worker.leaving = True
    house.fill(worker.slot)
    drain(house, worker)
