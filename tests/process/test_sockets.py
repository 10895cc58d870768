import os
import socket

import pytest

from proxy.config.address import Address
from proxy.config.schema import Listener
from proxy.process import sockets
from proxy.process.sockets import CannotListen, ListeningSockets


@pytest.fixture
def bind():
    """Binds listeners, and closes them after the test."""
    opened = []

    def bind_all(*addresses, count=1):
        listeners = [Listener(address=Address.parse(address)) for address in addresses]
        opened.append(ListeningSockets(listeners, count, "proxy.yaml"))
        return opened[-1]

    yield bind_all
    for listening in opened:
        listening.close()


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def why(bind, *addresses, count=1):
    with pytest.raises(CannotListen) as caught:
        bind(*addresses, count=count)
    return str(caught.value)


def names(listening):
    return [[sock.getsockname() for _, sock in slot] for slot in listening.slots]


def test_each_slot_has_its_own_socket_on_the_one_port(bind):
    listening = bind("127.0.0.1:0", count=3)
    (first,), (second,), (third,) = names(listening)
    assert first == second == third
    assert len({sock.fileno() for slot in listening.slots for _, sock in slot}) == 3
    assert listening.urls == [f"http://127.0.0.1:{first[1]}"]


def test_an_accepted_connection_holds_little_unsent(bind):
    own = bind("127.0.0.1:0").slots[0][0][1]
    with socket.create_connection(own.getsockname()):
        accepted, _ = own.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == sockets.MOST_UNSENT


def test_the_kernel_spreads_connections_over_the_slots(bind):
    listening = bind("127.0.0.1:0", count=2)
    (_, one), (_, two) = listening.slots[0][0], listening.slots[1][0]
    clients = [socket.create_connection(one.getsockname()) for _ in range(64)]
    accepted = [drain_queue(one), drain_queue(two)]
    for client in clients:
        client.close()
    assert sum(accepted) == 64
    assert min(accepted) > 0


def drain_queue(sock):
    count = 0
    while True:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_a_slot_keeps_only_its_own(bind):
    listening = bind("127.0.0.1:0", "[::1]:0", count=2)
    kept = listening.keep_only(1)
    assert [str(listener.address) for listener, _ in kept] == ["127.0.0.1:0", "[::1]:0"]
    assert all(sock.fileno() >= 0 for _, sock in kept)
    assert all(sock.fileno() == -1 for _, sock in listening.slots[0])


def test_a_port_that_is_taken(bind, taken):
    assert why(bind, f"127.0.0.1:{taken}") == (
        f"cannot listen on 127.0.0.1:{taken}: the address is in use; stop the other program "
        f"(ss -ltnp 'sport = :{taken}' names it) or change listen in proxy.yaml"
    )


def test_a_second_proxy_does_not_share_the_port(bind):
    port = names(bind("127.0.0.1:0", count=2))[0][0][1]
    assert "the address is in use" in why(bind, f"127.0.0.1:{port}", count=2)


def test_nothing_stays_bound_when_one_fails(bind, taken, tmp_path):
    path = tmp_path / "s"
    why(bind, f"unix:{path}", f"127.0.0.1:{taken}")
    assert not path.exists()


def test_an_address_of_another_machine(bind):
    text = why(bind, "192.0.2.1:0")
    assert "no interface of this machine has that address" in text
    assert text.endswith("; change listen in proxy.yaml")


def test_a_privileged_port(bind, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sockets, "bind_shared", refuse)
    assert "for a port below 1024 grant CAP_NET_BIND_SERVICE or change listen" in why(bind, "127.0.0.1:80")


def test_a_name_without_an_address(bind, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(sockets.socket, "getaddrinfo", fail)
    assert "the name has no address (Name or service not known);" in why(bind, "no.such.example:80")


def test_a_name_stands_for_all_its_addresses_that_are_here(bind, monkeypatch):
    places = [(socket.AF_INET, ("192.0.2.1", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(sockets, "places", lambda host, port: places)
    assert len(bind("localhost:0").urls) == 1
    places.pop()
    assert "no interface" in why(bind, "localhost:0")


def test_ipv6_is_ipv6_alone(bind):
    listening = bind("[::1]:0")
    (_, sock), = listening.slots[0]
    assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    assert listening.urls == [f"http://[::1]:{sock.getsockname()[1]}"]


def test_a_unix_socket_is_shared_and_its_file_removed(bind, tmp_path):
    path = tmp_path / "s"
    listening = bind(f"unix:{path}", count=2)
    assert listening.slots[0][0][1] is listening.slots[1][0][1]
    assert listening.keep_only(0)[0][1].fileno() >= 0
    assert listening.urls == [f"unix:{path}"]
    listening.close()
    assert not path.exists()


def test_a_stale_socket_file_is_replaced(bind, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    bind(f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex(path) == 0


def test_a_socket_file_that_somebody_answers_on(bind, tmp_path):
    path = str(tmp_path / "s")
    bind(f"unix:{path}")
    assert f"the address is in use; stop the other program (ss -lxp src {path} names it)" in why(
        bind, f"unix:{path}"
    )
    assert os.path.exists(path)


def test_a_live_socket_with_a_full_queue_is_not_stale(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.setblocking(False)
        waiting.connect(path)
        assert not sockets.is_stale(path)


def test_a_file_that_is_no_socket_is_left_alone(bind, tmp_path):
    path = tmp_path / "s"
    path.write_text("precious")
    assert "the file is there and is not a socket; move it away or" in why(bind, f"unix:{path}")
    assert path.read_text() == "precious"


def test_a_missing_folder(bind, tmp_path):
    text = why(bind, f"unix:{tmp_path}/none/s")
    assert f"the folder {tmp_path}/none does not exist; create it or" in text


def test_another_programs_file_is_not_removed(bind, tmp_path):
    path = tmp_path / "s"
    listening = bind(f"unix:{path}")
    path.unlink()
    path.write_text("theirs")
    listening.close()
    assert path.read_text() == "theirs"
