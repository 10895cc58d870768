"""From one program version to the next, seen from both ends, and what systemd hears of it.

The rule of this room: at every moment one program is responsible for the addresses. The new one is from the
moment that all of its workers serve; until then it may fail, and the old one has changed nothing.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from proxy.config.schema import Config, Listener
from proxy.observe.events import event
from proxy.process.activation import doors_of, handed_over, is_for
from proxy.process.estate import Estate, keep_orders, leave
from proxy.process.heir import open_to_all, settle, unneeded
from proxy.process.notify import Notifier
from proxy.process.sockets import ListeningSockets
from proxy.process.upgrade import Upgrade

if TYPE_CHECKING:
    from proxy.process.supervisor import Supervisor

LOG = logging.getLogger("proxy.supervisor")


def doors_for(config: Config) -> list[Listener]:
    """Where the operator comes in; nowhere without `admin`."""
    return [] if config.admin is None else [Listener(address=config.admin.address)]


class Succession:
    """The supervisor's part in it.

    Args:
        house: whose sockets and children change hands.
        estate: what an older program has left to this one.

    Attributes:
        systemd: hears how it goes.
    """

    def __init__(self, house: Supervisor, estate: Estate | None) -> None:
        self._house = house
        self._estate = estate
        self._upgrade: Upgrade | None = None
        self.systemd = Notifier()

    # As the heir

    def open(self, config: Config, file: str) -> tuple[ListeningSockets, ListeningSockets]:
        """The operator's sockets and the clients': those that are open already, and new ones.

        Raises:
            CannotListen: one of the addresses cannot be bound; nothing stays open.
        """
        wanted = doors_for(config)
        admin, listen, then, slots = [], [], config.workers, 1
        if self._estate is not None:
            unneeded(self._estate, [*config.listen, *wanted])
            admin, listen, then = self._estate.admin, self._estate.listen, self._estate.count
            keep_orders(self._estate.orders, config, self._house.news)
        elif sockets := handed_over():
            ours = [sock for sock in sockets if any(is_for(sock, one) for one in wanted)]
            admin = doors_of(ours, wanted, slots)
            listen = doors_of([sock for sock in sockets if sock not in ours], config.listen, then)
        door = settle(admin, slots, wanted, slots, file, key="admin", private=True)
        try:
            return door, settle(listen, then, config.listen, config.workers, file)
        except BaseException:
            door.close()
            raise

    def serving(self) -> None:
        """All workers do: an older program may leave, and systemd goes on with what waits for us."""
        house = self._house
        if self._estate is not None:
            open_to_all(house.sockets)
            self._estate.take_over(house.sockets, house.door)
            self._estate = None
            house.hotline.hear()
        self.tell_state()
        self.systemd.keep_alive(house.loop)

    def tell_state(self) -> None:
        house = self._house
        workers = "1 worker" if len(house.slots) == 1 else f"{len(house.slots)} workers"
        self.systemd.ready(f"generation {house.reloads.generation}, {workers} on "
                           + ", ".join(house.sockets.urls))

    # As the one who leaves

    def begin(self) -> None:
        """SIGUSR2: start what lies in this program's place by now."""
        if problem := self._hindrance():
            LOG.warning("no upgrade: %s", problem)
            return
        LOG.info("upgrade: starting the new program")
        self._house.hotline.rest()
        try:
            self._upgrade = Upgrade(self._house.loop, self._leave, self._succeeded, self._failed)
        except OSError as error:
            self._failed(f"it cannot be started: {error}")

    def _hindrance(self) -> str:
        if os.getpid() == 1:
            return "this is process 1, and its end would be that of the container; start another container"
        if self.is_busy():
            return "one is under way"
        if self._house.reloads.is_busy():
            return "a reload is under way"
        return "" if self._house.is_up() else "this program does not serve, or ends"

    def is_busy(self) -> bool:
        return self._upgrade is not None

    def _leave(self, tell: int) -> tuple[int, list[int]]:
        house = self._house
        return leave(house.sockets, house.door, house.hotline.fileno(), house.news.orders(), tell)

    def _succeeded(self, pid: int) -> None:
        house = self._house
        LOG.info("process %d serves in place of this one", pid)
        house.note(event("upgraded", f"process {pid} serves in place of {os.getpid()}"))
        self.systemd.succeeded_by(pid)
        house.reloads.leave_to(pid)
        for door in (*house.sockets.doors, *house.door.doors):
            if door.file is not None:
                door.file.held = True
        house.leave()

    def _failed(self, why: str) -> None:
        self._upgrade = None
        open_to_all(self._house.sockets)
        self._house.hotline.hear()
        reason = "; ".join(why.splitlines())
        LOG.error("the upgrade failed, this program goes on: %s", reason)
        self._house.note(event("not_upgraded", reason))
        self._house.reloads.go_on()

    def end(self) -> None:
        """This program was told to end while another one was starting."""
        if self._upgrade is not None:
            self._upgrade.cancel("this program was told to end")

    def keep_none(self) -> None:
        """In a child: what would hide from either program that the other has ended."""
        if self._estate is not None:
            self._estate.forget()
        if self._upgrade is not None:
            self._upgrade.forget()
