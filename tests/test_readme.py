"""What README.md and CONTRIBUTING.md tell people to do works: every block in them is tried."""

import re
import shlex
import sys
import types
from pathlib import Path

import pytest
from flask import Flask
from gunicorn.config import Config as GunicornConfig
from werkzeug.middleware.proxy_fix import ProxyFix

from proxy import cli
from proxy.config.load import load
from tests.authority import Authority

ROOT = Path(__file__).parents[1]
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def blocks(language):
    """The code blocks of that language, in every text."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return [block for text in TEXTS.values() for block in re.findall(pattern, text, re.DOTALL | re.MULTILINE)]


SHELL_LINES = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("block", blocks("yaml"))
def test_configurations_are_valid(block, tmp_path):
    for folder in ("static", "staticfiles", "dist", "public", "private", "acme/.well-known/acme-challenge"):
        (tmp_path / folder).mkdir(parents=True)
    certificate, key = Authority(tmp_path).issue("www.example.com")
    certificate.rename(tmp_path / "fullchain.pem")
    key.rename(tmp_path / "privkey.pem")
    file = tmp_path / "config.yaml"
    file.write_text(block)
    assert load(file).routes


@pytest.mark.parametrize("words", SHELL_LINES, ids=" ".join)
def test_commands_exist(words):
    match words:
        case ["make", *targets]:
            assert targets
            assert set(targets) <= set(TARGETS)
        case ["python", "-m", "proxy", *rest]:
            arguments = cli.build_parser().parse_args(rest)
            assert arguments.config == "config.yaml"
        case ["gunicorn", *rest]:
            arguments = GunicornConfig().parser().parse_args(rest)
            assert (arguments.workers, arguments.threads, arguments.bind) == (4, 4, ["127.0.0.1:8000"])
        case other:
            assert other == ["pip", "install", "."]


def test_flask_is_told_to_believe_the_proxy():
    block = blocks("python")[0]
    names = {"__name__": "wsgi"}
    exec(block, names)
    assert isinstance(names["app"].wsgi_app, ProxyFix)


TESTED = next(block for block in blocks("yaml") if "\ntests:" in block)


@pytest.fixture
def tested(tmp_path, monkeypatch):
    """A folder with the configuration that has tests."""
    (tmp_path / "static").mkdir()
    (tmp_path / "config.yaml").write_text(TESTED)
    monkeypatch.chdir(tmp_path)


def test_the_tests_of_a_configuration_pass(tested, capsys):
    assert cli.main(["test", "-c", "config.yaml"]) == 0
    assert capsys.readouterr().out.endswith("config.yaml: all tests passed (5)\n")


def test_what_explain_says_is_what_it_says(tested, capsys):
    """Each line of the text is one of the output, in that order; `...` leaves some out."""
    (told,) = [block for block in blocks("text") if block.startswith("Routes\n")]
    (words,) = [line for line in SHELL_LINES if line[:4] == ["python", "-m", "proxy", "explain"]]
    assert cli.main(words[3:]) == 0
    lines = iter(capsys.readouterr().out.splitlines())
    assert not [line for line in told.splitlines() if line != "..." and line not in lines]


def test_an_application_is_tested_behind_the_proxy(tested, monkeypatch):
    wsgi = types.ModuleType("wsgi")
    wsgi.app = Flask("shop")
    wsgi.app.add_url_rule("/cart", view_func=lambda: "the cart")
    monkeypatch.setitem(sys.modules, "wsgi", wsgi)
    names = {}
    exec(blocks("python")[1], names)
    names["test_one_endpoint_may_fail"]()


def test_make_help_names_every_target():
    told = re.findall(r'@echo "make ([a-z-]+)', (ROOT / "Makefile").read_text("utf-8"))
    assert {*told, "help", "bench-micro"} == set(TARGETS)


def test_every_strategy_is_explained():
    from proxy.balancing import STRATEGIES

    assert not [name for name in STRATEGIES if f"| `{name}` |" not in TEXTS["README.md"]]


def test_links_lead_somewhere():
    links = [link for text in TEXTS.values() for link in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
