"""Clients as people have them, and the attacks of slowhttptest."""

import re
import sys

import pytest

from tests.exams.judges import run
from tests.scenarios.support import free_port

# Checks that also (or only) speak TLS; the plain half of each is in tests/scenarios.
NEED_TLS = {
    "chromium h2 page",
    "curl h2 upload",
    "curl parallel h2, 40 streams",
    "curl tls h1",
    "curl tls h2",
    "curl_cffi as Chrome",
    "curl_cffi as Firefox",
    "curl_cffi as Safari",
    "h2load 500 requests, 10 streams",
    "hey h2",
    "httpx h2",
    "nghttp h2 tls",
    "niquests h2 multiplexed",
    "node fetch, http agent, http2",
    "requests",
}


@pytest.mark.program("curl", "wget", "h2load", "ab", "wrk", "siege")
def test_real_clients(before_echo):
    ports = (before_echo.port, "--tls-port", free_port())  # nobody answers at the second
    said = run("exams/clients/run.py", *ports, "--python", sys.executable, patience=120)
    results = re.findall(r"^(ok  |FAIL|skip) ([^'\"\n]*?) *(?:['\"].*)?$", said, re.MULTILINE)
    judged = {name: result for result, name in results if name not in NEED_TLS}
    print("left out, as they need TLS:", *sorted(name for _, name in results if name in NEED_TLS), sep="\n  ")
    assert len(judged) >= 16
    assert {name for name, result in judged.items() if result != "ok  "} == set()


@pytest.mark.program("slowhttptest")
def test_slow_attackers_slow_nobody_else(before_echo):
    said = run("exams/slow/run.py", before_echo.port, "--seconds", 12, patience=150)
    own = re.findall(r"own requests (\d+), failed (\d+), slowest (\d+) ms", said)
    assert len(own) == 3
    for number, failed, slowest in own:
        assert int(number) > 20
        assert int(failed) == 0
        assert int(slowest) < 100
