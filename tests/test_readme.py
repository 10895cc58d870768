"""What README.md and CONTRIBUTING.md tell people to do works: every block in them is tried."""

import re
import shlex
from pathlib import Path

import pytest
from gunicorn.config import Config as GunicornConfig
from werkzeug.middleware.proxy_fix import ProxyFix

from proxy import cli
from proxy.config.load import load

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
    for folder in ("static", "staticfiles", "dist", "public", "private"):
        (tmp_path / folder).mkdir()
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
    (block,) = blocks("python")
    names = {"__name__": "wsgi"}
    exec(block, names)
    assert isinstance(names["app"].wsgi_app, ProxyFix)


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
