import json
import os
import socket

import pytest

from proxy.config.address import Address
from proxy.config.schema import Config, Listener
from proxy.process import estate, news
from proxy.process.estate import VARIABLE, find, keep_orders, leave
from proxy.process.sockets import ListeningSockets


def listeners(*texts):
    return [Listener(address=Address.parse(text)) for text in texts]


@pytest.fixture
def bound(tmp_path):
    made = []

    def make(*texts, count=2):
        made.append(ListeningSockets(listeners(*texts), count, "config.yaml"))
        return made[-1]

    yield make
    for sockets in made:
        sockets.close()


@pytest.fixture
def pipe():
    hear, tell = os.pipe()
    yield hear, tell
    os.close(hear)
    try:
        os.close(tell)
    except OSError:
        pass  # the heir has said what it had to


@pytest.fixture
def inherit(bound, pipe, monkeypatch):
    """Leaves an estate and finds it in the same process, as if the descriptors had been passed on."""
    monkeypatch.setattr(estate.os, "getppid", os.getpid)
    found = []

    def pass_on(listen, admin=(), orders=()):
        memory, descriptors = leave(listen, bound(*admin, count=1), -1, orders, pipe[1])
        copies = {fd: os.dup(fd) for fd in descriptors if fd not in (memory, pipe[1])}
        with open(memory, "r+b", closefd=False) as file:
            file.seek(0)
            told = json.load(file)
            for door in (*told["listen"], *told["admin"]):
                door["fds"] = [copies[fd] for fd in door["fds"]]
            file.seek(0)
            file.truncate()
            file.write(json.dumps(told).encode())
        found.append(find({VARIABLE: f"{os.getpid()}:{memory}"}))
        return found[-1]

    yield pass_on
    for one in found:
        for door in (*one.listen, *one.admin):
            door.close()


def test_the_heir_has_the_same_sockets(bound, inherit, tmp_path):
    path = tmp_path / "proxy.sock"
    listen = bound("127.0.0.1:0", f"unix:{path}")
    found = inherit(listen, admin=["127.0.0.1:0"])
    assert [door.url for door in found.listen] == listen.urls
    assert [str(door.listener.address) for door in found.listen] == ["127.0.0.1:0", f"unix:{path}"]
    assert (found.count, len(found.listen[0].sockets), len(set(found.listen[1].sockets))) == (2, 2, 1)
    assert [door.single for door in found.listen] == [False, True]
    assert len(found.admin) == 1
    assert not any(os.get_inheritable(sock.fileno()) for door in found.listen for sock in door.sockets)


def test_socket_files_change_hands_when_the_heir_serves(bound, inherit, pipe, tmp_path):
    kept, gone = tmp_path / "kept.sock", tmp_path / "gone.sock"
    listen = bound(f"unix:{kept}", f"unix:{gone}")
    found = inherit(listen)
    for door in found.listen:
        door.file.remove()
    assert kept.exists()
    assert gone.exists()
    sockets = ListeningSockets((), 2, "config.yaml")
    sockets.doors = found.listen[:1]
    found.gone.append(found.listen[1].file)
    found.take_over(sockets)
    assert json.loads(os.read(pipe[0], 100)) == {"ready": True}
    assert not gone.exists()
    for door in listen.doors:
        door.file.held = True
    listen.close()
    assert kept.exists()
    sockets.close()
    assert not kept.exists()


def test_what_failed_is_said_once(bound, inherit, pipe):
    found = inherit(bound("127.0.0.1:0"))
    found.tell(failed="the port is taken")
    found.tell(failed="again")
    assert json.loads(os.read(pipe[0], 1000)) == {"failed": "the port is taken"}
    assert os.read(pipe[0], 1000) == b""


@pytest.mark.parametrize("value", ["", "1:2", f"{os.getppid()}:", "x"])
def test_what_is_not_for_us_is_forgotten(value):
    environ = {VARIABLE: value, "OTHER": "1"}
    assert find(environ) is None
    assert environ == {"OTHER": "1"}


def test_a_closed_pipe_is_no_trouble(bound, inherit, monkeypatch):
    found = inherit(bound("127.0.0.1:0"))
    hear, tell = os.pipe()
    os.close(hear)
    found._tell = tell
    found.tell(ready=True)
    assert found._tell == -1


def test_orders_that_still_mean_something():
    pools = {"web": {"endpoints": ["a:1", "b:2"]}}
    config = Config(listen=["127.0.0.1:0"], pools=pools, routes=[{"respond": {}}])
    orders = [
        (news.ORDER, news.order("web", "a:1", "drain")),
        (news.ORDER, news.order("web", "c:3", "drain")),
        (news.ORDER, news.order("web", "d:4", "drain")),
        (news.ORDER, news.order("old", "a:1", "drain")),
        (news.PAUSE, news.pause("web", paused=True)),
        (news.PAUSE, news.pause("old", paused=True)),
        (news.ENDPOINT, news.endpoint("web", "c:3", there=True, weight=1)),
        (news.ENDPOINT, news.endpoint("web", "b:2", there=False)),
        (news.ENDPOINT, news.endpoint("web", "x:9", there=False)),
        (news.WEIGHT, news.weight("web", "b:2", 3)),
    ]
    known = news.News()
    keep_orders(orders, config, known)
    kept = {(word, json.loads(text)["pool"], json.loads(text)["endpoint"]) for word, text in known}
    assert kept == {("order", "web", "a:1"), ("order", "web", "c:3"), ("pause", "web", ""),
                    ("endpoint", "web", "c:3"), ("endpoint", "web", "b:2")}


def test_orders_about_an_address_of_a_name():
    pools = {"web": {"endpoints": [{"address": "n:1", "resolve": True}]}, "api": {"endpoints": ["a:1"]}}
    config = Config(listen=["127.0.0.1:0"], pools=pools, routes=[{"respond": {}}])
    orders = [(news.ORDER, news.order("web", "10.0.0.1:1", "drain")),
              (news.WEIGHT, news.weight("web", "10.0.0.1:1", 3))]
    known = news.News()
    keep_orders([*orders, (news.ORDER, news.order("api", "10.0.0.1:1", "drain"))], config, known)
    assert list(known) == orders


def test_descriptors_that_must_be_passed(bound, pipe):
    listen, admin = bound("127.0.0.1:0"), bound("127.0.0.1:0", count=1)
    with socket.socket() as hotline:
        memory, descriptors = leave(listen, admin, hotline.fileno(), [], pipe[1])
        os.close(memory)
        assert len(descriptors) == 2 + 1 + 3
        assert {memory, pipe[1], hotline.fileno()} < set(descriptors)
