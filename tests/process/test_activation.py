import os
import socket

import pytest

from proxy.config.address import Address
from proxy.config.schema import Listener
from proxy.process import activation
from proxy.process.activation import doors_of, handed_over, is_for


def listener(text):
    return Listener(address=Address.parse(text))


@pytest.fixture
def listening():
    made = []

    def make(address, family=socket.AF_INET, *, both=False):
        sock = socket.socket(family)
        made.append(sock)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        sock.bind(address)
        sock.listen()
        return sock

    yield make
    for sock in made:
        sock.close()


def test_sockets_are_for_the_process_that_is_named(listening, monkeypatch):
    sock = listening(("127.0.0.1", 0))
    monkeypatch.setattr(activation, "FIRST", os.dup(sock.fileno()))
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "HOME": "/"}
    (found,) = handed_over(environ)
    assert found.getsockname() == sock.getsockname()
    assert (found.get_inheritable(), found.getblocking()) == (False, False)
    assert environ == {"HOME": "/"}
    found.close()


@pytest.mark.parametrize("environ", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
                                     {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}])
def test_no_sockets_for_us(environ):
    assert handed_over(environ) == []


def test_a_socket_goes_to_the_listener_that_names_it(listening, tmp_path, caplog):
    path = str(tmp_path / "proxy.sock")
    tcp, stray = listening(("127.0.0.1", 0)), listening(("127.0.0.1", 0))
    unix = listening(path, socket.AF_UNIX)
    wanted = [listener(f"unix:{path}"), listener(f"127.0.0.1:{tcp.getsockname()[1]}")]
    doors = doors_of([tcp, unix, stray], wanted, 3)
    assert [(door.listener, door.sockets, door.single, door.file) for door in doors] == [
        (wanted[1], [tcp] * 3, True, None), (wanted[0], [unix] * 3, True, None)]
    assert "which `listen` does not name: closed" in caplog.text
    assert stray.fileno() == -1


def test_every_address_of_both_families_is_more_than_one_of_them(listening):
    sock = listening(("::", 0), socket.AF_INET6, both=True)
    port = sock.getsockname()[1]
    assert is_for(sock, listener(f"0.0.0.0:{port}"))
    assert is_for(sock, listener(f"[::]:{port}"))
    assert not is_for(sock, listener(f"127.0.0.1:{port}"))
    assert not is_for(sock, listener("0.0.0.0:1"))
    alone = listening(("::", 0), socket.AF_INET6)
    assert not is_for(alone, listener(f"0.0.0.0:{alone.getsockname()[1]}"))
    assert not is_for(alone, listener("unix:/run/proxy.sock"))
