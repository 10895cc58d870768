"""Sockets that systemd listens on before the proxy is there (sd_listen_fds(3)).

The rule of this room: a socket is for the `listen` that names its address; who has none is told of, for it
would take connections that nobody serves. All workers accept from the one there is: it belongs to
another user, so none can be added beside it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Final

from proxy.config.schema import Listener
from proxy.process.sockets import Door, Place, place_of, places

LOG = logging.getLogger("proxy.supervisor")

FIRST: Final = 3
VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def handed_over(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets that are for this process; the environment forgets them."""
    pid, count, _ = (environ.pop(name, "") for name in VARIABLES)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    found = [socket.socket(fileno=fd) for fd in range(FIRST, FIRST + int(count))]
    for sock in found:
        sock.set_inheritable(False)
        sock.setblocking(False)
    return found


def doors_of(found: Iterable[socket.socket], listeners: Sequence[Listener], count: int) -> list[Door]:
    """Those that listeners name, for so many workers; the rest is closed, with a warning."""
    doors = []
    for sock in found:
        listener = next((one for one in listeners if is_for(sock, one)), None)
        if listener is None:
            LOG.warning("systemd hands over %s, which `listen` does not name: closed", place_of(sock))
            sock.close()
        else:
            doors.append(Door(listener, [sock] * count, None, single=True))
    return doors


def is_for(sock: socket.socket, listener: Listener) -> bool:
    """Whether the socket listens on an address of the listener."""
    address, name = listener.address, sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return address.path is not None and name == address.path
    if address.path is not None:
        return False
    return any(_covers(sock, place) for place in places(address.host, address.port))


def _covers(sock: socket.socket, place: Place) -> bool:
    """`ListenStream=8080` is every address of both families, and so more than 0.0.0.0:8080 asks for."""
    family, wanted = place
    name = sock.getsockname()
    if name[1] != wanted[1]:
        return False
    if sock.family == family:
        return bool(name[0] == wanted[0])
    both = sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return both and name[0] == "::" and wanted[0] == "0.0.0.0"
