"""One program drains while another serves in its place, whether it was told to or simply started."""

import http.client
import json
import os
import re
import signal
from contextlib import contextmanager

import pytest

from proxy.process.hotline import call
from tests.process.harness import PATIENCE, Client, fake, free_port, wait_until

pytestmark = pytest.mark.scenario

LOOPS = [{"PROXY_LOOP": "uvloop"}, {"PROXY_LOOP": "asyncio"}]


@pytest.fixture
def place():
    return ("127.0.0.1", free_port())


@pytest.fixture
def write(tmp_path, place):
    """Writes a configuration; returns its path."""

    def make(name="one", more=""):
        path = tmp_path / "proxy.yaml"
        path.write_text(f"listen: {place[0]}:{place[1]}\n{more}\n"
                        f"routes: [{{name: {name}, respond: {{status: 200}}}}]\n")
        return str(path)

    return make


def route(place):
    with Client(place) as client:
        client.send(b"route\n")
        return client.receive().decode().strip()


@contextmanager
def held(place):
    """A client that keeps a worker from ending."""
    with Client(place) as client:
        client.send(b"hold\n")
        assert client.receive() == b"held\n"
        yield
        client.send(b"go\n")


def status(desk):
    desk.request("GET", "/api/status")
    return json.loads(desk.getresponse().read())


@pytest.mark.parametrize("env", LOOPS)
def test_another_one_starts_while_the_first_drains(write, place, env):
    port = free_port()
    file = write(more=f"admin: 127.0.0.1:{port}")
    with fake(file, env=env) as first, fake_later(file, env) as start:
        first.ready()
        desk = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        assert wait_until_well(desk)["state"] == "running"
        with held(place):
            first.signal(signal.SIGTERM)
            first.line("stopping")
            wait_until(lambda: all(refuses(one) for one in (place, ("127.0.0.1", port))))
            second = start()
            second.ready()
            assert call(file, {"what": "reload"}, PATIENCE)["generation"] == 2
            second.line("reloaded")
            told = status(desk)  # over the connection that there was
            assert (told["state"], told["pid"]) == ("stopping", first.process.pid)
        assert first.status() == 0
        desk.close()
        assert second.stop() == 0


def wait_until_well(desk):
    told = []
    wait_until(lambda: told.append(status(desk)) or told[-1]["state"] == "running")
    return told[-1]


def refuses(place):
    try:
        Client(place).close()
    except ConnectionError:
        return True
    return False


@contextmanager
def fake_later(file, env):
    started = []

    def start():
        started.append(fake(file, env=env))
        return started[-1]

    yield start
    for proxy in started:
        proxy.__exit__()


@contextmanager
def upgraded(proxy, meanwhile=lambda: None):
    """The pid of the program that serves in place of `proxy`; it ends at the end."""
    proxy.signal(signal.SIGUSR2)
    proxy.line("upgrade: starting")
    meanwhile()
    pid = int(re.search(r"pid (\d+)\)$", proxy.ready())[1])
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGTERM)


def test_who_asks_for_a_reload_reaches_the_program_that_serves(write, place):
    file = write()
    with fake(file, "Heir") as proxy:
        proxy.ready()
        with held(place), upgraded(proxy):
            write(name="two")
            for generation in (2, 3, 4):
                outcome = call(file, {"what": "reload"}, PATIENCE)
                assert (outcome["problems"], outcome["generation"]) == ([], generation)
            assert route(place) == "two"
        assert proxy.status() == 0


def test_a_reload_that_is_asked_for_during_an_upgrade_is_not_lost(write, place):
    with fake(write(), "Heir") as proxy:
        proxy.ready()
        with upgraded(proxy, lambda: proxy.signal(signal.SIGHUP)) as pid:
            proxy.line("reloaded .*generation 2 ")
            assert f"process {pid} is told to reload, as this one was" in "\n".join(proxy.lines)
        assert proxy.status() == 0


def test_who_asks_a_program_that_ends_is_told_so(write, place):
    with fake(write()) as proxy:
        proxy.ready()
        with held(place):
            proxy.signal(signal.SIGTERM)
            proxy.line("stopping")
            proxy.signal(signal.SIGHUP)
            proxy.line("no reload: the proxy ends")
        assert proxy.status() == 0


def test_who_reads_a_file_for_ever_keeps_no_address(write, place, tmp_path):
    port, pipe = free_port(), tmp_path / "pipe"
    more = f"admin: 127.0.0.1:{port}"
    file = write(more=more)
    with fake(file) as first, fake_later(file, None) as start:
        first.ready()
        os.mkfifo(pipe)
        os.replace(pipe, file)
        first.signal(signal.SIGHUP)
        with open(file, "w"):  # it has opened its end
            os.replace(file, pipe)
            write(more=more)
            first.signal(signal.SIGTERM)
            wait_until(lambda: all(refuses(one) for one in (place, ("127.0.0.1", port))))
            second = start()
            second.ready()
            assert call(file, {"what": "reload"}, PATIENCE)["generation"] == 2
            assert first.process.poll() is None
        assert first.status() == 0
        assert second.stop() == 0
