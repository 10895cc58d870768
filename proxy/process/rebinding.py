"""What a reload does to the listening sockets.

The rule of this room: whatever can fail is done beforehand, and can be undone without a trace: addresses
that are new are bound before those that go are given up, and more slots have their sockets bound, but
not listening, lest the kernel send them somebody whom no worker will serve.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from proxy.config.schema import Listener
from proxy.process.sockets import BACKLOG, CannotListen, Door, ListeningSockets, bind_shared
from proxy.process.steering import let_go, steer


class Rebinding:
    """From the sockets that there are to those of another configuration.

    Args:
        sockets: what there is; it stays as it is until `commit`.
        listeners, count: of the new configuration.

    Raises:
        CannotListen: some addresses cannot be bound; a line for each.
    """

    def __init__(self, sockets: ListeningSockets, listeners: Sequence[Listener], count: int) -> None:
        self._sockets = sockets
        self._listeners = listeners
        self._count = count
        wanted = {listener.address for listener in listeners}
        self._gone = [door for door in sockets.doors if door.listener.address not in wanted]
        self._kept = [door for door in sockets.doors if door.listener.address in wanted]
        self.added: list[Door] = []
        self._more: list[tuple[Door, list[socket.socket]]] = []
        try:
            self._bind()
        except BaseException:
            self.discard()
            raise

    def _bind(self) -> None:
        problems = []
        present = {door.listener.address for door in self._kept}
        for listener in self._listeners:
            if listener.address not in present:
                try:
                    self.added += self._sockets.bind(
                        listener, self._count, beside=self._meets_own(listener.address.port))
                except CannotListen as error:
                    problems.append(str(error))
        if problems:
            raise CannotListen("\n".join(problems))
        for door in self._kept:
            self._more.append((door, more_sockets(door, self._count - len(door.sockets))))

    def _meets_own(self, port: int) -> bool:
        """Whether one that goes has the port: 127.0.0.1:80 where 0.0.0.0:80 is to be, which includes it."""
        found = [door for door in self._gone if port and door.listener.address.port == port]
        for door in found:
            for sock in door.sockets:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
        return bool(found)

    def discard(self) -> None:
        """It does not come to that."""
        for door in self.added:
            door.close()
        for door, sockets in self._more:
            if not door.single:
                for sock in sockets:
                    sock.close()

    def added_for(self, slot: int) -> list[tuple[int, socket.socket]]:
        """What a worker has to listen on, too: (place of the listener in the configuration, socket)."""
        places = {listener.address: place for place, listener in enumerate(self._listeners)}
        return [(places[door.listener.address], door.sockets[slot]) for door in self.added]

    def commit(self) -> None:
        """From now on these are the sockets. Those of slots that are no more wait in `shed`."""
        for door, sockets in self._more:
            door.listener = door.listener.successor(self._listeners) or door.listener
            self._resize(door, sockets)
        self._sockets.doors = [*self._kept, *self.added]
        self._sockets.count = self._count
        for door in self._gone:
            door.close()  # the workers have their own, until nobody waits there any more

    def _resize(self, door: Door, sockets: list[socket.socket]) -> None:
        for sock in () if door.single else sockets:
            sock.listen(BACKLOG)
        door.sockets += sockets
        shed = door.sockets[self._count:]
        if shed and not door.single:
            steer(door.sockets[0], self._count)
            self._sockets.shed += shed
        elif sockets and not door.single:
            let_go(door.sockets[0])
        del door.sockets[self._count:]


def close_shed(sockets: ListeningSockets) -> None:
    """Nobody is sent to them any more; their workers accept who is there already, and close them at last."""
    for sock in sockets.shed:
        sock.close()
    sockets.shed.clear()


def more_sockets(door: Door, count: int) -> list[socket.socket]:
    """So many that share a door's address, bound but not listening."""
    if door.single:
        return door.sockets[:1] * count
    made: list[socket.socket] = []
    try:
        for sock in door.sockets if count > 0 else ():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
        for _ in range(count):
            sock = socket.socket(door.sockets[0].family, socket.SOCK_STREAM)
            made.append(sock)
            bind_shared(sock, door.sockets[0].getsockname(), shared=True)
    except OSError as error:
        for sock in made:
            sock.close()
        raise CannotListen(f"cannot listen on {door.url} for more workers: {error.strerror}") from error
    return made
