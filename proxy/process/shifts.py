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


def change_desk(house: Supervisor, seconds: float) -> None:
    """Another one from now on; this one has a moment to say what came of it."""
    desk = house.desk
    desk.forget_timer()
    if (child := desk.child) is not None:
        child.leaving = True
        house.loop.call_later(seconds, child.channel.send, "stop")
        house.keeper.kill_after(child, 2 * seconds)
    desk.child = None
    if house.config.admin is not None:
        house.fill(desk)


def drain(house: Supervisor, worker: Child) -> None:
    """It has no slot any more."""
    worker.channel.send("drain")
    house.keeper.kill_after(worker, house.config.timeouts.drain + DRAIN_GRACE)


def replace(house: Supervisor, worker: Child) -> None:
    """Another one in its slot, with what is in force now."""
    worker.leaving = True
    house.fill(worker.slot)
    drain(house, worker)
