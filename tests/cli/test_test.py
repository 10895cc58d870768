import json

import pytest

from proxy import cli

CONFIG = """\
listen: 127.0.0.1:0
pools: {web: {endpoints: [127.0.0.1:8001]}}
routes:
  - match: {path: /old}
    redirect: {to: /new}
  - reverse_proxy: web
"""
PASSES = "  - GET / -> pool web\n"
FAILS = "  - GET /old -> redirect /new, 301\n"


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs a verb on a configuration with these tests."""
    monkeypatch.chdir(tmp_path)

    def run(verb, tests, *words):
        (tmp_path / "config.yaml").write_text(CONFIG + tests)
        try:
            status = cli.main([verb, *words])
        except SystemExit as leave:
            status = leave.code
        return status, *capsys.readouterr()

    return run


def test_tests_that_pass(call):
    assert call("test", f"tests:\n{PASSES}") == (
        0, "ok    GET / -> pool web\nconfig.yaml: all tests passed (1)\n", "")


def test_one_that_fails_is_explained(call):
    status, out, _ = call("test", f"tests:\n{PASSES}{FAILS}")
    assert status == 1
    assert "FAIL  GET /old -> redirect /new, 301\n      wanted 301, got 308\n" in out
    assert "> route 1  path /old" in out
    assert out.endswith("config.yaml: 1 of 2 tests failed\n")


def test_the_same_for_programs(call):
    status, out, _ = call("test", f"tests:\n{PASSES}{FAILS}", "--json")
    passed, failed = json.loads(out)
    assert (status, passed["passed"], failed["passed"]) == (1, True, False)
    assert failed["differences"] == [{"wanted": "301", "got": "308"}]


def test_a_mistake_in_one_is_a_mistake_in_the_file(call):
    status, out, err = call("test", "tests:\n  - GET / -> pol web\n")
    assert (status, out) == (2, "")
    assert "config.yaml:8:14: tests[0]: 'pol' is not an outcome; did you mean 'pool'?" in err


def test_a_file_without_any(call):
    status, out, err = call("test", "")
    assert (status, out) == (0, "")
    assert "has no tests" in err


def test_check_counts_them_and_warns(call):
    assert call("check", f"tests:\n{PASSES}") == (
        0, "config.yaml: ok (1 listener, 1 pool, 2 routes, 1 test)\n", "")
    status, _, err = call("check", f"tests:\n{PASSES}{FAILS}")
    assert status == 0
    assert "1 of its 2 tests failed, the first is 'GET /old -> redirect /new, 301'" in err
