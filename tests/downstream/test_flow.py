import errno

import pytest

from proxy.downstream.flow import Outflow
from proxy.http.body import PIECE, Spool


class Client:
    """Takes `room` octets, then says that it has had enough."""

    def __init__(self, room=0):
        self.room = room
        self.data = b""

    @property
    def paused(self):
        return self.room <= 0

    def write(self, data):
        self.room -= len(data)
        self.data += data


class FullDisk(Spool):
    """A spool that has room for so much and no more."""

    def __init__(self, room):
        super().__init__(1 << 20, None)
        self.room = room

    def append(self, data):
        if self.length + len(data) > self.room:
            raise OSError(errno.ENOSPC, "no space left")
        super().append(data)


@pytest.fixture
def client():
    return Client()


def test_first_in_first_out(client):
    flow = Outflow(client, Spool(4, None), 100)
    for piece in (b"one", b"two", b"three"):
        flow.put(piece)
    flow.feed()
    assert client.data == b""
    assert not flow.empty
    client.room = 100
    flow.feed()
    assert client.data == b"onetwothree"
    assert flow.empty


def test_a_client_that_takes_a_piece_at_a_time(client):
    flow = Outflow(client, Spool(10, None), 1 << 30)
    data = bytes(range(256)) * (3 * PIECE // 256) + b"end"
    flow.put(data)
    rounds = 0
    while not flow.empty:
        client.room = 1
        flow.feed()
        rounds += 1
    assert client.data == data
    assert rounds == 4


def test_it_is_full_until_all_was_taken_so_that_the_file_stays_as_long_as_allowed(client):
    flow = Outflow(client, Spool(10, None), 2 * PIECE)
    flow.put(b"a" * (2 * PIECE - 1))
    assert not flow.full
    flow.put(b"b")
    assert flow.full
    client.room = 1
    flow.feed()
    assert flow.full
    client.room = 1 << 30
    flow.feed()
    assert not flow.full
    assert flow._spool.length == 0


def test_an_empty_store_is_never_full(client):
    flow = Outflow(client, Spool(0, None), 0)
    assert not flow.full
    flow.put(b"a")
    assert flow.full


def test_a_full_disk_makes_the_producer_wait(client, caplog):
    flow = Outflow(client, FullDisk(5), 1000)
    flow.put(b"one")
    assert not flow.full
    flow.put(b"two")
    assert flow.full
    assert "no space left" in caplog.text
    flow.put(b"3")  # would have room; but the order counts
    client.room = 1
    flow.feed()
    assert client.data == b"one"
    client.room = 1
    flow.feed()
    assert client.data == b"onetwo"
    assert flow.full
    client.room = 100
    flow.feed()
    assert client.data == b"onetwo3"
    assert flow.empty
    flow.put(b"four")  # there is room again
    assert not flow.full
