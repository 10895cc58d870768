"""Sockets that come and go while others go on."""

import socket

import pytest

from proxy.config.address import Address
from proxy.config.schema import Listener
from proxy.process.rebinding import Rebinding, close_shed
from proxy.process.sockets import CannotListen, ListeningSockets
from proxy.process.steering import let_go, steer


def listeners(*addresses):
    return [Listener(address=Address.parse(address)) for address in addresses]


@pytest.fixture
def bind():
    opened = []

    def bind_all(*addresses, count=1):
        opened.append(ListeningSockets(listeners(*addresses), count, "proxy.yaml"))
        return opened[-1]

    yield bind_all
    for one in opened:
        one.close()


def fixed(bind, count=1):
    """On a port that the configuration names."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    return address, bind(address, count=count)


def arrivals(sockets, place, times=40):
    """How many new connections each socket gets."""
    for _ in range(times):
        socket.create_connection(place).close()
    return [accepted(sock) for sock in sockets]


def accepted(sock):
    count = 0
    try:
        while True:
            sock.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count


def test_more_slots(bind):
    address, sockets = fixed(bind)
    before = sockets.doors[0].sockets[0]
    change = Rebinding(sockets, listeners(address), 3)
    assert len(sockets.slots) == 1
    place = before.getsockname()
    assert arrivals([before], place) == [40]  # the others do not listen so far
    change.commit()
    own = [slot[0][1] for slot in sockets.slots]
    assert own[0] is before
    found = arrivals(own, place, 100)
    assert sum(found) == 100
    assert all(found)


def test_fewer_slots_get_nobody_before_they_close(bind):
    address, sockets = fixed(bind, count=3)
    all_three = [slot[0][1] for slot in sockets.slots]
    Rebinding(sockets, listeners(address), 1).commit()
    assert [slot[0][1] for slot in sockets.slots] == all_three[:1]
    place = all_three[0].getsockname()
    assert arrivals(all_three, place) == [40, 0, 0]
    close_shed(sockets)
    assert [sock.fileno() >= 0 for sock in all_three] == [True, False, False]
    assert arrivals(all_three[:1], place) == [40]
    Rebinding(sockets, listeners(address), 2).commit()  # and all get their share again
    assert all(arrivals([slot[0][1] for slot in sockets.slots], place, 100))


def test_what_is_discarded_leaves_no_trace(bind, tmp_path):
    address, sockets = fixed(bind)
    path = tmp_path / "a.sock"
    change = Rebinding(sockets, listeners(address, "127.0.0.1:0", f"unix:{path}"), 2)
    place = change.added[0].sockets[0].getsockname()
    assert path.exists()
    change.discard()
    assert not path.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
    assert len(sockets.doors) == 1
    assert arrivals([sockets.slots[0][0][1]], sockets.slots[0][0][1].getsockname()) == [40]


def test_every_address_that_cannot_be_bound_is_named(bind):
    address, sockets = fixed(bind)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = [f"127.0.0.1:{sock.getsockname()[1]}" for sock in (one, two)]
        with pytest.raises(CannotListen) as caught:
            Rebinding(sockets, listeners(address, "127.0.0.1:0", *taken), 1)
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        f"cannot listen on {place}" for place in taken]


def test_workers_are_told_of_what_is_added_by_its_place(bind):
    address, sockets = fixed(bind, count=2)
    change = Rebinding(sockets, listeners("127.0.0.1:0", address), 2)
    (place, first), = change.added_for(0)
    assert place == 0
    assert first is change.added[0].sockets[0]
    assert first is not change.added_for(1)[0][1]
    change.commit()
    assert len(sockets.slots[1]) == 2


def test_what_cannot_be_steered_goes_on():
    """No sockets that share an address, an old kernel: it is not worth a failure."""
    one, other = socket.socketpair()
    with one, other:
        steer(one, 2)
        let_go(one)
        assert one.fileno() >= 0
