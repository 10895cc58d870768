"""The supervisor's half of a reload, with a data plane that fails as it is told to."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from proxy.process.hotline import NotReached, call, name_of
from tests.process.harness import ROOT, Client, ask, fake, free_port, wait_until

PATIENCE = 30


@pytest.fixture
def place():
    return ("127.0.0.1", free_port())


@pytest.fixture
def write(tmp_path, place):
    """Writes a configuration; returns its path."""

    def make(workers=1, name="one", listen=None, top="", pools="", file="proxy.yaml"):
        path = tmp_path / file
        path.write_text(f"""
listen: {listen or "{}:{}".format(*place)}
workers: {workers}
{top}
{pools}
routes: [{{name: {name}, respond: {{status: 200, body: a}}}}]
""")
        return path

    return make


def reload(file):
    return call(str(file), {"what": "reload"}, PATIENCE)


def route(place):
    """Which configuration a worker serves."""
    with Client(place) as client:
        client.send(b"route\n")
        return client.receive().decode().strip()


def children(proxy):
    with open(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def test_workers_change_over_and_stay_who_they_are(write, place):
    file = write(workers=2)
    with fake(file) as proxy:
        proxy.ready()
        before = children(proxy)
        write(workers=2, name="two")
        outcome = reload(file)
        assert outcome["problems"] == []
        assert outcome["changes"] == ["routes[two]: added", "routes[one]: removed"]
        assert outcome["generation"] == 2
        assert route(place) == "two"
        assert children(proxy) == before
        assert proxy.stop() == 0
        assert "generation 2 after" in "\n".join(proxy.lines)


def test_a_signal_does_the_same(write, place):
    file = write()
    with fake(file) as proxy:
        proxy.ready()
        write(name="two")
        proxy.signal(signal.SIGHUP)
        proxy.line("reloaded .*generation 2 ")
        assert route(place) == "two"
        assert proxy.stop() == 0


@pytest.mark.parametrize(("name", "said"), [
    ("unbuildable", r"it cannot be built here"),
    ("deadly", r"worker 0 \d+ died of it: it ended with status 9")])
def test_what_no_worker_can_build_comes_to_nothing(write, place, name, said):
    file = write()
    with fake(file) as proxy:
        proxy.ready()
        write(name=name)
        outcome = reload(file)
        assert len(outcome["problems"]) == 1
        proxy.line(said)
        proxy.line("what ran before goes on")
        wait_until(lambda: route(place) == "one")
        write(name="two")
        wait_until(lambda: not reload(file)["problems"])
        assert route(place) == "two"
        assert proxy.stop() == 0


def test_the_number_of_workers(write, place):
    file = write(workers=1)
    with fake(file) as proxy:
        proxy.ready()
        first, = children(proxy)
        write(workers=3, name="three")
        assert reload(file)["problems"] == []
        assert len(children(proxy)) == 3
        assert first in children(proxy)
        assert {route(place) for _ in range(20)} == {"three"}
        with Client(place) as held:
            held.send(b"hold\n")
            assert held.receive() == b"held\n"
            write(workers=1, name="less")
            assert reload(file)["problems"] == []
            assert {route(place) for _ in range(20)} == {"less"}
            held.send(b"go\n")
            assert held.receive()  # be it by a worker that has to go
        wait_until(lambda: children(proxy) == [first])
        assert {ask(place)[0] for _ in range(20)} == {first}
        assert proxy.stop() == 0


def test_the_number_of_workers_in_the_metrics(write):
    port = free_port()
    admin = f"admin: 127.0.0.1:{port}"
    file = write(workers=3, top=admin)
    with fake(file) as proxy:
        proxy.ready()
        wait_until(lambda: admitted(port))
        for count in (1, 2):
            write(workers=count, top=admin)
            assert reload(file)["problems"] == []
            assert f"\npyfront_workers {count}.0\n" in fetched(port, "/metrics")
        assert proxy.stop() == 0


def fetched(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
        return response.read().decode()


def test_listeners_come_and_go(write, place, tmp_path):
    other, path = ("127.0.0.1", free_port()), str(tmp_path / "b.sock")
    file = write(workers=2)
    with fake(file) as proxy:
        proxy.ready()
        write(workers=2, listen="[{}:{}, {}:{}, 'unix:{}']".format(*place, *other, path))
        assert reload(file)["problems"] == []
        wait_until(lambda: route(other) == route(path) == "one")
        write(workers=2, listen="{}:{}".format(*other))
        assert reload(file)["problems"] == []
        assert not os.path.exists(path)
        assert proxy.stop() == 0


def test_an_address_that_includes_one_of_ours(write, place):
    file = write(workers=2)
    with fake(file) as proxy:
        proxy.ready()
        write(workers=2, listen=f"0.0.0.0:{place[1]}")
        assert reload(file)["problems"] == []
        wait_until(lambda: route(("127.0.0.2", place[1])) == "one")
        assert proxy.stop() == 0


@pytest.mark.parametrize(("before", "after"), [("0.0.0.0", "127.0.0.1"), ("localhost", "127.0.0.1"),
                                               ("127.0.0.1", "0.0.0.0")])
def test_the_operators_address_includes_one_of_ours_or_is_included(write, before, after):
    port = free_port()
    file = write(top=f"admin: {{address: '{before}:{port}', token: old-token-of-16-octets}}")
    with fake(file) as proxy:
        proxy.ready()
        wait_until(lambda: admitted(port, "old-token-of-16-octets"))
        write(top=f"admin: {{address: '{after}:{port}', token: new-token-of-16-octets}}")
        assert reload(file)["problems"] == []
        wait_until(lambda: admitted(port, "new-token-of-16-octets"))
        assert proxy.stop() == 0


def test_who_asks_over_http_for_another_admin_has_an_answer(write):
    port, other = free_port(), free_port()
    file = write(top=f"admin: 127.0.0.1:{port}")
    with fake(file) as proxy:
        proxy.ready()
        wait_until(lambda: admitted(port))
        write(workers=2, top=f"admin: 127.0.0.1:{other}")
        status, outcome = asked(port, "POST", "/api/reload")
        assert (status, outcome["generation"]) == (200, 2)
        wait_until(lambda: admitted(other))
        with pytest.raises(ConnectionRefusedError):
            asked(port, "GET", "/api/status")
        assert proxy.stop() == 0


def asked(port, method, path, token=""):
    """The status and the answer of the desk."""
    desk = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    fields = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    desk.request(method, path, "{}" if method == "POST" else None, fields)
    response = desk.getresponse()
    said = response.status, json.loads(response.read())
    desk.close()
    return said


def admitted(port, token=""):
    try:
        return asked(port, "GET", "/api/status", token)[0] == 200
    except ConnectionError:
        return False


def test_all_that_is_wrong_is_said_and_nothing_is_left(write, place):
    free = free_port()
    file = write()
    with fake(file) as proxy, socket.create_server(("127.0.0.1", 0)) as taken:
        proxy.ready()
        before = len(os.listdir(f"/proc/{proxy.process.pid}/fd"))
        ports = (place[1], free, taken.getsockname()[1])
        write(listen=str([f"127.0.0.1:{port}" for port in ports]))
        for _ in range(5):
            problem, = reload(file)["problems"]
            assert problem.startswith(f"cannot listen on 127.0.0.1:{ports[2]}: the address is in use")
        with pytest.raises(ConnectionRefusedError):
            Client(("127.0.0.1", free))
        wait_until(lambda: len(os.listdir(f"/proc/{proxy.process.pid}/fd")) <= before)
        assert route(place) == "one"
        assert proxy.stop() == 0


def test_who_asks_while_one_runs_is_answered_by_the_next(write, place):
    file = write()
    with fake(file) as proxy:
        proxy.ready()
        write(name="two")
        callers = [subprocess.Popen([sys.executable, "-m", "proxy", "reload", "-c", str(file)], cwd=ROOT,
                                    stdout=subprocess.PIPE, text=True) for _ in range(3)]
        said = [caller.communicate(timeout=PATIENCE)[0] for caller in callers]
        assert [caller.returncode for caller in callers] == [0, 0, 0]
        assert all("reloaded, generation " in text for text in said)
        assert route(place) == "two"
        assert proxy.stop() == 0


def test_a_lookout_takes_over_and_what_it_knows_comes_along(write, place):
    with socket.create_server(("127.0.0.1", 0)) as endpoint:
        address = "{}:{}".format(*endpoint.getsockname())
        file = write()
        with fake(file) as proxy:
            proxy.ready()
            assert len(children(proxy)) == 1
            check = "health_check: {type: tcp, interval: 1s}"
            pools = f"pools: {{web: {{endpoints: ['{address}', '127.0.0.1:1'], {check}}}}}"
            write(pools=pools)
            assert reload(file)["problems"] == []
            lookout = children(proxy)[-1]
            write(pools=pools, name="two")
            assert reload(file)["problems"] == []
            assert children(proxy)[-1] == lookout  # what it looks at is the same
            write()
            assert reload(file)["problems"] == []
            wait_until(lambda: lookout not in children(proxy))
            assert proxy.stop() == 0


def test_a_lookout_that_dies_before_it_takes_over_has_no_successor(write, tmp_path):
    prepared = tmp_path / "prepared"
    prepared.write_text("")
    file = write()
    with (fake(file, env={"PREPARED": str(prepared)}) as proxy, socket.socket(socket.AF_UNIX) as caller,
          socket.create_server(("127.0.0.1", 0)) as endpoint):
        proxy.ready()
        worker, = children(proxy)
        address = "{}:{}".format(*endpoint.getsockname())
        pools = f"pools: {{web: {{endpoints: ['{address}'], health_check: {{type: tcp}}}}}}"
        write(name="endless", pools=pools)
        caller.connect(name_of(str(file)))
        caller.sendall(b'{"what": "reload"}\n')
        endpoint.settimeout(PATIENCE)
        endpoint.accept()[0].close()
        wait_until(lambda: "prepares\n" in prepared.read_text())
        os.kill(children(proxy)[-1], signal.SIGKILL)
        wait_until(lambda: children(proxy) == [worker])
        assert proxy.stop() == 0
        caller.settimeout(PATIENCE)
        died, ends = json.loads(caller.recv(65536))["problems"]
        assert (ends, "lookout" in died, "died of it" in died) == ("the proxy ends", True, True)
        assert "another takes its place" not in "\n".join(proxy.lines)


def test_a_worker_that_is_replaced_later_has_what_is_in_force(write, place):
    file = write()
    with fake(file) as proxy:
        proxy.ready()
        write(name="two")
        reload(file)
        os.kill(children(proxy)[0], signal.SIGKILL)
        wait_until(lambda: place_answers(place))
        assert route(place) == "two"
        assert proxy.stop() == 0


def place_answers(place):
    try:
        return bool(ask(place))
    except (ConnectionError, ValueError):
        return False


def test_the_end_comes_before_a_reload(write, tmp_path):
    prepared = tmp_path / "prepared"
    prepared.write_text("")
    file = write()
    with fake(file, env={"PREPARED": str(prepared)}) as proxy:
        proxy.ready()
        write(name="endless")
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(name_of(str(file)))
            caller.sendall(b'{"what": "reload"}\n')
            wait_until(lambda: "prepares\n" in prepared.read_text())
            assert proxy.stop() == 0
            caller.settimeout(PATIENCE)
            said = caller.recv(65536)
        assert json.loads(said)["problems"] == ["the proxy ends"]


def test_diff_says_what_would_change(write, place, tmp_path):
    file = write()

    def diff(*more):
        done = subprocess.run([sys.executable, "-m", "proxy", "diff", "-c", str(file), *more], cwd=ROOT,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr

    status, lines, said = diff()
    assert (status, lines) == (2, [])
    assert "no proxy runs with" in said
    old = write(name="old", file="old.yaml")
    assert diff("--against", str(old))[:2] == (1, ["routes[one]: added", "routes[old]: removed"])
    with fake(file) as proxy:
        proxy.ready()
        assert diff()[:2] == (0, [])
        write(top="timeouts: {drain: 2s}")
        assert diff()[:2] == (1, ["timeouts.drain: 30s -> 2s"])
        assert proxy.stop() == 0


def test_the_verb_without_a_proxy(write):
    file = write()
    done = subprocess.run([sys.executable, "-m", "proxy", "reload", "-c", str(file)], cwd=ROOT,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("no proxy runs with")
    with pytest.raises(NotReached):
        call(str(file), {"what": "reload"}, 1)
