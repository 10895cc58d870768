"""Whatever the file holds: a `Config` or `ConfigErrors`, and never a library's words."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.load import ConfigErrors, loads, warnings_of
from proxy.config.schema import Config

HERE = Path(__file__).parent
GOOD = r"""
listen: [127.0.0.1:8080, {address: "[::1]:${PORT:-80}", proxy_protocol: false}]
workers: auto
trusted_proxies: [10.0.0.0/8]
access_log: {path: "-", format: json}
error_log: {path: error.log, level: info}
timeouts: {request_head: 10s, drain: 250ms}
limits: {request_head: 32KiB, headers: 100, connections_per_client: null}
buffers: {memory: 64KiB, directory: .}
pools:
  web: &web
    strategy: random_two
    endpoints:
      - 127.0.0.1:8001
      - {address: unix:/run/web.sock, weight: 2, backup: true, max_connections: null}
      - {address: app.internal:80, resolve: true, priority: 1}
    slow_start: 10s
    idle_connections: {max: 64, timeout: 30s}
    health_check: {path: /up, host: a.example, headers: {X: b}, status: [200-299, 304], body: ~ok, rise: 2}
    ejection: {failures: 3, window: 10s, rate: 50%}
    retry: {attempts: 2, on: [connect, 502], budget: 20%, timeout: null}
    queue: {size: 100, timeout: 5s}
    sticky: {cookie: lb, secret: hush, max_age: 1h, secure: null}
  api: {<<: *web, strategy: ip_hash}
routes:
  - match: {host: [www.example.com, "*.a.example"], path: /static/*, method: GET, client: 10.0.0.0/8}
    static: {root: ., max_age: 1h, index: [index.html]}
  - match: {path: '~^/u/\d+$', header: {X-A: '~a'}, query: {q: true}}
    redirect: {to: "/new/{path}", status: 308}
  - {name: ping, match: {path: /ping}, respond: {status: 200, body: "pong\n", headers: {X-A: b}}}
  - {reverse_proxy: web, match: {path: /w/*}, strip_prefix: true, limits: {request_body: 5MiB}}
  - reverse_proxy: api
"""

TOKENS = re.findall(r"\w+|\s+|.", GOOD)
PIECES = [
    "", " ", "\n", "\r", "\t", "  ", ": ", "- ", "? ", "[", "]", "{", "}", "'", '"', "|", ">", "#", "%", "@",
    "---\n", "...", "&web", "*web", "<<: *web", "!x ", "~", "null", "true", "no", "0", "-1", "1e9", "9" * 50,
    "0x1", ".inf", "16KB", "5", "${", "${PORT}", "$${", "${A:-}", "\0", "\x1b", "\ufeff", "\x85", "\u2028",
    "é", "😀", '"\\0"', '"\\ud800"', "~(", "~(?P<", "/*", "*", "::1", "a" * 300, "routes", "static",
    "respond: {status: 204, body: x}",
]  # fmt: skip
# What pydantic, PyYAML's constructor, or Python would say.
FOREIGN = re.compile(
    r"Input should|valid (string|integer|dictionary|list)|pydantic|Traceback|<class|cannot stand here"
)
LINE = re.compile(r"config\.yaml:[1-9]\d*:[1-9]\d*: \S.*")


def lines_of(text):
    """The errors of a text, or its warnings."""
    try:
        config = loads(text, folder=HERE, environ={"A": "x"})
    except ConfigErrors as errors:
        return [str(error) for error in errors.errors] or ["an error that says nothing"]
    return [*warnings_of(config)] if isinstance(config, Config) else ["not a configuration"]


def holds(text):
    for line in lines_of(text):
        assert LINE.fullmatch(line)
        assert line.isprintable()
        assert not FOREIGN.search(line)


def test_the_good_file_is_good():
    assert not warnings_of(loads(GOOD, folder=HERE, environ={}))


@given(
    st.lists(
        st.tuples(st.integers(0, len(TOKENS) - 1), st.sampled_from(PIECES + TOKENS)), min_size=1, max_size=6
    )
)
def test_tokens_replaced(changes):
    tokens = list(TOKENS)
    for place, piece in changes:
        tokens[place] = piece
    holds("".join(tokens))


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.text(max_size=5))
def test_pieces_cut_out(start, end, instead):
    holds(GOOD[:start] + instead + GOOD[end:])


@given(st.text(max_size=200))
def test_any_text(text):
    holds(text)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(PIECES) | st.text(max_size=5)
)
keys = st.sampled_from(sorted(set(re.findall(r"(\w+):", GOOD)))) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def flow(value):
    """A value in flow style, with quotes around what would end it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'" if re.search(r"\W", value) or not value else value
    return {None: "null", True: "true", False: "false"}.get(value, str(value))


@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)), values, max_size=6))
def test_any_values_below_the_right_keys(data):
    holds("\n".join(f"{key}: {flow(value)}" for key, value in data.items()))


@given(st.lists(st.dictionaries(keys, values, max_size=4), max_size=4))
def test_any_routes(routes):
    holds(f"listen: a:1\npools: {{web: {{endpoints: [a:1]}}}}\nroutes: {flow(routes)}")


@pytest.mark.parametrize("piece", PIECES)
def test_each_piece_as_each_value(piece):
    for match in re.finditer(r": ([\w./]+)(?=[,}\n])", GOOD):
        holds(GOOD[: match.start(1)] + piece + GOOD[match.end(1) :])
