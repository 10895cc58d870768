"""Listening sockets that were open before this program was there, made those of its configuration.

The rule of this room: what a reload would do is done, but for what clients could notice before this program
serves: sockets that are new beside old ones get nobody until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.config.schema import Listener
from proxy.process.estate import Estate
from proxy.process.rebinding import Rebinding, close_shed
from proxy.process.sockets import Door, ListeningSockets
from proxy.process.steering import let_go, steer


def settle(doors: Sequence[Door], then: int, listeners: Sequence[Listener], now: int, file: str, *,
           key: str = "listen", private: bool = False) -> ListeningSockets:
    """Doors with sockets for `then` slots, and what else the configuration wants, for `now` slots.

    Raises:
        CannotListen: some addresses cannot be bound; a line for each. What was open stays so for others.
    """
    sockets = ListeningSockets((), then, file, key=key, private=private)
    sockets.doors = list(doors)
    try:
        change = Rebinding(sockets, listeners, now)
    except BaseException:
        sockets.close()
        raise
    _hold_back(sockets, then, now)
    change.commit()
    _hold_back(sockets, then, now)  # one that had no others beside it cannot be steered before
    close_shed(sockets)
    return sockets


def open_to_all(sockets: ListeningSockets) -> None:
    """Every socket gets its share of the clients."""
    for door in sockets.doors:
        if not door.single and len(door.sockets) > 1:
            let_go(door.sockets[0])


def unneeded(estate: Estate, listeners: Sequence[Listener]) -> None:
    """Remember the socket files that nobody listens at any more once this program serves."""
    wanted = {listener.address for listener in listeners}
    estate.gone += [door.file for door in (*estate.listen, *estate.admin)
                    if door.file is not None and door.listener.address not in wanted]


def _hold_back(sockets: ListeningSockets, then: int, now: int) -> None:
    for door in sockets.doors:
        if now > then and not door.single and len(door.sockets) >= then:
            steer(door.sockets[0], then)
