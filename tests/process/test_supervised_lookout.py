"""The real supervisor and its lookout, with endpoints whose health the test switches."""

import json
import os
import signal
import threading

import psutil
import pytest

from tests.process.harness import Client, ask, fake, free_port, wait_for_end, wait_until
from tests.scenarios.support import OK, Origin

pytestmark = pytest.mark.scenario

BROKEN = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
QUICK = "interval: 20ms, timeout: 5s"
LOOPS = [{"PROXY_LOOP": "uvloop"}, {"PROXY_LOOP": "asyncio"}]


class Switched(Origin):
    """An endpoint that answers with what `now` is, once `open` is set."""

    def __init__(self):
        super().__init__(self.answer_now)
        self.now = OK
        self.open = threading.Event()
        self.open.set()

    def answer_now(self, request, wire):
        self.open.wait(15)
        return self.now


@pytest.fixture
def endpoint():
    with Switched() as made:
        yield made
        made.open.set()


@pytest.fixture
def place():
    return ("127.0.0.1", free_port())


@pytest.fixture
def start(tmp_path, place, endpoint):
    """Starts a proxy before the endpoint."""
    started = []

    def start_proxy(check, env=None, workers=1, address="", resolve=""):
        file = tmp_path / "proxy.yaml"
        file.write_text(f"""listen: 127.0.0.1:{place[1]}
workers: {workers}
pools:
  web: {{endpoints: [{{address: '{address or endpoint.address}'{resolve}}}], health_check: {check}}}
routes: [reverse_proxy: web]
""")
        started.append(fake(file, env=env))
        return started[-1]

    yield start_proxy
    for proxy in started:
        proxy.__exit__()


def children(proxy):
    """Pids, oldest first."""
    return [child.pid for child in psutil.Process(proxy.process.pid).children()]


def told(place):
    """What a worker was told, the oldest first."""
    with Client(place) as client:
        client.send(b"news\n")
        return [(word, news["endpoint"], news.get("up")) for word, news in json.loads(client.receive())]


@pytest.mark.parametrize("env", LOOPS)
def test_workers_are_told_of_each_change_and_its_reason_is_logged(start, place, endpoint, env):
    proxy = start(f"{{{QUICK}}}", env)
    proxy.ready()
    assert told(place) == [("health", endpoint.address, True)]
    endpoint.now = BROKEN
    line = proxy.line(" down: ")
    assert f"web {endpoint.address} down: 3 of 3 probes failed, last: HTTP 500 in " in line
    wait_until(lambda: len(told(place)) == 2)
    endpoint.now = OK
    line = proxy.line(" up: ")
    assert f"web {endpoint.address} up: 2 of 2 probes succeeded, last: HTTP 200 in " in line
    wait_until(lambda: [up for _, _, up in told(place)] == [True, False, True])
    assert proxy.stop() == 0
    assert sum(" proxy.probing[" in line for line in proxy.lines) == 2


@pytest.mark.parametrize("env", LOOPS)
def test_ready_waits_for_the_first_probe(start, place, endpoint, env):
    endpoint.open.clear()
    proxy = start("{interval: 1h, timeout: 10s}", env)
    wait_until(lambda: endpoint.requests)
    assert len(children(proxy)) == 1  # no worker yet
    endpoint.open.set()
    proxy.ready()
    assert told(place) == [("health", endpoint.address, True)]
    assert proxy.stop() == 0
    assert not [line for line in proxy.lines if "probes" in line or " error " in line]


def test_ready_does_not_wait_for_a_pool_that_is_down(start, place, endpoint):
    endpoint.now = BROKEN
    proxy = start("{interval: 1h}")
    proxy.ready()
    assert told(place) == [("health", endpoint.address, False)]
    assert proxy.stop() == 0
    assert any("down: the first probe failed: HTTP 500 in " in line for line in proxy.lines)


def test_an_optimistic_start_waits_for_nothing(start, place, endpoint):
    endpoint.open.clear()
    proxy = start("{interval: 1h, timeout: 10s, start: optimistic}")
    proxy.ready()
    assert told(place) == []
    assert proxy.stop() == 0


def test_it_may_be_stopped_while_it_waits(start, endpoint):
    endpoint.open.clear()
    proxy = start("{interval: 1h, timeout: 1h}")
    wait_until(lambda: endpoint.requests)
    assert proxy.stop() == 0
    assert not any(line.startswith("ready") for line in proxy.lines)


def test_without_a_check_there_is_no_lookout(start, place):
    proxy = start("false", workers=2)
    proxy.ready()
    pids = children(proxy)
    assert len(pids) == 2
    assert ask(place)[0] in pids
    assert proxy.stop() == 0


@pytest.mark.parametrize("env", LOOPS)
def test_a_killed_lookout_is_replaced_and_what_it_knew_still_holds(start, place, endpoint, env):
    proxy = start(f"{{{QUICK}}}", env)
    proxy.ready()
    lookout, worker = children(proxy)
    os.kill(lookout, signal.SIGKILL)
    assert "killed by signal 9" in proxy.line(f"lookout {lookout}: .*another takes its place now")
    wait_until(lambda: len(children(proxy)) == 2)
    endpoint.now = BROKEN
    proxy.line("down: 3 of 3 probes failed")  # and not "the first", which its successor never made
    wait_until(lambda: [up for _, _, up in told(place)] == [True, False])
    assert ask(place)[0] == worker
    assert proxy.stop() == 0


def test_a_lookout_that_dies_before_anything_serves_is_a_failed_start(start, endpoint):
    endpoint.open.clear()
    proxy = start("{timeout: 1h}")
    wait_until(lambda: endpoint.requests)
    (lookout,) = children(proxy)
    os.kill(lookout, signal.SIGKILL)
    assert proxy.status() == 1
    assert any(line.startswith(f"cannot start: lookout {lookout}: it was killed") for line in proxy.lines)


def test_a_worker_that_starts_later_knows_what_the_others_know(start, place, endpoint):
    proxy = start(f"{{{QUICK}}}")
    proxy.ready()
    endpoint.now = BROKEN
    wait_until(lambda: len(told(place)) == 2)
    worker, _ = ask(place)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: ask(place)[0] != worker)
    assert told(place) == [("health", endpoint.address, False)]
    assert proxy.stop() == 0


def test_the_lookout_does_not_outlive_the_supervisor(start):
    proxy = start(f"{{{QUICK}}}")
    proxy.ready()
    lookout, _ = children(proxy)
    proxy.signal(signal.SIGKILL)
    try:
        wait_for_end(lookout)
    except ProcessLookupError:
        pass
    assert proxy.process.wait(15) == -signal.SIGKILL


def test_signals_that_are_the_supervisors_leave_the_lookout_alone(start, place, endpoint):
    proxy = start(f"{{{QUICK}}}")
    proxy.ready()
    lookout, _ = children(proxy)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(lookout, number)
    endpoint.now = BROKEN
    proxy.line("down: 3 of 3 probes failed")
    assert children(proxy)[0] == lookout
    assert proxy.stop() == 0
    assert not [line for line in proxy.lines if " error " in line]


def test_a_lookout_that_cannot_start_says_why(start, place):
    proxy = start("false", {"PROXY_DNS": "nowhere"}, address="app.invalid:80", resolve=", resolve: true")
    assert proxy.status() == 1
    assert any("cannot start: lookout" in line and "PROXY_DNS" in line for line in proxy.lines)


def test_names_are_looked_up_then_probed_then_served(start, place, endpoint):
    """Nobody answers as a nameserver, so it is this machine that knows `localhost`."""
    name = f"localhost:{endpoint.port}"
    proxy = start(f"{{{QUICK}}}", {"PROXY_DNS": "127.0.0.1:1"}, address=name, resolve=", resolve: true")
    proxy.ready()
    assert sorted(told(place)) == [("addresses", name, None), ("health", name, True)]
    assert endpoint.requests[0].get(b"host") == name.encode()
    endpoint.now = BROKEN
    proxy.line(f"web {name} down: 3 of 3 probes failed, last: HTTP 500 in ")
    assert proxy.stop() == 0
