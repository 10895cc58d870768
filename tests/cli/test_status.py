"""`status` of a proxy that has certificates: its lines, and the real thing."""

import json
import time

import pytest

from proxy.certificates import DAY, day
from proxy.cli.status import lines
from tests.admin.conftest import AdminStage
from tests.authority import Authority
from tests.cli.test_operating import at, say
from tests.scenarios.support import OK

STATUS = {"state": "running", "uptime": 5, "version": "1", "generation": 2, "pid": 17,
          "listeners": ["https://a:443"], "processes": [], "problems": []}


def shown(*names, expires=DAY):
    return {"listener": "a:443", "names": list(names), "begins": 0.0, "expires": expires, "trouble": ""}


@pytest.mark.parametrize("certificates, told", [
    ([], []),
    ([shown("a.example", "*.a.example")],
     ["certificate of a:443 for a.example, *.a.example, valid until 1970-01-02"]),
    ([shown(), shown("b.example", expires=2 * DAY - 1)],
     ["certificate of a:443 for no name, valid until 1970-01-02",
      "certificate of a:443 for b.example, valid until 1970-01-02"]),
])
def test_each_certificate_has_a_line(certificates, told):
    found = list(lines({**STATUS, "certificates": certificates}, []))
    assert found[1:-1] == ["listening on https://a:443", *told]


@pytest.mark.scenario
@pytest.mark.parametrize("days, exit_status, trouble", [
    (90, 0, ""), (3, 1, "expires on {}, in 3.0 days"), (-1, 1, "has expired on {}")])
def test_the_exit_status_tells_of_one_that_expires(tmp_path, days, exit_status, trouble):
    tls = Authority(tmp_path).tls("a.example", days=90, age=90 - days)
    listener = f"listen: {{address: '127.0.0.1:0', tls: {tls}}}\n"
    with AdminStage(tmp_path) as stage:
        _, api = stage.governed(stage.origin(OK).address, more=listener)
        status, out, err = say("status", *at(api))
        [told] = json.loads(say("status", "--json", *at(api))[1])["certificates"]
        until = day(told["expires"])
        assert told["expires"] == pytest.approx(time.time() + days * DAY, abs=60)
        assert told["trouble"] == trouble.format(until)
        assert (status, err) == (exit_status, "")
        assert f" for a.example, valid until {until}\n" in out
        problems = [line for line in out.splitlines() if line.startswith("!")]
        assert problems == ([f"! the certificate for a.example {told['trouble']}"] if trouble else [])
