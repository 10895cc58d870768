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
      - {address: 127.0.0.1:8002, weight: 2, backup: false}
      - {address: unix:/run/web.sock, protocol: http}
    ejection: false
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
        ("backup: false", "backup: true"),
        ("protocol: http", "protocol: uwsgi"),
        ("strategy: round_robin", "strategy: roundrobin"),
        ("ejection: false", "ejection: {failures: 3}"),
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
