"""The comparison with other proxies runs, and prints figures for each of them."""

import re
import subprocess
import sys

import pytest

from tests.faults.compare import COLUMNS, FAULTS, PROXIES, row
from tests.faults.load import CUT, OK, RACED, STATUS, Ask, Outcome
from tests.scenarios.support import ROOT

FIGURES = r"^kill +(\w+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$"


@pytest.mark.program("nginx", "haproxy")
def test_one_fault():
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.compare", "kill", "--quick"],
        cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    lines = re.findall(FIGURES, done.stdout, re.MULTILINE)
    assert [name for name, *_ in lines] == list(PROXIES), done.stdout
    assert all(int(sent) >= 400 for _, sent, *_ in lines), done.stdout
    ours = lines[0]
    assert ours[2] == "0", "GETs failed"


def test_what_it_knows():
    help_text = subprocess.run(
        [sys.executable, "-m", "tests.faults.compare", "--help"], cwd=ROOT, capture_output=True, text=True,
        timeout=30, check=True).stdout
    assert all(fault in help_text for fault in FAULTS)


def test_a_row():
    asks = Ask(), Ask("POST")
    outcomes = [Outcome(ask, kind, 0.0, 0.0, 0.25) for ask in asks for kind in (OK, STATUS, CUT, RACED)]
    assert dict(zip(COLUMNS, row("hang", "nginx", outcomes), strict=True)) == {
        "fault": "hang", "proxy": "nginx", "sent": 6, "GETs failed": 1, "POSTs failed": 1,
        "closed": 2, "cut": 2, "wrong": 0, "p99 ms": "250", "max ms": "250"}
