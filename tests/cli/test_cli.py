"""The command line as its users meet it: words in, exit status and text out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__, cli
from proxy.process.supervisor import Supervisor

ROOT = Path(__file__).parents[2]

GOOD = """\
listen: 127.0.0.1:0
pools:
  web: {endpoints: [127.0.0.1:8001]}
routes:
  - match: {path: /ping}
    respond: {status: 200}
  - reverse_proxy: web
limits: {connections: 100}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Runs a command line in this process; its status, stdout and stderr."""

    def call_main(*words):
        try:
            status = cli.main(words)
        except SystemExit as leave:
            status = leave.code
        return status, *capsys.readouterr()

    return call_main


def test_check_counts_what_the_file_has(call, folder):
    (folder / "my.yaml").write_text(GOOD)
    assert call("check", "-c", "my.yaml") == (0, "my.yaml: ok (1 listener, 1 pool, 2 routes)\n", "")


@pytest.mark.parametrize("line", ["-c my.yaml check", "check --config=my.yaml", "check -cmy.yaml"])
def test_options_stand_on_either_side_of_the_verb(call, folder, line):
    (folder / "my.yaml").write_text(GOOD)
    status, out, _ = call(*line.split())
    assert (status, out[:12]) == (0, "my.yaml: ok ")


def test_the_file_in_this_folder_needs_no_option(call, folder):
    (folder / "config.yaml").write_text(GOOD)
    assert call("check")[1].startswith("config.yaml: ok")


@pytest.mark.parametrize("words", [(), ("check",), ("run",)])
def test_without_a_file_it_says_how_to_name_one(call, words):
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert err.startswith("no configuration: name one with -c FILE, or put config.yaml into this folder")


@pytest.mark.parametrize("words", [("check",), ("run",), ()])
def test_all_mistakes_are_told_and_nothing_is_started(call, folder, monkeypatch, words):
    monkeypatch.setattr(Supervisor, "__init__", None)
    (folder / "config.yaml").write_text("listen: nowhere\nworkerz: 2\nroutes: []\n")
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert "config.yaml:1:" in err
    assert "config.yaml:2:" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [("check",), ("run",), ()])
def test_a_mistake_in_the_environment_is_one_too(call, folder, monkeypatch, words):
    monkeypatch.setattr(Supervisor, "__init__", None)
    monkeypatch.setenv("PROXY_DNS", "dns.internal")
    (folder / "config.yaml").write_text(GOOD)
    status, out, err = call(*words)
    assert (status, out) == (2, "")
    assert err.startswith("environment variable PROXY_DNS: 'dns.internal' is not an IP address")
    (folder / "config.yaml").write_text(GOOD + "workerz: 2")
    status, _, both = call(*words)
    assert (status, both[:17]) == (2, "config.yaml:9:1: ")
    assert both.endswith(err)


def test_a_file_that_is_not_there(call):
    status, _, err = call("check", "-c", "none.yaml")
    assert status == 2
    assert err.startswith("none.yaml: ")


def test_check_warns_of_too_few_open_files(call, folder):
    (folder / "config.yaml").write_text(GOOD.replace("connections: 100", "connections: 1000000"))
    status, out, err = call("check")
    assert status == 0
    assert out.startswith("config.yaml: ok")
    assert err.startswith("warning: config.yaml: limits.connections is 1000000 and needs")


def test_check_warns_of_what_is_hardly_meant(call, folder):
    (folder / "config.yaml").write_text(GOOD.replace("- reverse_proxy: web", "- respond: {}"))
    status, out, err = call("check")
    assert (status, out[:15]) == (0, "config.yaml: ok")
    assert err.startswith("warning: config.yaml:3:")
    assert err.endswith("no route uses this pool\n")


def test_schema_is_json(call):
    status, out, _ = call("schema")
    assert status == 0
    assert "listen" in json.loads(out)["properties"]


def test_version(call):
    assert call("--version") == (0, f"proxy {__version__}\n", "")


def test_help_teaches_verbs_examples_and_signals(call):
    status, out, _ = call("--help")
    assert status == 0
    assert out.startswith("usage: python -m proxy [VERB] [-c FILE]\n")
    for word in (*cli.VERBS, "examples:", "signals", "USR1", "exit status"):
        assert word in out


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(call, verb):
    status, out, _ = call(verb, "--help")
    assert status == 0
    assert out.startswith(f"usage: python -m proxy {verb} ")
    assert cli.VERBS[verb].HELP in " ".join(out.split())


def test_a_misspelt_verb(call):
    status, _, err = call("chek", "-c", "config.yaml")
    assert status == 2
    assert err.endswith("error: no verb 'chek'; did you mean 'check'?\n")


@pytest.mark.parametrize("line, verb, word", [
    ("simulate --endpoints 3 --slower a=2x", "simulate", "--slower"), ("check all", "check", "all"),
    ("--verbose", "run", "--verbose")])
def test_a_word_that_a_verb_does_not_know(call, line, verb, word):
    status, out, err = call(*line.split())
    assert (status, out) == (2, "")
    assert f"{verb} does not know '{word}'; what it knows: python -m proxy {verb} --help" in err


def test_a_file_where_a_verb_should_be(call, folder):
    (folder / "my.yaml").write_text(GOOD)
    assert "to run with that file: python -m proxy -c my.yaml" in call("my.yaml")[2]


def test_an_unknown_verb_lists_them(call):
    assert "no verb 'xyzzy'; there are run, check, schema" in call("xyzzy")[2]


def python_m(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, *words], env=environment, **options)


def test_a_reader_that_goes_away_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    process = python_m("-m", "proxy", "schema", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert process.communicate(timeout=30)[1] == b""
    assert process.returncode == 1


def test_help_does_not_wait_for_the_data_plane():
    program = "import sys, proxy.cli; print({'pydantic', 'asyncio', 'yaml', 'uvloop'} & set(sys.modules))"
    process = python_m("-c", program, stdout=subprocess.PIPE)
    assert process.communicate(timeout=30)[0] == b"set()\n"
