"""A bound address: accepts connections, and knows those that are open.

Connections are accepted here, not by the loop's own server, for one reason: at a limit (of
`limits.connections` or of file descriptors) a worker must stop accepting and leave clients in the
kernel's queue, without spinning and without dropping one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable

from proxy.downstream.connection import HEAD
from proxy.downstream.h1 import H1Connection
from proxy.downstream.switch import Switch
from proxy.downstream.tls import Certificates, TlsLayer
from proxy.http.peer import Peer, Trust
from proxy.http.prepared import error_page
from proxy.observe.logs import Seldom
from proxy.tasks import spawn

log = logging.getLogger("proxy.downstream")

BATCH = 64          # connections accepted at one go, so that running exchanges are not starved
TIDY_AFTER = 5.0    # seconds of idleness after which a connection shrinks to the least
FULL_PAUSE = 0.25   # seconds until another look when descriptors have run out
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Gate:
    """How many connections a worker may have, over all its listeners.

    Args:
        most: connections at a time.
        per_client: connections of one address at a time; None for no limit.
    """

    def __init__(self, most: int, per_client: int | None) -> None:
        self.most = most
        self.per_client = per_client
        self.count = self.accepted = 0
        self._clients: Counter[str] = Counter()
        self.listeners: list[Listener] = []

    @property
    def full(self) -> bool:
        return self.count >= self.most

    def enter(self, address: str) -> bool:
        """Count one in; False if this client has too many already (it is counted all the same)."""
        self.count += 1
        self.accepted += 1
        self._clients[address] += 1  # without a limit too: a reload may bring one
        return self.per_client is None or self._clients[address] <= self.per_client

    def leave(self, address: str) -> None:
        was_full = self.full
        self.count -= 1
        self._clients[address] -= 1
        if not self._clients[address]:
            del self._clients[address]
        if was_full:
            self._let_in()

    def become(self, most: int, per_client: int | None) -> None:
        """Other limits from now on; who is in stays."""
        self.most = most
        self.per_client = per_client
        self._let_in()

    def _let_in(self) -> None:
        for listener in self.listeners:
            listener.accept_again()


class Listener:
    """One listening socket of one worker.

    Attributes:
        certificates: what new connections are shown; None where they speak without TLS.
    """

    def __init__(self, sock: socket.socket, switch: Switch, gate: Gate, trust: Trust,
                 loop: asyncio.AbstractEventLoop, certificates: Certificates | None = None) -> None:
        self.sock = sock
        self.certificates = certificates
        self.switch = switch
        self.loop = loop
        self.draining = False
        self.connections: set[H1Connection] = set()
        self._gate = gate
        self._trust = trust
        self._accepting = False
        self._no_room = Seldom(log)
        self._arriving: set[asyncio.Task[None]] = set()
        self._too_many: set[H1Connection] = set()
        self._empty: Callable[[], None] | None = None
        name = sock.getsockname()
        self._port = name[1] if isinstance(name, tuple) else 0
        self._authority = _authority(name)
        gate.listeners.append(self)

    def start(self) -> None:
        self._accepting = True
        self.loop.add_reader(self.sock.fileno(), self._acceptable)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            self.loop.remove_reader(self.sock.fileno())

    def accept_again(self) -> None:
        """There is room: take what waits in the queue."""
        if not self._accepting and not self.draining:
            self.start()

    def _acceptable(self) -> None:
        for _ in range(BATCH):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Take one connection from the queue; False when there is none, or no room."""
        if self._gate.full:
            self._pause()
            return False
        try:
            sock, name = self.sock.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._out_of_descriptors(error)
                return False
            return True  # that client is gone again
        self._admit(sock, name)
        return True

    def _out_of_descriptors(self, error: OSError) -> None:
        self._no_room.warn("cannot accept for a moment: %s", error)
        self._pause()
        self.loop.call_later(FULL_PAUSE, self.accept_again)

    def _admit(self, sock: socket.socket, name: object) -> None:
        address = name[0] if isinstance(name, tuple) else "unix:"
        address = address.removeprefix("::ffff:")
        admitted = self._gate.enter(address)
        sock.setblocking(False)
        shown = self.certificates
        scheme = "http" if shown is None else "https"
        connection = H1Connection(self, Peer(address, self._port, scheme, self._authority, self._trust))
        if not admitted:
            self._too_many.add(connection)
        arriving = spawn(self.loop, self._serve(sock, connection, shown))
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arriving.discard)

    async def _serve(self, sock: socket.socket, connection: H1Connection,
                     shown: Certificates | None) -> None:
        protocol = connection if shown is None else TlsLayer(connection, shown)
        try:
            await self.loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()
            self._too_many.discard(connection)
            self._gate.leave(connection.peer.address)

    def trust_others(self, trust: Trust) -> None:
        """What peers claim is believed by other rules; those that are connected have no older rights."""
        self._trust = trust
        for connection in self.connections:
            connection.peer.trust_others(trust)

    def tidy(self, now: float) -> None:
        """Have connections that have been idle for a while give back what they remember."""
        idle = now - TIDY_AFTER + self.switch.runtime.settings.keep_alive_timeout
        for connection in self.connections:
            if connection.phase == HEAD and not connection.held and connection.deadline < idle:
                connection.peer.forget()

    def opened(self, connection: H1Connection) -> None:
        self.connections.add(connection)
        if connection in self._too_many:  # at once: later it might have asked for something already
            self._too_many.remove(connection)
            connection.turn_away(error_page(429))

    def closed(self, connection: H1Connection) -> None:
        """Called once for each connection, tunnels included, when it is gone."""
        if connection in self.connections:
            self.connections.remove(connection)
            self._gate.leave(connection.peer.address)
            if self.draining and not self.connections and self._empty is not None:
                self._empty()

    async def drain(self, seconds: float) -> None:
        """Accept no more, let what runs finish for at most `seconds`, then close the rest."""
        while not self.draining and self._accept():
            pass  # whoever is in the queue already has been promised an answer
        self._stop_listening()
        self._drain_all()
        await asyncio.gather(*self._arriving)
        for _ in range(3):
            await asyncio.sleep(0)  # what the last ones sent with their connect is read now
        self._drain_all()
        if self.connections:
            emptied = asyncio.Event()
            self._empty = emptied.set
            try:
                await asyncio.wait_for(emptied.wait(), seconds)
            except TimeoutError:
                log.warning("%d connections did not finish in time and are closed", len(self.connections))
        self.close()

    def _drain_all(self) -> None:
        for connection in list(self.connections):
            connection.drain()

    def _stop_listening(self) -> None:
        self._pause()
        self.draining = True
        self.sock.close()

    def close(self) -> None:
        """Close everything at once."""
        self._stop_listening()
        if self in self._gate.listeners:
            self._gate.listeners.remove(self)
        for connection in list(self.connections):
            connection.transport.abort()


def _authority(name: object) -> bytes:
    if not isinstance(name, tuple):
        return b"localhost"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}".encode()
