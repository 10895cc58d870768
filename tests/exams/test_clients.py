"""Clients as people have them, and the attacks of slowhttptest."""

import re
import sys

import pytest

from tests.exams.judges import run

# Checks that want HTTP/2 and nothing less.
NEED_H2 = {
    "curl h2 upload",
    "curl tls h2",
    "httpx h2",
    "nghttp h2 tls",
    "niquests h2 multiplexed",
    "node fetch, http agent, http2",
}


@pytest.mark.program("curl", "wget", "h2load", "nghttp", "ab", "wrk", "hey", "siege", "node", "chromium")
def test_real_clients(before_echo):
    ports = (before_echo.places()[0][1], "--tls-port", before_echo.places()[1][1])
    said = run("exams/clients/run.py", *ports, "--python", sys.executable, patience=120)
    results = re.findall(r"^(ok  |FAIL|skip) ([^'\"\n]*?) *(?:['\"].*)?$", said, re.MULTILINE)
    judged = {name: result for result, name in results if name not in NEED_H2}
    print("left out, as they need HTTP/2:", *sorted(NEED_H2), sep="\n  ")
    assert len(judged) == 25
    assert {name for name, result in judged.items() if result != "ok  "} == set()


def test_what_sslyze_finds(before_echo):
    """No old version, no weak suite, none of the famous holes."""
    said = run("exams/tls/run.py", before_echo.places()[1][1], "--sslyze", f"{sys.executable} -m sslyze",
               patience=120)
    suites = re.findall(r"^sslyze (?:ssl|tls)\w+: (\d+) suites$", said, re.MULTILINE)
    assert suites == ["0", "0", "0", "0", "5", "3"]  # SSL 2 and 3, TLS 1.0 to 1.3
    assert "heartbleed False | ccs False | robot NOT_VULNERABLE" in said
    assert "client renegotiation DoS False | compression False" in said


@pytest.mark.program("slowhttptest")
def test_slow_attackers_slow_nobody_else(before_echo):
    said = run("exams/slow/run.py", before_echo.port, "--seconds", 12, patience=150)
    own = re.findall(r"own requests (\d+), failed (\d+), slowest (\d+) ms", said)
    assert len(own) == 3
    for number, failed, slowest in own:
        assert int(number) > 20
        assert int(failed) == 0
        assert int(slowest) < 100
