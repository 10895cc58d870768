"""`top`: what its screen shows, what its keys do, and the real thing in a terminal."""

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest
from rich.console import Console

from proxy.cli.admin import Refused
from proxy.cli.keys import pressed
from proxy.cli.top import Operator
from proxy.cli.top_model import Model
from proxy.cli.top_screen import BARS, SPARK, octets, percent, screen, spark
from tests.admin.conftest import AdminStage
from tests.admin.test_merge import endpoint
from tests.scenarios.support import ROOT

STATUS = {"state": "running", "uptime": 3725, "generation": 2, "pid": 17, "listeners": ["http://a:1"],
          "processes": [{"name": "worker 0", "state": "ready"}, {"name": "desk", "state": "ready"}],
          "certificates": [], "well": True, "problems": []}
LINE = {"rate": 12.5, "errors": 0.02, "p50": 0.001, "p95": None, "p99": 1.5}
TOTAL = {**LINE, "sent": 123456, "received": 12, "connections": 7}


def told(address, state="up", **more):
    return endpoint(address, state, **{"history": [], "workers": [], **more})


def pool(*endpoints, **more):
    return {"name": "web", "strategy": "first", "paused": False, "queue": 0, "in_flight": 3, "available": 1,
            "endpoints": list(endpoints), **more}


def model_of(*pools, **status):
    model = Model("127.0.0.1:9000")
    model.take("status", {**STATUS, **status})
    model.take("pools", list(pools))
    model.take("metrics", {"total": TOTAL, "pools": {"web": {**LINE, "endpoints": {"a:1": LINE}}}})
    return model


def lines(model, width=140, height=30):
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(screen(model, console))
    return console.file.getvalue().splitlines()


def test_it_says_how_it_is_and_how_much_there_is_to_do():
    first, second, *_ = lines(model_of(pool(told("a:1"))))
    assert " ".join(first.split()) == "running up 1 h 2 min generation 2 1 worker pid 17 http://a:1"
    assert "12 requests/s" in second
    assert "errors 2.0%   p50 1 ms   p95 -   p99 1.50 s   12 B/s in   123 kB/s out   7 connections" in second


def test_what_is_wrong_comes_first():
    model = model_of(pool(told("a:1")), well=False, problems=[f"problem {number}" for number in range(5)])
    model.take("problem", {"detail": "nobody answers"})
    found = [line for line in lines(model) if line.startswith("!")]
    assert [line.rstrip() for line in found] == [
        "! nobody answers", "! problem 0", "! problem 1", "! problem 2", "! and 2 more"]


def test_endpoints_stand_below_their_pool_with_reasons():
    model = model_of(pool(
        told("a:1"), told("b:1", "ejected", reason="3 failures", seconds=7.2, max_connections=5),
        told("c:1", "draining", workers=[{"worker": "worker 0", "state": "up"}]), paused=True, queue=4))
    text = "\n".join(lines(model))
    assert re.search(r"web +PAUSED +3 +12\.5 .*first  4 waiting", text)
    assert re.search(r"> a:1 +up +1 +1 +12\.5 ", text)
    assert re.search(r"  b:1 +ejected 7s +1 +1/5 .* 3 failures", text)
    assert re.search(r"  c:1 +draining .* worker 0: up", text)


@pytest.mark.parametrize("width", [80, 99, 100, 200])
@pytest.mark.parametrize("height", [10, 24, 60])
def test_it_fits_the_terminal_and_the_cursor_is_in_it(width, height):
    model = model_of(pool(*(told(f"a:{port}") for port in range(1, 41))), problems=["no"] * 9)
    for number in range(20):
        model.take("event", {"id": number, "time": 0, "kind": "up", "pool": None, "endpoint": None,
                             "text": "x" * 300, "from": "lookout"})
    for steps in (0, 20, 100, -50):
        model.move(steps)
        shown = lines(model, width, height)
        assert len(shown) <= height
        assert all(len(line) <= width for line in shown)
        assert sum(line.startswith("> ") for line in shown) == 1
        assert "drain" in shown[-1]


def test_before_anything_is_known_and_when_nobody_answers():
    model = Model("127.0.0.1:9000")
    assert lines(model)[0].rstrip() == "asking 127.0.0.1:9000 ..."
    model.take("problem", {"detail": "not running"})
    assert lines(model)[0].rstrip() == "not running"


def test_events_are_the_last_ones():
    model = model_of(pool(told("a:1")))
    for number in range(3):
        model.take("event", {"id": number, "time": 0, "kind": "ejected", "pool": "web", "endpoint": "a:1",
                             "text": f"reason {number}", "from": "worker 0"})
    found = [line for line in lines(model, height=11) if "ejected" in line]
    assert [re.search(r"web a:1 (.*) worker 0", line)[1] for line in found] == ["reason 1", "reason 2"]


def test_sparks_are_remembered_and_grow():
    model = model_of(pool(told("a:1")))
    model.take("history", {"points": [[0, 5.0, 0, None, None, None]] * 3,
                           "pools": {"web": {"rates": [1], "endpoints": {"a:1": [0.0, 8.0]}}}})
    model.take("metrics", {"total": TOTAL, "pools": {"web": {**LINE, "endpoints": {"a:1": LINE}}}})
    assert list(model.sparks["web", "a:1"]) == [0.0, 8.0, 12.5]
    assert list(model.sparks[()]) == [5.0, 5.0, 5.0, 12.5]


@pytest.mark.parametrize(
    "rates, bars", [([], ""), ([0, 0], "▁▁"), ([0, 50, 100], "▁▅█"), ([1] * 99, "█" * SPARK)])
def test_sparks(rates, bars):
    assert spark(rates).strip() == bars
    assert len(spark(rates)) == SPARK
    assert set(bars) <= set(BARS)


def test_numbers():
    assert [percent(share) for share in (0, 0.0001, 0.5)] == ["0%", "<0.1%", "50.0%"]
    assert [octets(number) for number in (0, 999, 12345, 1.5e9)] == ["0 B", "999 B", "12.3 kB", "1.5 GB"]


class Admin:
    def __init__(self, error=None):
        self.told = []
        self.error = error

    def post(self, path, value):
        if self.error:
            raise self.error
        self.told.append((path, value))


@pytest.mark.parametrize("key, question, path, value", [
    ("d", "drain unix:/a b?", "/endpoints/unix%3A%2Fa%20b/drain", {}),
    ("x", "disable unix:/a b?", "/endpoints/unix%3A%2Fa%20b/disable", {}),
    ("e", "enable unix:/a b?", "/endpoints/unix%3A%2Fa%20b/enable", {}),
    ("+", "weight 2 for unix:/a b?", "/endpoints/unix%3A%2Fa%20b/weight", {"weight": 2}),
    ("-", "weight 1 for unix:/a b?", "/endpoints/unix%3A%2Fa%20b/weight", {"weight": 1}),
    ("p", "pause the pool web?", "/pause", {}),
])
def test_a_key_asks_before_it_does_anything(key, question, path, value):
    operator = Operator(admin := Admin(), model_of(pool(told("a:1"), told("unix:/a b"))))
    assert operator.press("down")
    assert operator.press(key)
    assert operator.model.question == question
    assert f" {question}  y/n " in lines(operator.model)[-1]
    assert operator.press("n")
    assert (admin.told, operator.model.question) == ([], "")
    operator.press(key)
    operator.press("y")
    assert admin.told == [(f"/api/pools/web{path}", value)]
    assert operator.model.said == f"done: {question[:-1]}"
    assert not operator.press("q")


def test_what_is_refused_is_said():
    operator = Operator(Admin(Refused("not so")), model_of(pool(told("a:1"), paused=True)))
    operator.press("p")
    assert operator.model.question == "resume the pool web?"
    operator.press("y")
    assert operator.model.said == "resume the pool web: not so"


def test_without_an_endpoint_keys_do_nothing():
    operator = Operator(Admin(), model_of())
    for key in ("d", "down", "up", "?"):
        assert operator.press(key)
    assert operator.model.question == ""


def test_keys(monkeypatch):
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        keys = pressed()
        for octets, name in ((b"\x1b[A", "up"), (b"\x1bOB", "down"), (b"q", "q"), (b"\x1b", "escape")):
            os.write(write, octets)
            assert next(keys) == name
        os.close(write)
        assert list(keys) == []


@pytest.fixture
def site(tmp_path):
    with AdminStage(tmp_path) as stage:
        yield stage.governed(stage.chaos("one").address, stage.chaos("two").address)


class Terminal:
    """A pseudo terminal of 100 columns and 24 lines in which a program runs."""

    def __init__(self, *words):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy", *words], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env={**os.environ, "TERM": "xterm-256color"})
        self.theirs = theirs

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def until(self, pattern):
        """Read until it is seen."""
        while not (match := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.ours], [], [], 15)
            assert ready, f"no {pattern!r} in {self.seen[-3000:]}"
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        self.seen = self.seen[match.end():]
        return match

    def type(self, text):
        os.write(self.ours, text.encode())


@pytest.mark.scenario
def test_in_a_terminal(site):
    _, api = site
    second = api.pool()["endpoints"][1]["address"]
    with Terminal("top", "--admin", api.url.removeprefix("http://")) as terminal:
        terminal.until("requests/s")
        terminal.type("\x1b[B")
        terminal.until(f"> {second}")
        terminal.type("d")
        terminal.until(rf"drain {second}\?  y/n")
        terminal.type("y")
        terminal.until("done: drain")
        terminal.until("draining")
        terminal.until("drained by the operator")
        assert api.endpoint(second)["state"] == "draining"
        terminal.type("q")
        assert terminal.process.wait(15) == 0
        assert termios.tcgetattr(terminal.theirs)[3] == terminal.before[3]  # as it was


@pytest.mark.scenario
def test_it_waits_for_a_proxy_that_has_gone(site):
    proxy, api = site
    with Terminal("top", "--admin", api.url.removeprefix("http://")) as terminal:
        terminal.until("requests/s")
        assert proxy.stop() == 0
        terminal.until("not running: nobody listens on")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(15) == 130


@pytest.mark.scenario
def test_one_look(site):
    _, api = site
    address = api.url.removeprefix("http://")
    done = subprocess.run([sys.executable, "-m", "proxy", "top", "--once", "--admin", address], cwd=ROOT,
                          capture_output=True, text=True, timeout=30, check=True)
    assert "requests/s" in done.stdout
    assert api.pool()["endpoints"][0]["address"] in done.stdout
    gone = subprocess.run([sys.executable, "-m", "proxy", "top", "--admin", "127.0.0.1:1"], cwd=ROOT,
                          capture_output=True, text=True, timeout=30, check=False)
    assert (gone.returncode, gone.stderr) == (2, "not running: nobody listens on 127.0.0.1:1\n")
