"""Files over real sockets, on both loops."""

import asyncio
import errno
import logging
import os
import random
import socket
import struct
import threading
from itertools import groupby

import pytest

from proxy.downstream import pieces, sendfile
from proxy.downstream.h1 import H1Connection
from proxy.downstream.sendfile import TURN
from proxy.http import disk
from proxy.http.peer import Peer
from proxy.observe.logs import Seldom
from tests.downstream.stage import GET, SEND_TIMEOUT, FakeListener, FakeRuntime, head, hello, outcomes
from tests.fakes import FakeTransport

CONTENT = random.Random(11).randbytes(6 * TURN + 4321)
SIZE = len(CONTENT)
LITTLE = 8192  # octets of each buffer in the kernel where a client shall be slow


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def clock(clock, monkeypatch):
    monkeypatch.setattr(sendfile, "monotonic", clock)
    return clock


def pair(kind, octets):
    """Our end and the client's, by TCP or a Unix socket; with buffers of so many octets."""
    if kind == "unix":
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as door:
            theirs = socket.socket()
            if octets:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
            theirs.connect(door.getsockname())
            ours = door.accept()[0]
    if octets:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, octets)
    for sock in (ours, theirs):
        sock.setblocking(False)
    return ours, theirs


def links():
    """What the descriptors of this process are of."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return found


class WatchedLoop:
    """The loop, and the descriptors that it waits for room of."""

    def __init__(self, loop):
        self.loop = loop
        self.writers = set()

    def __getattr__(self, name):
        return getattr(self.loop, name)

    def add_writer(self, fd, call):
        self.writers.add(fd)
        self.loop.add_writer(fd, call)

    def remove_writer(self, fd):
        self.writers.remove(fd)
        self.loop.remove_writer(fd)


class Line:
    """A connection, the client at its other end, and a handler that sends the file."""

    def __init__(self, path, sock, client, clock, start=0, end=SIZE, before=None):
        self.path = path
        self.clock = clock
        self.loop = WatchedLoop(asyncio.get_running_loop())
        self.runtime = FakeRuntime()
        self.runtime.answer = self.answer
        self.listener = FakeListener(self.runtime, self.loop)
        peer = Peer("192.0.2.7", 8080, "http", b"front:8080", lambda address: False)
        self.connection = H1Connection(self.listener, peer)
        self.sock, self.client = sock, client
        self.socket_link = os.readlink(f"/proc/self/fd/{sock.fileno()}")
        self.start, self.end, self.before = start, end, before
        self.held = bytearray()

    async def open(self):
        await self.loop.connect_accepted_socket(lambda: self.connection, self.sock)
        return self

    def answer(self, exchange):
        if self.before is not None:
            self.before(exchange)
        if len(self.runtime.exchanges) > 1:
            hello(exchange)
        else:
            fd = os.open(self.path, os.O_RDONLY)
            exchange.send_file(head(length=self.end - self.start), fd, self.start, self.end)

    async def ask(self, request=GET):
        """Send it, and have the first octets of the answer underway."""
        await self.loop.sock_sendall(self.client, request)
        await until(lambda: self.runtime.exchanges and (self.runtime.exchanges[0].status or self.log))

    async def read(self, is_enough=lambda data: False):
        """What comes, until it is enough or the connection ends."""
        data, self.held = self.held, bytearray()
        while not is_enough(data):
            try:
                piece = await asyncio.wait_for(self.loop.sock_recv(self.client, 65536), 5)
            except ConnectionError:
                break
            if not piece:
                break
            data += piece
        return data

    async def exactly(self, octets):
        """So many, or what there is of them."""
        data = await self.read(lambda data: len(data) >= octets)
        self.held = data[octets:]
        return bytes(data[:octets])

    async def head(self):
        data = await self.read(lambda data: b"\r\n\r\n" in data)
        lines, _, self.held = data.partition(b"\r\n\r\n")
        return bytes(lines)

    async def body(self):
        """The body that the head announces, or what there is of it."""
        self.lines = await self.head()
        return await self.exactly(self.end - self.start)

    @property
    def exchange(self):
        return self.runtime.exchanges[0]

    @property
    def log(self):
        return self.runtime.log.exchanges

    @property
    def acknowledged(self):
        """Octets of the file that the client's system has, as the kernel tells us."""
        return self.exchange.responder._acknowledged()

    @property
    def open_files(self):
        """Descriptors of the file that this process holds."""
        return sum(link.startswith(str(self.path)) for link in links())

    @property
    def is_gone(self):
        """Whether nothing is left of it."""
        held = self.socket_link in links() or self.open_files or self.loop.writers
        return not held and not self.listener.connections and not self.listener.switch.wheel._watched

    def wait(self, seconds):
        self.clock.advance(seconds)
        self.listener.switch.wheel.expire(self.clock.now)

    async def settle(self):
        """Until the kernel takes no more for a client that reads nothing."""
        sent = -1
        while sent != self.exchange.sent:
            sent = self.exchange.sent
            for _ in range(20):
                await asyncio.sleep(0)


async def until(condition):
    """Turns of the loop until something holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to that")


@pytest.fixture
async def line(path, clock):
    """Makes the connection of a test. In the end nothing of it is left, in the loop or the kernel."""
    made = []

    async def make(kind="tcp", octets=0, **options):
        made.append(Line(path, *pair(kind, octets), clock, **options))
        return await made[-1].open()

    yield make
    for one in made:
        one.client.close()
        one.connection.transport.abort()
        await until(lambda one=one: one.is_gone)


@pytest.fixture(autouse=True)
def broken(monkeypatch):
    """The log has been silent so far."""
    monkeypatch.setattr(pieces, "broken", Seldom(logging.getLogger("proxy.downstream")))


@pytest.fixture
def cold(monkeypatch):
    """The page cache has nothing."""
    monkeypatch.setattr(disk, "is_cached", lambda fd, start, end: False)


both = pytest.mark.parametrize("kind", ["tcp", "unix"])


# What arrives.


@both
@pytest.mark.parametrize("start, end", [(0, SIZE), (0, 1), (5, TURN + 5), (SIZE - 1, SIZE), (77, SIZE)])
async def test_octets(line, kind, start, end):
    one = await line(kind, start=start, end=end)
    await one.ask()
    assert await one.body() == CONTENT[start:end]
    assert one.lines.startswith(b"HTTP/1.1 200 OK")
    assert [exchange.sent for exchange in one.log] == [end - start]
    assert not one.connection.transport.is_closing()


@both
async def test_octets_to_a_slow_client(line, kind):
    one = await line(kind, LITTLE)
    await one.ask()
    await one.settle()
    assert 0 < one.exchange.sent < SIZE
    assert one.connection.transport.get_write_buffer_size() == 0  # nothing is kept in this process
    assert await one.body() == CONTENT
    assert outcomes(one.log) == outcomes([one.exchange])


async def test_octets_from_a_cold_disk(line, cold):
    one = await line()
    await one.ask()
    assert await one.body() == CONTENT


async def test_the_next_request_waits(line):
    one = await line()
    await one.ask(GET * 3)
    assert await one.body() == CONTENT
    assert (await one.read(lambda data: data.count(b"hello") == 2)).count(b"HTTP/1.1 200 OK") == 2
    assert [exchange.sent for exchange in one.log] == [SIZE, 5, 5]


async def test_a_connection_that_is_not_kept_ends(line):
    one = await line()
    await one.ask(GET.replace(b"1.1", b"1.0"))
    assert await one.body() == CONTENT
    assert await one.read() == b""


async def test_a_head_that_cannot_go_out_yet(line):
    """The file goes behind what the transport has, not before it."""
    hints = b"HTTP/1.1 103 Early Hints\r\n" + b"X: %b\r\n" % (b"y" * SIZE)
    one = await line(octets=LITTLE, before=lambda exchange: exchange.interim(hints))
    await one.ask()
    await one.settle()
    assert one.connection.paused
    assert one.exchange.sent == 0
    assert await one.head() == hints[:-2]
    assert await one.body() == CONTENT


async def test_two_clients_take_turns(line, monkeypatch):
    """However fast they are, neither has the loop for itself."""
    turns = []

    def send(out, fd, offset, count):
        turns.append(out)
        return real(out, fd, offset, count)

    real = os.sendfile
    monkeypatch.setattr(sendfile.os, "sendfile", send)
    first, second = await line(), await line()
    await asyncio.gather(first.ask(), second.ask())
    assert await asyncio.gather(first.body(), second.body()) == [CONTENT, CONTENT]
    longest = max(len(list(run)) for _, run in groupby(turns))
    assert len(turns) >= 8
    assert longest < 6


async def test_head_and_an_empty_range(line):
    one = await line(end=0)
    await one.ask()
    assert one.open_files == 0
    other = await line()
    await other.ask(GET.replace(b"GET", b"HEAD"))
    assert other.open_files == 0
    assert (await other.head()).startswith(b"HTTP/1.1 200 OK")


async def test_after_the_end_it_is_closed_and_nothing_else(line, path):
    one = await line()
    await one.ask()
    await one.body()
    one.exchange.send_file(head(length=5), os.open(path, os.O_RDONLY), 0, 5)
    assert one.open_files == 0
    assert one.exchange.sent == SIZE


async def test_an_exchange_that_was_cut_before(line):
    one = await line(before=lambda exchange: exchange.abort())
    await one.ask()
    assert await one.read() == b""


# Clients that do not take it.


@both
async def test_a_client_that_takes_nothing_is_cut(line, kind):
    one = await line(kind, LITTLE)
    await one.ask()
    await one.settle()
    one.wait(SEND_TIMEOUT - 1)
    assert not one.connection.transport.is_closing()
    one.wait(2)
    assert one.open_files == 0
    await until(lambda: one.log)
    assert 0 < one.exchange.sent < SIZE


async def test_a_client_that_takes_a_little_is_not_cut(line):
    """Less than makes room for another turn: only its own system knows of it."""
    one = await line(octets=64 * LITTLE)
    await one.ask()
    await one.settle()
    await one.head()
    taken = b""
    for _ in range(4):
        before = one.acknowledged
        while one.acknowledged == before:  # a kernel may wait for more room before it says that there is some
            taken += await one.exactly(16 * LITTLE)
        await one.settle()
        one.wait(SEND_TIMEOUT + 1)
        assert not one.connection.transport.is_closing()
    assert taken + await one.exactly(SIZE - len(taken)) == CONTENT


@both
async def test_a_client_that_goes_away(line, kind):
    one = await line(kind, LITTLE)
    await one.ask()
    one.client.close()
    await until(lambda: one.log)
    assert one.open_files == 0


async def test_a_client_that_resets(line):
    one = await line(octets=LITTLE)
    await one.ask()
    one.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.client.close()
    await until(lambda: one.log)
    assert one.open_files == 0


async def test_a_client_that_resets_is_seen_by_the_next_turn_as_well(line, monkeypatch):
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    one.connection.stop_reading()
    one.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.client.close()
    await until(lambda: one.log)
    assert one.open_files == 0


# Files that do not stay.


async def test_a_file_that_is_cut_short(line, path, caplog):
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    os.truncate(path, one.exchange.sent + 100_000)
    body = await one.body()
    assert len(body) < SIZE
    assert CONTENT.startswith(body)
    assert one.open_files == 0
    assert "b'/' cannot be sent: the file was cut short meanwhile" in caplog.text


async def test_a_file_that_has_nothing_there_any_more(line, path, caplog):
    os.truncate(path, 10)
    one = await line(start=100)
    await one.ask()
    assert (await one.head()).startswith(b"HTTP/1.1 500 ")
    assert one.open_files == 0
    assert "cut short" in caplog.text


async def test_a_file_that_is_replaced(line, path):
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    other = path.with_name("other")
    other.write_bytes(bytes(SIZE))
    other.replace(path)
    assert await one.body() == CONTENT


@pytest.mark.parametrize("without", [False, True])
async def test_a_file_that_is_overwritten(line, path, caplog, monkeypatch, without):
    if without:
        monkeypatch.setattr(sendfile.os, "sendfile", failing(errno.EINVAL))
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    path.write_bytes(bytes(SIZE))
    body = await one.body()
    assert len(body) < SIZE
    assert one.open_files == 0
    assert "b'/' cannot be sent: the file was written to meanwhile" in caplog.text


def append(path):
    with open(path, "ab") as file:
        file.write(b"a line of a log\n")


async def test_a_file_that_somebody_appends_to_is_sent_as_long_as_it_was(line, path):
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    append(path)
    assert await one.body() == CONTENT


async def test_a_file_that_is_overwritten_while_the_last_of_it_goes_out(line, path, monkeypatch):
    def send(out, fd, offset, count):
        sent = real(out, fd, offset, count)
        if offset + sent > SIZE - TURN:
            path.write_bytes(bytes(SIZE))
        return sent

    real = os.sendfile
    monkeypatch.setattr(sendfile.os, "sendfile", send)
    one = await line()
    await one.ask()
    assert len(await one.body()) < SIZE


async def test_a_disk_that_fails_behind_the_head(line, monkeypatch, cold):
    one = await line(octets=LITTLE)
    await one.ask()
    await one.settle()
    monkeypatch.setattr(sendfile.os, "sendfile", failing(errno.EIO))
    assert len(await one.body()) < SIZE
    assert one.open_files == 0


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
async def test_a_disk_that_fails_before_the_head(line, monkeypatch, cold, number):
    monkeypatch.setattr(pieces.os, "pread", failing(number))
    one = await line()
    await one.ask()
    assert (await one.head()).startswith(b"HTTP/1.1 500 ")
    assert one.open_files == 0


def failing(number):
    def fail(*args):
        raise OSError(number, os.strerror(number))

    return fail


# Where sendfile is not to be had.


async def test_a_file_system_without_it(line, monkeypatch):
    monkeypatch.setattr(sendfile.os, "sendfile", failing(errno.EINVAL))
    one = await line()
    await one.ask()
    assert await one.body() == CONTENT
    assert [exchange.sent for exchange in one.log] == [SIZE]


async def test_no_descriptor_to_be_had(line, monkeypatch):
    monkeypatch.setattr(sendfile.os, "dup", failing(errno.EMFILE))
    one = await line()
    await one.ask()
    assert await one.body() == CONTENT


async def test_the_last_descriptors_are_for_others(line, monkeypatch):
    monkeypatch.setattr(sendfile, "is_scarce", lambda fd: True)
    monkeypatch.setattr(sendfile.os, "sendfile", failing(errno.EIO))
    one = await line()
    await one.ask()
    assert await one.body() == CONTENT
    assert one.open_files == 0


@pytest.mark.parametrize("facts", [{}, {"socket": object(), "sslcontext": object()}])
def test_transports_without_a_plain_socket(facts):
    transport = FakeTransport()
    transport.get_extra_info = facts.get
    assert sendfile._copy_of_socket(transport) == -1


# While a thread reads.


class Gate:
    """A disk that answers when the test says so."""

    def __init__(self, real):
        self.real = real
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *args):
        self.entered.set()
        assert self.opened.wait(10)
        return self.real(*args)


@pytest.fixture
async def gate(monkeypatch, cold):
    gate = Gate(os.sendfile)
    monkeypatch.setattr(sendfile.os, "sendfile", gate)
    yield gate
    gate.opened.set()


async def test_the_loop_goes_on_meanwhile(line, gate):
    one = await line()
    await one.ask()
    await until(gate.entered.is_set)
    one.wait(10 * SEND_TIMEOUT)  # the client is not to blame
    assert not one.connection.transport.is_closing()
    gate.opened.set()
    assert await one.body() == CONTENT


async def test_the_loop_asks_for_no_room_meanwhile(line, gate):
    """It would be told of it without end."""
    gate.opened.set()
    one = await line(octets=LITTLE)
    await one.ask()
    await until(lambda: one.loop.writers)
    gate.opened.clear()
    gate.entered.clear()
    lines = await one.head()
    await until(gate.entered.is_set)
    assert one.loop.writers == set()
    gate.opened.set()
    assert lines.startswith(b"HTTP/1.1 200")
    assert await one.exactly(SIZE) == CONTENT


async def test_what_the_thread_works_on_is_closed_once_it_is_back(line, gate):
    one = await line()
    await one.ask()
    await until(gate.entered.is_set)
    one.client.close()
    await until(lambda: one.log)
    assert one.open_files == 1
    gate.opened.set()
    await until(lambda: one.open_files == 0)


async def test_the_first_look_at_the_disk(line, monkeypatch, cold):
    """A client that leaves before there is a head."""
    gate = Gate(os.pread)
    monkeypatch.setattr(pieces.os, "pread", gate)
    one = await line()
    await one.loop.sock_sendall(one.client, GET)
    await until(gate.entered.is_set)
    one.client.close()
    await until(lambda: one.log)
    gate.opened.set()
    await until(lambda: one.open_files == 0)
    assert one.exchange.status == 499


async def test_complaints_are_few(line, path, caplog):
    os.truncate(path, 10)
    for _ in range(3):
        one = await line(start=100)
        await one.ask()
    assert caplog.text.count("cannot be sent") == 1
