"""Raw exchanges of RFC 9112, of known attacks and of other projects' tests; nothing may leak."""

import re

import pytest

from tests.exams.judges import judge, run
from tests.scenarios.support import LOOPS


@pytest.mark.parametrize("cases, most", [("cases.jsonl", 158), ("hardening.jsonl", 9)])
@pytest.mark.parametrize("loop", LOOPS)
def test_every_exchange_of_the_corpus(before_judge, cases, most):
    proxy, port = before_judge
    words = (proxy.address, judge(f"corpora/http1/{cases}"), "--backend", f"127.0.0.1:{port}")
    said = run("corpora/http1/run.py", *words, patience=150)
    assert said.splitlines()[-1] == f"PASS {most}/{most}"


@pytest.mark.parametrize("loop", ["uvloop"])
def test_messages_of_gunicorn_and_llhttp(before_judge):
    proxy, port = before_judge
    words = ("127.0.0.1", proxy.port, "--origin", port, "gunicorn-http1", "llhttp-http1")
    said = run("exams/h1corpus/run.py", *words, patience=150)
    assert "LEAKED 0, EXTRA 0, lost 0," in said


def test_probes(before_echo):
    said = run("exams/h1probe/run.py", "127.0.0.1", before_echo.port, patience=100)
    found = re.search(r"scored (\d+): pass \d+, warn \d+, fail (\d+), error (\d+); leaked (\d+)", said)
    scored, fail, error, leaked = map(int, found.groups())
    assert scored >= 161
    assert fail <= 8
    assert error == 0
    assert leaked == 0
