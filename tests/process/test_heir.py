import socket
from types import SimpleNamespace

import pytest

from proxy.process.heir import open_to_all, settle, unneeded
from proxy.process.sockets import CannotListen, Door, SocketFile
from tests.process.test_estate import bound, listeners  # noqa: F401 - a fixture


def double(door):
    """The same as another program has it."""
    copies = {sock: sock.dup() for sock in door.sockets}
    path = door.listener.address.path
    file = None if path is None else SocketFile(path, held=True)
    return Door(door.listener, [copies[sock] for sock in door.sockets], file)


@pytest.fixture
def doors(bound):  # noqa: F811
    """What an heir finds of sockets that another program has."""
    made = []

    def make(*texts, count):
        made.extend(map(double, bound(*texts, count=count).doors))
        return made[-len(texts):]

    yield make
    for door in made:
        door.close()


def accepted(sockets, count=40):
    """On how many of the sockets clients of one address arrive."""
    door = sockets.doors[0]
    name = door.sockets[0].getsockname()
    clients = [socket.create_connection(name[:2]) for _ in range(count)]
    found = []
    for sock in door.sockets:
        here = 0
        while True:
            try:
                sock.accept()[0].close()
            except BlockingIOError:
                break
            here += 1
        found.append(here)
    for client in clients:
        client.close()
    assert sum(found) == count
    return found


@pytest.mark.parametrize("then, now", [(2, 2), (1, 3), (2, 4), (3, 1)])
def test_no_socket_gets_clients_that_nobody_serves(doors, then, now):
    left = doors("127.0.0.1:0", count=then)
    sockets = settle(left, then, listeners("127.0.0.1:0"), now, "config.yaml")
    try:
        assert sockets.urls == [left[0].url]
        assert (sockets.count, len(sockets.doors[0].sockets)) == (now, now)
        held_back = accepted(sockets)[then:]
        assert not any(held_back), "the heir's own sockets wait until it serves"
        if now > then:
            open_to_all(sockets)
            assert all(accepted(sockets, 200))
    finally:
        sockets.close()


def test_addresses_that_are_new_and_that_go(doors, tmp_path):
    kept, gone = tmp_path / "kept.sock", tmp_path / "gone.sock"
    left = doors(f"unix:{kept}", f"unix:{gone}", count=1)
    sockets = settle(left, 1, listeners(f"unix:{kept}", "127.0.0.1:0"), 2, "config.yaml")
    assert [door.listener.address.path for door in sockets.doors] == [str(kept), None]
    assert gone.exists(), "the former still needs it"
    sockets.close()
    assert kept.exists()


def test_an_address_that_is_taken_leaves_all_as_it_was(doors, tmp_path):
    kept = tmp_path / "kept.sock"
    left = doors(f"unix:{kept}", count=1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CannotListen, match="in use"):
            settle(left, 1, listeners(f"unix:{kept}", taken), 1, "config.yaml")
    assert kept.exists()


def test_files_without_a_listener_are_remembered(doors, tmp_path):
    kept, gone = tmp_path / "kept.sock", tmp_path / "gone.sock"
    left = doors(f"unix:{kept}", f"unix:{gone}", "127.0.0.1:0", count=1)
    estate = SimpleNamespace(listen=left, admin=[], gone=[])
    unneeded(estate, listeners(f"unix:{kept}", "127.0.0.1:0"))
    assert [file._path for file in estate.gone] == [str(gone)]
