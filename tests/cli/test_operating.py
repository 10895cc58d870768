"""`status` and `events` against the real thing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from proxy.cli.status import duration, milliseconds
from tests.admin.conftest import AdminStage
from tests.scenarios.support import OK, ROOT, wait_until

pytestmark = pytest.mark.scenario

TOKEN = "0123456789abcdef"


@pytest.fixture
def stage(tmp_path):
    with AdminStage(tmp_path) as made:
        yield made


def say(*words, env=None):
    """What a verb says: exit status, stdout, stderr."""
    done = subprocess.run([sys.executable, "-m", "proxy", *map(str, words)], cwd=ROOT, capture_output=True,
                          text=True, timeout=30, check=False, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def at(api):
    return "--admin", api.url.removeprefix("http://")


def test_all_is_well(stage):
    origin = stage.chaos("one")
    proxy, api = stage.governed(origin.address)
    status, out, err = say("status", *at(api))
    assert (status, err) == (0, "")
    assert out.startswith("running for ")
    assert f"pid {proxy.pid}\nlistening on http://127.0.0.1:" in out
    assert "\n1 worker\n" in out
    assert "pool web (round_robin): 1 of 1 available, 0 in flight, 0 waiting" in out
    assert f"  {origin.address}  up " in out


def test_something_is_down(stage):
    proxy, api = stage.governed("127.0.0.1:1", pool="health_check: {type: tcp}")
    status, out, _ = say("status", *at(api))
    assert status == 1
    assert "! pool web: 127.0.0.1:1 is down: connection refused" in out
    status, out, _ = say("status", "--json", *at(api))
    told = json.loads(out)
    assert (status, told["well"], told["pools"][0]["endpoints"][0]["state"]) == (1, False, "down")
    assert proxy.process.poll() is None


@pytest.mark.parametrize("verb", ["status", "events", "explain"])
def test_somebody_else_is_there(stage, verb):
    """Such as the site itself, where the port was mistaken for the admin's."""
    place = stage.origin(OK).address
    more = ["an-id"] if verb == "explain" else []
    status, out, err = say(verb, *more, "--admin", place)
    assert (status, out) == (2, "")
    assert place in err
    assert "Traceback" not in err


def test_the_configuration_says_whom_to_ask(stage):
    socket = stage.folder / "admin.sock"
    yaml = f"admin: {{address: 'unix:{socket}', token: {TOKEN}}}\nroutes: [{{respond: {{}}}}]\n"
    proxy = stage.proxy(yaml)
    wait_until(lambda: say("status", "-c", stage.folder / "proxy-1.yaml")[0] == 0)
    status, _, err = say("status", "--admin", f"unix:{socket}")
    assert (status, "send Authorization: Bearer" in err) == (2, True)
    assert say("status", "--admin", f"unix:{socket}", env={"ADMIN_TOKEN": TOKEN})[0] == 0
    proxy.stop()
    status, out, err = say("status", "-c", stage.folder / "proxy-1.yaml")
    assert (status, out) == (2, "")
    assert err == f"not running: nobody listens on unix:{socket}\n"


@pytest.mark.parametrize("text, words", [
    ("", "has no admin listener; add `admin: 127.0.0.1:9000`"),
    ("admin: 127.0.0.1:0", "leaves the admin's port open; the ready line names it: --admin ADDRESS"),
    ("admin: nonsense", "--admin ADDRESS asks without reading a file"),
])
def test_a_configuration_that_does_not_say(tmp_path, text, words):
    file = tmp_path / "a.yaml"
    file.write_text(f"listen: a:1\nroutes: [{{respond: {{}}}}]\n{text}\n")
    status, _, err = say("status", "-c", file)
    assert status == 2
    assert words in err


def test_what_is_no_address_and_who_is_no_admin(stage):
    assert "--admin: 'nix' is not an address" in say("status", "--admin", "nix")[2]
    proxy = stage.proxy("routes: [{respond: {status: 404}}]\n")
    status, _, err = say("status", "--admin", proxy.address)
    assert status == 2
    assert "this is no admin listener of ours: it answers 404" in err
    proxy = stage.proxy("routes: [{respond: {body: '{\"pid\": 1}'}}]\n")
    for options in ((), ("--json",)):
        status, out, err = say("status", "--admin", proxy.address, *options)
        assert (status, out) == (2, "")
        assert f"what answers on {proxy.address} is no admin listener of ours" in err


def test_events_are_lines(stage):
    _, api = stage.governed(stage.chaos("one").address, stage.chaos("two").address)
    first, second = (endpoint["address"] for endpoint in api.pool()["endpoints"])
    api.order(first, "drain")
    api.order(second, "weight", {"weight": 3})
    status, out, _ = say("events", *at(api))
    assert status == 0
    assert f" order        web {first}: drained by the operator (supervisor)\n" in out
    assert say("events", *at(api), "--kind", "weight")[1].count("\n") == 1
    assert json.loads(say("events", *at(api), "--kind", "weight", "--json")[1])["figures"] == {"weight": 3}
    status, _, err = say("events", *at(api), "--kind", "nix")
    assert (status, "query.kind" in err) == (2, True)


def test_events_are_followed_through_the_death_of_a_desk(stage):
    _, api = stage.governed(stage.chaos("one").address)
    (endpoint,) = api.pool()["endpoints"]
    command = [sys.executable, "-m", "proxy", "events", "-f", *at(api), "--pool", "web"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as following:
        try:
            api.order(endpoint["address"], "drain")
            assert b"drained by the operator" in following.stdout.readline()
            processes = api.get("/api/status").json()["processes"]
            desk = next(one["pid"] for one in processes if one["name"] == "desk")
            os.kill(desk, signal.SIGKILL)
            wait_until(lambda: enabled(api, endpoint["address"]))
            # Neither lost nor told twice.
            assert b"enabled by the operator" in following.stdout.readline()
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(15) == 130


def enabled(api, address):
    try:
        return api.order(address, "enable")
    except OSError:
        return None


@pytest.mark.parametrize("seconds, text", [
    (0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (90061, "1 d 1 h"),
])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("seconds, text", [
    (0.0001234, "0.123 ms"), (0.0123, "12.3 ms"), (0.25, "250 ms"), (2, "2.00 s"),
])
def test_milliseconds(seconds, text):
    assert milliseconds(seconds) == text
