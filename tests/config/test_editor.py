import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from proxy.config.editor import json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

FULL = r"""
listen:
  - address: 127.0.0.1:8080
    proxy_protocol: false
  - "[::1]:8080"
  - unix:/run/proxy.sock
workers: auto
trusted_proxies: [10.0.0.0/8]
access_log: {path: "-", format: combined}
error_log: {path: "-", level: info}
timeouts: {request_head: 10s, request_body: 30s, send: 30s, connect: 250ms, tunnel: 1h}
limits: {request_head: 32KiB, headers: 100, connections: 10000, connections_per_client: null}
buffers: {memory: 64KiB, file: 0, directory: null}
pools:
  web:
    strategy: round_robin
    endpoints:
      - 127.0.0.1:8001
      - {address: 127.0.0.1:8002, weight: 2, backup: false, max_connections: null, priority: 2}
      - {address: unix:/run/web.sock, protocol: http}
      - {address: app.internal:8000, resolve: true, max_connections: 100}
    slow_start: 30s
    health_check: {path: /up, host: a.example, headers: {X: 1}, status: 200-299, body: null, rise: 2}
    ejection: false
    retry: {attempts: 2, "on": [connect, 502, "504"], budget: 20%, timeout: null}
    queue: {size: 100, timeout: 5s}
    sticky: {cookie: lb, secret: null, max_age: 1h, secure: null}
    idle_connections: {max: 64, timeout: 30s}
routes:
  - match: {host: www.example.com, path: /static/*, header: {X-A: 1, X-B: true}, query: {q: '~^a'}}
    static: {root: ./public, max_age: 1h}
  - match: {path: [/old/*, '~^/u/\d+$'], method: [GET], client: 10.0.0.0/8}
    redirect: {to: /new/, status: 308}
  - match: {path: /ping}
    respond: {status: 200, body: "pong\n", content_type: text/plain, headers: {X-N: 1}}
  - reverse_proxy: web
    name: all
    limits: {request_body: 1GiB}
"""


def faults(text):
    """What the schema refuses. PyYAML follows YAML 1.1, where a plain `on` is true: hence its quotes."""
    return list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_it_is_a_schema_and_json():
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_what_loads_is_valid(read):
    assert not faults(FULL)
    assert read(FULL)


@pytest.mark.parametrize(
    "keys",
    [
        "listen: {address: a:1}\nworkers: ${N}\nlimits: {headers: '${N:-5}', request_body: '${N}'}",
        "listen: '${A}'\naccess_log: false\ntimeouts:\npools:\nerror_log:",
        "listen: a:1\npools: {a: {endpoints: ['a:1'], strategy: 'own.rule:Mine', ejection: {rate: '${A}'}}}",
        "listen: a:1\npools: {a: {endpoints: ['a:1'], health_check: '${A}', retry: '${A}', queue: }}",
        "listen: a:1\npools: {a: {endpoints: ['a:1'], health_check: {status: [200, 300-399]}}}",
        "listen: [{address: '${A}', tls: null}]\ntimeouts: {send: '${A}'}\nadmin: false",
    ],
)
def test_short_forms_references_and_empty_sections_are_valid(keys):
    assert not faults(f"{keys}\nroutes: [{{respond: }}]".replace("respond: ", "respond: {}"))


@pytest.mark.parametrize(
    "old, new",
    [
        ("workers: auto", "workers: many"),
        ("workers: auto", "workers: 0"),
        ("workers: auto", "worker: 1"),
        ("127.0.0.1:8001", "8001"),
        ("127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("weight: 2", "weight: 1001"),
        ("weight: 2", "wieght: 2"),
        ("backup: false", "backup: 1"),
        ("priority: 2", "priority: high"),
        ("resolve: true", "resolve: 30s"),
        ("slow_start: 30s", "slow_start: 30"),
        ("path: /up", "path: up"),
        ("status: 200-299", "status: any"),
        ("status: 200-299", "status: [99]"),
        ("rise: 2", "rise: 0"),
        ("health_check: {", "health_checks: {"),
        ('"on": [connect', '"on": [refused'),
        ("502, ", "404, "),
        ("budget: 20%", "budget: 0.2"),
        ("queue: {size: 100", "queue: {size: 0"),
        ("sticky: {cookie: lb, ", "sticky: {name: lb, "),
        ("max_age: 1h, secure", "max_age: 3600, secure"),
        ("secure: null", "secure: auto"),
        ("protocol: http", "protocol: uwsgi"),
        ("strategy: round_robin", "strategy: roundrobin"),
        ("ejection: false", "ejection: true"),
        ("send: 30s", "send: 30"),
        ("send: 30s", "send: 30sec"),
        ("send: 30s", "send: null"),
        ("request_head: 32KiB", "request_head: 32KB"),
        ("headers: 100,", "headers: abc,"),
        ("format: combined", "format: xml"),
        ("level: info", "level: warn"),
        ("path: /ping", "path: ping"),
        ("status: 308", "status: 300"),
        ("    redirect:", "    static: {root: .}\n    redirect:"),
        ("    redirect: {to: /new/, status: 308}", "    name: nothing"),
        ("root: ./public, ", ""),
        ("listen:", "lisen:"),
        ("proxy_protocol: false", "proxy_protocol: true"),
        ("[10.0.0.0/8]", "10.0.0.0/8"),
    ],
)
def test_usual_mistakes_are_not(errors_of, old, new):
    text = FULL.replace(old, new, 1)
    assert text != FULL
    assert faults(text)
    assert errors_of(text.replace("./public", "public"))


def properties(schema):
    for model in [schema, *schema["$defs"].values()]:
        yield from model["properties"].items()


def test_every_key_is_described():
    assert not [name for name, field in properties(SCHEMA) if not field.get("description")]


def test_defaults_are_as_a_user_writes_them():
    timeouts = SCHEMA["$defs"]["Timeouts"]["properties"]
    assert (timeouts["connect"]["default"], timeouts["tunnel"]["default"]) == ("5s", "1h")
    assert SCHEMA["$defs"]["Limits"]["properties"]["request_body"]["default"] == "100MiB"


def test_every_default_is_valid():
    wrong = [
        name
        for name, field in properties(SCHEMA)
        if field.get("default") is not None
        and not Draft202012Validator({**field, "$defs": SCHEMA["$defs"]}).is_valid(field["default"])
    ]
    assert not wrong


def test_it_names_no_python():
    assert "Config.model" not in json.dumps(SCHEMA)
    assert '"title": "' not in json.dumps(SCHEMA["$defs"])
