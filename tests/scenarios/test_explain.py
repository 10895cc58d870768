"""A real proxy with two workers is asked about real requests, by their ids."""

import json
import subprocess
import sys

import pytest

from tests.scenarios.support import HOST, OK, ROOT, ask, free_port


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    return f"unix:{tmp_path_factory.mktemp('admin')}/admin.sock"


@pytest.fixture(scope="module")
def proxy(shared, admin):
    """Behind it: nobody on one address, an application on the other. No access log."""
    origin = shared.origin(OK)
    return shared.proxy(f"""\
workers: 2
access_log: false
admin: {admin}
pools:
  web: {{endpoints: ["{HOST}:{free_port()}", "{origin.address}"]}}
routes:
  - {{name: ping, match: {{path: /ping}}, respond: {{body: pong}}}}
  - {{name: site, reverse_proxy: web}}
""")


@pytest.fixture
def explain(admin):
    """Runs `explain` on words; exit status, stdout and stderr."""

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "proxy", "explain", *words, "--admin", admin],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_where_a_request_went_and_what_was_tried_before(proxy, explain):
    for number in range(8):  # some worker begins with the address where nobody is
        ask(proxy, "/cart?token=sesame", f"X-Request-ID: cart-{number}", "Cookie: a=sesame")
    stories = [explain(f"cart-{number}") for number in range(8)]
    assert {status for status, _, _ in stories} == {0}
    assert "sesame" not in str(stories)
    assert all("> site  it is for everything" in story for _, story, _ in stories)
    assert all("HTTP 200" in story for _, story, _ in stories)
    assert any("connect: connection refused" in story for _, story, _ in stories)


def test_the_same_for_programs(proxy, explain):
    ask(proxy, "/ping", "X-Request-ID: ping-1")
    status, out, _ = explain("ping-1", "--json")
    told = json.loads(out)
    assert (status, told["id"], told["route"], told["answer"]["status"]) == (0, "ping-1", "ping", 200)


def test_one_that_nobody_remembers(proxy, explain):
    status, out, err = explain("nobody-s")
    assert (status, out) == (1, "")
    assert "no request 'nobody-s' is kept" in err


def test_where_no_proxy_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "explain", "some-id", "--admin", f"unix:{tmp_path}/none"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("not running: nobody listens on unix:")
