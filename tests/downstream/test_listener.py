import asyncio
import errno
import socket

import pytest

from proxy import tasks
from proxy.clock import DeadlineWheel
from proxy.downstream import listener
from proxy.downstream.connection import HEAD, WAIT
from proxy.downstream.listener import FULL_PAUSE, TIDY_AFTER, Gate, Listener
from proxy.downstream.switch import Switch
from tests.downstream.stage import GET, FakeRuntime, hello
from tests.fakes import FakeLoop

# The gate.

class Door:
    def __init__(self):
        self.opened = 0

    def accept_again(self):
        self.opened += 1


def test_a_gate_counts_and_lets_listeners_know_when_there_is_room_again():
    gate, door = Gate(2, None), Door()
    gate.listeners.append(door)
    assert gate.enter("a")
    gate.leave("a")
    assert door.opened == 0
    gate.enter("a")
    gate.enter("a")
    assert gate.full
    gate.leave("a")
    assert (gate.full, door.opened) == (False, 1)


def test_a_gate_counts_each_client():
    gate = Gate(10, 2)
    assert [gate.enter("a"), gate.enter("a"), gate.enter("a"), gate.enter("b")] == [True, True, False, True]
    gate.leave("a")
    assert not gate.enter("a")
    for _ in range(3):
        gate.leave("a")
    gate.leave("b")
    assert (gate.count, dict(gate._clients)) == (0, {})


# Accepting, with fakes: what the kernel says is made up.

class Socket:
    """A listening socket whose `accept` gives what the test has laid out."""

    def __init__(self, *outcomes, name=("127.0.0.1", 80)):
        self.outcomes = list(outcomes)
        self.name = name
        self.closed = False

    def getsockname(self):
        return self.name

    def fileno(self):
        return 77

    def close(self):
        self.closed = True

    def accept(self):
        if not self.outcomes:
            raise BlockingIOError
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome


class Loop(FakeLoop):
    def __init__(self):
        super().__init__()
        self.readers = {}

    def add_reader(self, fd, call):
        self.readers[fd] = call

    def remove_reader(self, fd):
        del self.readers[fd]


class Room:
    """A listener that admits into a list."""

    def __init__(self, *outcomes, most=100):
        self.loop = Loop()
        self.gate = Gate(most, None)
        self.sock = Socket(*outcomes)
        switch = Switch(FakeRuntime(), DeadlineWheel(self.loop))
        self.listener = Listener(self.sock, switch, self.gate, lambda address: False, self.loop)
        self.admitted = []
        self.listener._admit = lambda sock, name: (self.admitted.append(sock), self.gate.enter("a"))
        self.listener.start()

    @property
    def accepting(self):
        return bool(self.loop.readers)

    def ready(self):
        self.loop.readers[77]()


def client(number):
    return number, ("192.0.2.1", 9)


def test_all_that_wait_are_accepted():
    room = Room(client(1), client(2), client(3))
    room.ready()
    assert room.admitted == [1, 2, 3]
    assert room.accepting


def test_not_too_many_at_one_go():
    room = Room(*map(client, range(listener.BATCH + 1)))
    room.ready()
    assert len(room.admitted) == listener.BATCH


def test_at_the_limit_the_rest_stays_in_the_queue():
    room = Room(client(1), client(2), client(3), most=2)
    room.ready()
    assert room.admitted == [1, 2]
    assert not room.accepting
    room.gate.leave("a")
    assert room.accepting
    room.ready()
    assert room.admitted == [1, 2, 3]
    room.listener._pause()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_without_descriptors_it_waits_a_moment(number, caplog):
    room = Room(OSError(number, "none left"), client(1))
    room.ready()
    assert not room.accepting
    assert room.admitted == []
    assert "none left" in caplog.text
    (delay, call, _), = room.loop.later
    assert delay == FULL_PAUSE
    call()
    room.ready()
    assert room.admitted == [1]


def test_a_client_that_is_gone_again_is_passed_over():
    room = Room(OSError(errno.ECONNABORTED, "gone"), client(1))
    room.ready()
    assert room.admitted == [1]


def test_accepting_again_is_no_second_reader():
    room = Room()
    room.listener.accept_again()
    assert room.accepting
    room.listener.close()
    room.listener.accept_again()
    assert not room.accepting
    assert room.sock.closed


@pytest.mark.parametrize("name, authority, port", [
    (("127.0.0.1", 80), b"127.0.0.1:80", 80), (("::1", 80, 0, 0), b"[::1]:80", 80),
    ("/run/s", b"localhost", 0)])
def test_where_a_listener_is(name, authority, port):
    loop = Loop()
    made = Listener(Socket(name=name), Switch(FakeRuntime(), DeadlineWheel(loop)), Gate(1, None), bool, loop)
    assert (made._authority, made._port) == (authority, port)


def test_idle_connections_are_tidied():
    class Connection:
        def __init__(self, room, idle, phase=HEAD, held=b""):
            timeout = room.listener.switch.runtime.settings.keep_alive_timeout
            self.phase, self.held, self.deadline = phase, held, 100.0 - idle + timeout
            self.peer = self
            self.forgot = False
            room.listener.connections.add(self)

        def forget(self):
            self.forgot = True

    room = Room()
    idle, fresh = Connection(room, TIDY_AFTER + 1), Connection(room, TIDY_AFTER - 1)
    busy, asking = Connection(room, TIDY_AFTER + 1, phase=WAIT), Connection(room, TIDY_AFTER + 1, held=b"GET")
    room.listener.tidy(100.0)
    assert [one.forgot for one in (idle, fresh, busy, asking)] == [True, False, False, False]


# Real sockets.

async def until(condition):
    """Turns of the loop until something holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to that")


class House:
    """A listener on a real socket, and clients that wait in the loop."""

    def __init__(self, sock, most=100, per_client=None, answer=hello):
        self.loop = asyncio.get_running_loop()
        sock.setblocking(False)
        self.sock = sock
        self.name = sock.getsockname()
        self.gate = Gate(most, per_client)
        self.runtime = FakeRuntime()
        self.runtime.answer = answer
        switch = Switch(self.runtime, DeadlineWheel(self.loop))
        self.listener = Listener(sock, switch, self.gate, lambda address: False, self.loop)
        self.clients = []

    def client(self, data=b""):
        """Connected, and the data sent, before the loop hears of it."""
        sock = socket.socket(self.sock.family)
        sock.connect(self.name)
        sock.sendall(data)
        sock.setblocking(False)
        self.clients.append(sock)
        return sock

    async def read(self, sock, until=None):
        """What comes until the connection ends, or until there is so much."""
        data = b""
        while until is None or until not in data:
            piece = await asyncio.wait_for(self.loop.sock_recv(sock, 65536), 5)
            if not piece:
                break
            data += piece
        return data

    async def end(self):
        self.listener.close()
        await until(lambda: not self.gate.count and not tasks._running)
        for sock in self.clients:
            sock.close()


@pytest.fixture
async def house():
    made = []

    def make(sock=None, **options):
        made.append(House(sock or socket.create_server(("127.0.0.1", 0)), **options))
        return made[-1]

    yield make
    for one in made:
        await one.end()


async def test_a_client_is_served(house):
    h = house()
    h.listener.start()
    answer = await h.read(h.client(GET), until=b"hello")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert h.runtime.exchanges[0].client == "127.0.0.1"
    assert h.gate.count == 1


async def test_a_client_of_a_unix_socket(house, tmp_path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "s"))
    sock.listen()
    h = house(sock)
    h.listener.start()
    assert b"hello" in await h.read(h.client(GET), until=b"hello")
    assert h.runtime.exchanges[0].client == "unix:"


async def test_a_client_with_too_many_connections_is_told_so(house):
    """And nothing that it asked in the meantime is done."""
    h = house(per_client=1)
    h.listener.start()
    first = h.client(GET)
    await h.read(first, until=b"hello")
    second = h.client(GET)
    answer = await h.read(second)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert len(h.runtime.exchanges) == 1


async def test_the_next_client_gets_the_place(house):
    h = house(most=1)
    h.listener.start()
    first, second = h.client(GET), h.client(GET)
    await h.read(first, until=b"hello")
    assert len(h.runtime.exchanges) == 1
    first.close()
    assert b"hello" in await h.read(second, until=b"hello")


async def test_a_socket_that_cannot_be_served(house, monkeypatch):
    h = house()
    h.listener.start()

    async def fails(*args):
        raise OSError(errno.ENOBUFS, "no room")

    real = h.loop

    class Broken:
        connect_accepted_socket = staticmethod(fails)

        def __getattr__(self, name):
            return getattr(real, name)

    h.listener.loop = Broken()
    assert await h.read(h.client()) == b""
    assert h.gate.count == 0


async def test_whoever_waits_in_the_queue_is_served_before_the_end(house):
    h = house()
    clients = [h.client(GET) for _ in range(5)]
    await h.listener.drain(5)
    assert len(h.runtime.exchanges) == 5
    for sock in clients:
        answer = await h.read(sock)
        assert answer.endswith(b"hello")
        assert b"Connection: close" in answer
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(h.name)


async def test_an_idle_one_that_goes_first_does_not_end_it_for_the_others(house):
    h = house()
    h.listener.start()
    idle = h.client(GET)
    await h.read(idle, until=b"hello")
    h.runtime.answer = None
    sock = h.client(GET)
    draining = h.loop.create_task(h.listener.drain(30))
    await until(lambda: len(h.runtime.exchanges) == 2)
    assert await h.read(idle) == b""
    hello(h.runtime.exchanges[1])
    await draining
    assert (await h.read(sock)).endswith(b"hello")


async def test_running_exchanges_are_finished(house):
    h = house(answer=None)
    h.listener.start()
    sock = h.client(GET)
    await until(lambda: h.runtime.exchanges)
    draining = h.loop.create_task(h.listener.drain(30))
    await until(lambda: h.listener.draining)
    hello(h.runtime.exchanges[0])
    await draining
    assert b"Connection: close" in await h.read(sock)


async def test_what_does_not_finish_in_time_is_closed(house, caplog):
    h = house(answer=None)
    h.listener.start()
    h.client(GET)
    await until(lambda: h.runtime.exchanges)
    await h.listener.drain(0)
    assert "1 connections did not finish in time" in caplog.text
    await until(lambda: not h.listener.connections)
    assert h.gate.count == 0


async def test_nobody_is_there_and_a_second_end_does_nothing(house):
    h = house()
    h.listener.start()
    await h.listener.drain(30)
    await h.listener.drain(30)
    assert h.sock.fileno() == -1
