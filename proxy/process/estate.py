"""What one program version leaves to the next: its listening sockets, and what the operator has ordered.

The rule of this room: until the heir serves nothing changes hands. Both have the sockets open, so no queue is
ever lost; files of Unix sockets, which one of them must remove at last, are the former's until then.

It is written into memory without a name, whose descriptor the heir finds in its environment, beside the pid
of the process that it is from: what a grandchild finds there is not for it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

from proxy.config.address import Address
from proxy.config.schema import Config, Listener
from proxy.process import news
from proxy.process.sockets import Door, ListeningSockets, SocketFile

VARIABLE: Final = "PROXY_ESTATE"

Values = dict[str, Any]


class Estate:
    """As the heir finds it.

    Attributes:
        listen, admin: doors of both kinds, with the sockets that the former has for each.
        hotline: a descriptor; -1 for none.
        orders: the operator's, as news.
        gone: socket files that the new configuration has no use for.
    """

    def __init__(self, told: Values) -> None:
        self.listen = [_door(one) for one in told["listen"]]
        self.admin = [_door(one) for one in told["admin"]]
        self.count: int = told["count"]
        self.hotline: int = told["hotline"]
        self.orders: list[tuple[str, str]] = [(word, text) for word, text in told["orders"]]
        self.gone: list[SocketFile] = []
        self._tell: int = told["tell"]
        os.set_inheritable(self._tell, False)

    def tell(self, **what: object) -> None:
        """To the former: `ready=True`, or `failed` and why."""
        if self._tell >= 0:
            try:
                os.write(self._tell, json.dumps(what).encode() + b"\n")
            except OSError:
                pass  # it did not want to wait any longer
            self.forget()

    def forget(self) -> None:
        """Say nothing from now on."""
        if self._tell >= 0:
            os.close(self._tell)
            self._tell = -1

    def take_over(self, *owned: ListeningSockets) -> None:
        """The former leaves from now on: socket files are ours."""
        for sockets in owned:
            for door in sockets.doors:
                if door.file is not None:
                    door.file.held = False
        for file in self.gone:
            file.held = False
            file.remove()
        self.tell(ready=True)


def find(environ: MutableMapping[str, str] = os.environ) -> Estate | None:
    """What was left to this process; the environment forgets it."""
    pid, _, fd = environ.pop(VARIABLE, "").partition(":")
    if pid != str(os.getppid()) or not fd.isdigit():
        return None
    with open(int(fd), "rb") as file:
        file.seek(0)
        return Estate(json.load(file))


def leave(listen: ListeningSockets, admin: ListeningSockets, hotline: int,
          orders: Iterable[tuple[str, str]], tell: int) -> tuple[int, list[int]]:
    """The memory with the estate, and all descriptors that the heir must have.

    Args:
        tell: the heir's end of a pipe.
    """
    told = {"listen": list(map(_told, listen.doors)), "admin": list(map(_told, admin.doors)),
            "count": listen.count, "hotline": hotline, "orders": list(orders), "tell": tell}
    estate = os.memfd_create("estate")
    with open(estate, "wb", closefd=False) as file:
        file.write(json.dumps(told).encode())
    sockets = {sock.fileno() for door in (*listen.doors, *admin.doors) for sock in door.sockets}
    return estate, sorted(sockets | {fd for fd in (hotline, tell, estate) if fd >= 0})


def keep_orders(orders: Iterable[tuple[str, str]], config: Config, known: news.News) -> None:
    """Note those that the configuration has something for; where its names are is yet to be found out."""
    told = [(word, json.loads(text), text) for word, text in orders]
    there = {(name, str(endpoint.address))
             for name, pool in config.pools.items() for endpoint in pool.endpoints}
    named = {name for name, pool in config.pools.items() if any(one.resolve for one in pool.endpoints)}
    for word, order, text in sorted(told, key=lambda one: one[0] != news.ENDPOINT):  # what is added
        place = order["pool"], order["endpoint"]
        if order["pool"] not in config.pools:
            continue
        if word == news.ENDPOINT and (place in there) is not order["there"]:
            known.note(word, text)
            there ^= {place}
        elif word == news.PAUSE or (word != news.ENDPOINT and (place in there or order["pool"] in named)):
            known.note(word, text)


def _told(door: Door) -> Values:
    return {"address": str(door.listener.address), "fds": [sock.fileno() for sock in door.sockets],
            "single": door.single, "file": door.file is not None}


def _door(told: Values) -> Door:
    listener = Listener(address=Address.parse(told["address"]))
    made = {fd: _socket(fd) for fd in set(told["fds"])}
    path = listener.address.path
    file = SocketFile(path, held=True) if told["file"] and path is not None else None
    return Door(listener, [made[fd] for fd in told["fds"]], file, single=told["single"])


def _socket(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    return sock
