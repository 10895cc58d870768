"""`simulate` as its users meet it."""

import re
import sys
from pathlib import Path

import pytest

from proxy import cli
from proxy.balancing import STRATEGIES

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")

CONFIG = """\
listen: 127.0.0.1:0
pools:
  web:
    strategy: consistent_hash
    hash_key: header:X-User
    endpoints:
      - {address: 127.0.0.1:8001, weight: 2, max_connections: 50}
      - 127.0.0.1:8002
      - {address: 127.0.0.1:8003, backup: true}
  app: {endpoints: [127.0.0.1:9001]}
routes:
  - match: {path: /app/*}
    reverse_proxy: app
  - reverse_proxy: web
"""
SMALL = ("--endpoints", "2", "--duration", "1s")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys):
    """Runs the verb in this process; its status, stdout and stderr."""

    def call_main(*words):
        try:
            status = cli.main(("simulate", *words))
        except SystemExit as leave:
            status = leave.code
        return status, *capsys.readouterr()

    return call_main


@pytest.fixture
def mistakes(call):
    """The lines that a wrong command line is answered with."""

    def lines_of(*words):
        status, out, err = call(*words)
        assert (status, out) == (2, "")
        return [line.removeprefix("simulate: ") for line in err.splitlines()]

    return lines_of


def strategies_in(out):
    """The names in the first table."""
    table = out.split("\n\n")[1].splitlines()
    return [line.split()[0] for line in table[1:]]


def test_all_strategies_are_compared(call):
    status, out, err = call(*SMALL)
    assert (status, err) == (0, "")
    assert strategies_in(out) == list(STRATEGIES)
    assert out.startswith("2 endpoints with 4 workers each, 20 ms of work per request, seed 1\n")


def test_the_same_words_say_the_same(call):
    words = (*SMALL, "--slow", "a=10x@200ms-", "--errors", "b=20%")
    assert call(*words) == call(*words)
    assert call(*words, "--seed", "2")[1] != call(*words)[1]


def test_only_those_asked_for_in_their_order(call):
    assert strategies_in(call(*SMALL, "--strategy", "first, ip_hash,first")[1]) == ["first", "ip_hash"]


def test_endpoints_by_name(call):
    words = ("--endpoint", "10.0.0.1:80:weight=3", "--endpoint", "b:speed=0.5", "--endpoints", "1")
    status, out, _ = call(*words, "--strategy", "round_robin", "--duration", "1s", "--rate", "400")
    assert status == 0
    assert "b: 0.5x as fast as the others\n" in out
    shares = out.split("\n\n")[2].splitlines()
    assert shares[0].split() == ["share", "of", "requests", "a", "10.0.0.1:80", "b"]
    assert shares[1].split() == ["(by", "weight)", "20.0%", "60.0%", "20.0%"]


def test_everything_about_the_load_can_be_said(call):
    status, out, _ = call(
        "--endpoints", "1", "--rate", "100", "--duration", "10s", "--clients", "3", "--service", "5ms",
        "--distribution", "exponential", "--workers-per-endpoint", "2", "--strategy", "first", "--seed", "5")
    assert status == 0
    assert out.splitlines()[0] == "1 endpoint with 2 workers each, 5 ms of work per request, seed 5"
    assert re.match(r"\d+(\.\d)? requests/s for 10 s from 3 clients: \d+% of the 400/s ", out.splitlines()[1])


def test_the_pool_of_a_configuration(call, folder):
    (folder / "config.yaml").write_text(CONFIG)
    status, out, err = call("--pool", "web", "--duration", "2s", "--down", "127.0.0.1:8001@1s-")
    assert (status, err) == (0, "")
    assert "127.0.0.1:8001: down from 1 s on\n" in out
    assert "(by weight)                 66.7%           33.3%            0.0%\n" in out
    assert "moved" in out


def test_a_strategy_of_ones_own_stands_beside_the_others(call, folder, monkeypatch):
    (folder / "own_choice.py").write_text("""\
class Last:
    def rebuild(self, endpoints):
        self.endpoints = endpoints
    def pick(self, exchange, tried):
        return self.endpoints[-1]
""")
    (folder / "my.yaml").write_text(CONFIG.replace("app: {", 'app: {strategy: "own_choice:Last", '))
    monkeypatch.setattr(sys, "path", [*sys.path])
    status, out, _ = call("-c", "my.yaml", "--pool", "app", "--duration", "1s")
    assert status == 0
    assert strategies_in(out) == [*STRATEGIES, "own_choice:Last"]
    assert strategies_in(call(*SMALL, "--strategy", "own_choice:Last")[1]) == ["own_choice:Last"]


def test_a_log_is_replayed(call, folder):
    line = '10.0.0.{} - - [22/Nov/2026:08:01:{:02} +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    (folder / "access.log").write_text("".join(line.format(at % 7, at) for at in range(60)) + "no line\n")
    status, out, err = call("--endpoints", "2", "--log", "access.log", "--strategy", "ip_hash")
    assert status == 0
    assert "requests/s for 59 s from 7 clients" in out
    assert err == ("access.log: left out 1 lines that could not be read, and 0 requests that did not go "
                   "to the pool\n")
    assert "for 30 s from" in call("--endpoints", "2", "--log", "access.log", "--duration", "30s")[1]


def test_of_a_json_log_what_went_to_the_pool(call, folder):
    (folder / "config.yaml").write_text(CONFIG)
    line = '{{"time": "2026-11-22T08:01:{:02}.000Z", "client": "c{}", "target": "/", "pool": "{}"}}\n'
    lines = [line.format(at, at, pool) for at in range(10) for pool in ("web", "app", "")]
    (folder / "access.log").write_text("".join(lines))
    status, out, err = call("--pool", "app", "--log", "access.log", "--strategy", "first")
    assert status == 0
    assert "from 10 clients" in out
    assert "20 requests that did not go to the pool" in err


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_a_picture(call, folder, name):
    assert call(*SMALL, "--strategy", "first,ip_hash", "--plot", name)[0] == 0
    assert (folder / name).stat().st_size > 5000


def test_a_picture_that_cannot_be_written(call, folder):
    (folder / "a.png").mkdir()
    status, out, err = call(*SMALL, "--strategy", "first", "--plot", "a.png")
    assert (status, out[:11]) == (1, "2 endpoints")
    assert err == "simulate: a.png cannot be written: Is a directory\n"


def test_without_matplotlib_it_says_what_to_install(mistakes, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert mistakes(*SMALL, "--plot", "a.png") == [
        "--plot: a picture needs matplotlib; install it with: pip install 'pyfront[plot]'"]


def test_all_mistakes_are_told_at_once(mistakes):
    assert mistakes(
        "--endpoints", "2", "--endpoint", "a", "--endpoint", "c:wight=3", "--slow", "x=10x",
        "--slow", "a=fast", "--down", "b@8s-5s", "--errors", "a=200%", "--strategy", "leastconn",
        "--hash-key", "cokie:a", "--rate", "0", "--duration", "5", "--clients", "none", "--service", "1h",
        "--distribution", "normal", "--workers-per-endpoint", "0", "--seed", "-1",
        "--plot", "a.pdf", "--pool", "web",
    ) == [
        "--pool: --endpoints and --endpoint say what the pool is; leave it out",
        "--endpoint: there are two endpoints called 'a'; give each its own name",
        "--endpoint: 'c:wight=3' sets 'wight'; did you mean 'weight'? (weight, speed, max_connections)",
        "--slow: 'x=10x' names 'x', which is no endpoint here (a, b)",
        "--slow: 'a=fast' does not say how slow which endpoint is (a=10x@5s-15s)",
        "--down: 'b@8s-5s' ends before it begins (@5s-8s, or @5s- to the end)",
        "--errors: 'a=200%' has the share '200%', which is out of range (0% to 100%)",
        "--workers-per-endpoint: 0 is out of range (1 to 10000)",
        "--seed: -1 is out of range (0 to 9223372036854775808)",
        ("--strategy: 'leastconn' is not a strategy; did you mean 'least_connections'? "
         f"({', '.join(STRATEGIES)}), or package.module:Class"),
        ("--hash-key: 'cokie:a' is not a key to hash; did you mean 'cookie:NAME'? "
         "(client, path, query:NAME, header:NAME, cookie:NAME)"),
        "--plot: 'a.pdf' is no picture's name; let it end in .png or .svg",
        "--distribution: 'normal' is not a distribution; did you mean 'lognormal'? (lognormal, exponential)",
        "--duration: 5 is not a duration; did you mean 5s? (250ms, 5s, 1m, 1h)",
        "--clients: 'none' is not a whole number (1 to 1048576)",
        "--rate: '0' is not a number of requests a second (500, or 0.5)",
    ]


@pytest.mark.parametrize("words, message", [
    ((), "no pool: say how many endpoints it has (--endpoints 3), or name a configuration that has one"),
    (("-c", "my.yaml"), "--pool: my.yaml has several pools; name one (web, app)"),
    (("-c", "my.yaml", "--pool", "wep"),
     "--pool: 'wep' is not a pool of my.yaml; did you mean 'web'? (web, app)"),
    (("-c", "none.yaml", "--pool", "wep"), "none.yaml: there is no such file"),
    (("-c", "my.yaml", "--endpoints", "2"),
     "--config: --endpoints and --endpoint say what the pool is; leave it out"),
    ((*SMALL, "--log", "none.log"), "--log: 'none.log' cannot be read: No such file or directory"),
    ((*SMALL, "--log", "my.yaml"),
     "--log: 'my.yaml' holds 14 lines, none of them in the format combined or json of `access_log`"),
    ((*SMALL, "--log", "my.yaml", "--rate", "5"),
     "--rate: the log of --log says who comes when; leave it out"),
    ((*SMALL, "--strategy", "nobody:Here"), "--strategy: "),
    ((*SMALL, "--plot", "none/a.png"), "--plot: there is no folder 'none'; make it first"),
    ((*SMALL, "--rate", "3000000"),
     "3,000,000 requests are more than one simulation's 2,000,000; lower --rate or --duration"),
])
def test_a_mistake_and_what_helps(mistakes, folder, words, message):
    (folder / "my.yaml").write_text(CONFIG)
    (line,) = mistakes(*words)
    assert line.startswith(message)


def test_help_teaches_by_examples(call):
    status, out, _ = call("--help")
    assert status == 0
    assert out.startswith("usage: python -m proxy simulate [-c FILE [--pool NAME] | --endpoints N | ")
    for word in ("examples:", "--slow a=10x@5s-15s", "--log access.log", "--plot web.png", "NAME=50%[@3s-]"):
        assert word in out


EXAMPLES = re.findall(r"^    python -m proxy (simulate .*)$", cli.simulate.TEACHING, re.MULTILINE)


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_are_understood(line):
    assert cli.build_parser().parse_args(line.split()).verb == "simulate"


class Terminal:
    """Standard error as a terminal is, as far as a bar needs one."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_a_bar_is_drawn_where_it_takes_long_and_wiped_away(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    cli.simulate.tell(1, 3, 0.5)
    assert terminal.text == ""
    cli.simulate.tell(2, 3, 1.5)
    assert terminal.text == "\r[##.] 2 of 3 strategies"
    cli.simulate.tell(3, 3, 2.0)
    assert terminal.text.endswith("\r\x1b[K")


def test_what_the_readme_shows_is_what_comes(call):
    """Where this fails for a good reason: run the command, paste what it says."""
    pattern = r"^\$ python -m proxy simulate (.*)\n((?s:.*?))^```$"
    command, shown = re.search(pattern, README, re.MULTILINE).groups()
    assert call(*command.split())[1] == shown
