"""The listening sockets: bound once, before anything else, and owned by the supervisor.

The rule of this room: whatever cannot be bound is explained to a person, with what to do next.

A TCP listener has one SO_REUSEPORT socket per worker slot: the kernel spreads connections over
them, and as the supervisor holds them open too, the queue of a worker that dies waits for its
successor. A unix socket cannot be spread like that; all workers accept from one.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence

from proxy.config.schema import Listener

BACKLOG = 4096  # the kernel cuts it to net.core.somaxconn; a burst must not meet a full queue
# Octets that a connection's kernel buffer may hold unsent; without it that is up to 4 MB for each slow
# reader, in memory that cannot be swapped. 300 of them, 2 MB each, held up everybody else for a second.
MOST_UNSENT = 262144

ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

Bound = tuple[Listener, socket.socket]
SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Place = tuple[int, SocketAddress]


class CannotListen(Exception):
    """An address that cannot be bound; the message is for people."""


class ListeningSockets:
    """All listeners, bound for a number of worker slots.

    Args:
        listeners: what the configuration names.
        count: how many worker slots there are.
        file: the configuration's path, for messages.
        key: where in it the addresses stand.
        private: whether nobody but this user may connect to a Unix socket.

    Raises:
        CannotListen: one of the addresses; nothing stays bound.
    """

    def __init__(self, listeners: Sequence[Listener], count: int, file: str, *, key: str = "listen",
                 private: bool = False) -> None:
        self.count = count
        self.doors: list[Door] = []
        self.shed: list[socket.socket] = []  # of slots that are no more; see `rebinding`
        self._where = f"{key} in {file}"
        self._private = private
        try:
            for listener in listeners:
                self.doors += self.bind(listener)
        except BaseException:
            self.close()
            raise

    @property
    def urls(self) -> list[str]:
        return [door.url for door in self.doors]

    @property
    def slots(self) -> list[list[Bound]]:
        """What each worker listens on."""
        return [[(door.listener, door.sockets[slot]) for door in self.doors] for slot in range(self.count)]

    def bind(self, listener: Listener, count: int = 0, *, beside: bool = False) -> list[Door]:
        """Every address that the listener stands for.

        Args:
            count: of slots, if not the present one.
            beside: a socket of ours may have an address that this one includes, or is included in.

        Raises:
            CannotListen: it has none that can be bound.
        """
        address, count = listener.address, count or self.count
        try:
            if address.path is not None:
                sock = bind_unix(address.path, 0o600 if self._private else None)
                return [Door(listener, [sock] * count, SocketFile(address.path))]
            return bind_host(listener, count, beside=beside)
        except OSError as error:
            reason = unix_reason(address.path, error) if address.path else tcp_reason(address.port, error)
            message = f"cannot listen on {address}: {reason} change {self._where}"
            raise CannotListen(message) from error

    def keep_only(self, slot: int) -> list[Bound]:
        """In a worker: close what belongs to the other slots and hand out the rest."""
        own = self.slots[slot]
        kept = {sock for _, sock in own}
        for sock in self._all():
            if sock not in kept:
                sock.close()
        return own

    def keep_none(self) -> None:
        """The same in a child that serves nobody."""
        for sock in self._all():
            sock.close()

    def _all(self) -> list[socket.socket]:
        return [*self.shed, *(sock for door in self.doors for sock in door.sockets)]

    def close(self) -> None:
        """Close everything in this process and remove the socket files."""
        for sock in self.shed:
            sock.close()
        for door in self.doors:
            door.close()
        self.doors = []


class Door:
    """One bound address.

    Args:
        listener: of the configuration; `localhost` may have two doors.
        sockets: one for each slot, all the same for a Unix socket.
        file: of a Unix socket that we have made.
        single: whether all slots accept from one socket, as none can be added beside it.
    """

    __slots__ = ("file", "listener", "single", "sockets")

    def __init__(self, listener: Listener, sockets: list[socket.socket], file: SocketFile | None, *,
                 single: bool = False) -> None:
        self.listener = listener
        self.sockets = sockets
        self.file = file
        self.single = single or file is not None

    @property
    def url(self) -> str:
        return url(self.sockets[0], self.listener)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        if self.file is not None:
            self.file.remove()


class SocketFile:
    """The file of a unix socket, known again by its inode: another program may have put its own there.

    Attributes:
        held: somebody else still needs it, and removes it.
    """

    def __init__(self, path: str, *, held: bool = False) -> None:
        self._path = path
        self.held = held
        self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def remove(self) -> None:
        if not self.held and self._identity is not None and self._look() == self._identity:
            os.unlink(self._path)


def url(sock: socket.socket, listener: Listener) -> str:
    """What a person can open, with the port that was really bound (`:0` asks for any)."""
    place = place_of(sock)
    return place if sock.family == socket.AF_UNIX else f"{'https' if listener.tls else 'http'}://{place}"


def place_of(sock: socket.socket) -> str:
    """What it is bound to."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if sock.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def places(host: str, port: int) -> list[Place]:
    """The distinct addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def bind_host(listener: Listener, count: int, *, beside: bool) -> list[Door]:
    """Every address that the host has: `localhost` may have two, of which this machine lacks one."""
    doors: list[Door] = []
    missing: OSError | None = None
    for family, place in places(listener.address.host, listener.address.port):
        try:
            doors.append(Door(listener, bind_tcp(family, place, count, beside=beside), None))
        except OSError as error:
            if error.errno not in ABSENT:
                for door in doors:
                    door.close()
                raise
            missing = error
    if missing is not None and not doors:
        raise missing
    return doors


def bind_tcp(family: int, address: SocketAddress, count: int, *, beside: bool = False) -> list[socket.socket]:
    """`count` sockets on one address.

    The first is bound and listens without SO_REUSEPORT, or two proxies started by the same user
    would silently share the port and each get half of the traffic; only then may more join it.
    But for `beside`, where it is one of ours that it meets.
    """
    sockets: list[socket.socket] = []
    try:
        for number in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(sock)
            # The first one's name: for port 0 only it knows which.
            place = sockets[0].getsockname() if number else address
            bind_shared(sock, place, shared=number > 0 or beside)
            sock.listen(BACKLOG)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, count > 1)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def bind_shared(sock: socket.socket, address: SocketAddress, *, shared: bool) -> None:
    """Bind with all options; whoever is `shared` joins those that share the address when it listens."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not count
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    if sock.family == socket.AF_INET6:
        # `[::]` and `0.0.0.0` are two listeners, on every system and whatever its defaults.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)  # accepted ones inherit it
    sock.bind(address)
    sock.setblocking(False)


def bind_unix(path: str, mode: int | None = None) -> socket.socket:
    """A socket on a path; a file that a dead program left there is replaced.

    Args:
        mode: of the file; None leaves it to the umask. Nobody can connect before `listen`.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not is_stale(path):
                raise
            os.unlink(path)
            sock.bind(path)
        if mode is not None:
            os.chmod(path, mode)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def is_stale(path: str) -> bool:
    """Whether a socket file has nobody behind it; a full queue or a lack of rights is somebody."""
    if not is_socket_file(path):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        return sock.connect_ex(path) == errno.ECONNREFUSED


def is_socket_file(path: str) -> bool:
    return stat.S_ISSOCK(os.lstat(path).st_mode)


def tcp_reason(port: int | None, error: OSError) -> str:
    """Why, and what may be done about it instead of changing the configuration."""
    if isinstance(error, socket.gaierror):
        return f"the name has no address ({error.strerror});"
    match error.errno:
        case errno.EADDRINUSE:
            return f"the address is in use; stop the other program (ss -ltnp 'sport = :{port}' names it) or"
        case errno.EACCES | errno.EPERM:
            return "permission denied; for a port below 1024 grant CAP_NET_BIND_SERVICE or"
        case errno.EADDRNOTAVAIL:
            return "no interface of this machine has that address (`ip address` lists them);"
        case errno.EAFNOSUPPORT:
            return "this machine has no IPv6;"
    return f"{error.strerror or error};"


def unix_reason(path: str, error: OSError) -> str:
    """The same for a unix socket."""
    folder = os.path.dirname(path) or "."
    match error.errno:
        case errno.EADDRINUSE if not is_socket_file(path):
            return "the file is there and is not a socket; move it away or"
        case errno.EADDRINUSE:
            return f"the address is in use; stop the other program (ss -lxp src {path} names it) or"
        case errno.ENOENT:
            return f"the folder {folder} does not exist; create it or"
        case errno.EACCES | errno.EPERM:
            return f"permission denied in the folder {folder}; grant it or"
    return f"{error.strerror or error};"
