import os
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.balancing import STRATEGIES
from proxy.config import schema
from proxy.config.address import Address


def test_defaults(read, good):
    config = read(good)
    assert config.listen == [schema.Listener(address=Address("127.0.0.1", 8080))]
    assert config.workers == 1
    assert config.trusted_proxies == []
    assert config.access_log == schema.AccessLog(path="-", format="combined")
    assert config.error_log == schema.ErrorLog(path="-", level="info")
    assert config.timeouts.model_dump() == {
        "request_head": 10, "request_body": 30, "keep_alive": 75, "send": 30, "connect": 5,
        "response_head": 60, "response_body": 60, "tunnel": 3600, "drain": 30,
    }  # fmt: skip
    assert config.limits.model_dump() == {
        "request_head": 32 << 10, "headers": 100, "request_body": 100 << 20, "connections": 10_000,
        "connections_per_client": None,
    }  # fmt: skip
    assert config.buffers.model_dump() == {"memory": 64 << 10, "file": 1 << 30, "directory": None}
    pool = config.pools["web"]
    assert (pool.strategy, pool.idle_connections.max, pool.idle_connections.timeout) == (
        "round_robin",
        64,
        30,
    )
    assert (pool.endpoints[0].weight, pool.endpoints[0].protocol) == (1, "http")
    (route,) = config.routes
    assert (route.name, route.match, route.reverse_proxy) == ("route 1", schema.Match(), "web")
    assert (route.strip_prefix, route.buffer_request, route.buffer_response) == (False, True, True)
    assert route.limits.request_body is None


def test_everything_that_may_be_said(read, site):
    config = read(r"""
listen:
  - {address: "[::1]:0", tls: null, proxy_protocol: false}
  - unix:proxy.sock
workers: auto
trusted_proxies: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32"]
access_log: false
error_log: {path: logs/error.log, level: debug}
timeouts: {drain: 0s}
limits: {connections_per_client: 5}
buffers: {memory: 512, file: 0, directory: spool}
pools:
  one:
    strategy: random_two
    endpoints: [{address: unix:/run/one.sock, weight: 1000, backup: false, max_connections: null}]
    idle_connections: {max: 0, timeout: 500ms}
    health_check: false
  "2": {endpoints: [localhost:1]}
admin: null
routes:
  - name: files
    match:
      host: [A.Example., "*.b.example", "bücher.example", "[::1]"]
      path: /s/*
      method: PURGE
      client: 10.0.0.0/8
    static: {root: public, max_age: 30d, index: [a.html, b.html], follow_symlinks: true, hidden: true}
  - match: {path: ['~^/u/\d+$', /x/*], header: {X-A: 1.10, X-B: '~^a', X-C: true}, query: {q: false, "": x}}
    redirect: {to: "https://{host}/{rest}?{query}", status: 302}
  - respond: {status: 404, body: 404, content_type: text/html, headers: {X-N: 010}}
  - match: {path: /api/*}
    reverse_proxy: 2
    strip_prefix: true
    buffer_request: false
    buffer_response: false
    limits: {request_body: 5MiB}
""")
    assert [str(listener.address) for listener in config.listen] == ["[::1]:0", f"unix:{site}/proxy.sock"]
    assert config.workers == len(os.sched_getaffinity(0))
    assert config.trusted_proxies == [
        ip_network(text) for text in ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")
    ]
    assert config.access_log is None
    assert config.error_log.path == str(site / "logs/error.log")
    assert config.timeouts.drain == 0
    assert config.buffers == schema.Buffers(memory=512, file=0, directory=site / "spool")
    files, away, text, api = config.routes
    assert [route.name for route in config.routes] == ["files", "route 2", "route 3", "route 4"]
    assert files.match.host == ["a.example", "*.b.example", "xn--bcher-kva.example", "[::1]"]
    assert files.static == schema.StaticConfig(
        root=site / "public", max_age=2592000.0, index=["a.html", "b.html"], follow_symlinks=True, hidden=True
    )
    assert away.match.path == [r"~^/u/\d+$", "/x/*"]
    assert away.match.header == {"X-A": "1.10", "X-B": "~^a", "X-C": True}
    assert away.match.query == {"q": False, "": "x"}
    assert text.respond.body == "404"
    assert text.respond.headers == {"X-N": "010"}
    assert (api.reverse_proxy, api.limits.request_body) == ("2", 5 << 20)


def test_one_item_needs_no_list(read):
    listener = "{address: 127.0.0.1:80}"
    config = read(
        f"listen: {listener}\nroutes:\n  - match: {{method: GET, host: a.example}}\n    respond: {{}}"
    )
    assert len(config.listen) == 1
    assert (config.routes[0].match.method, config.routes[0].match.host) == (["GET"], ["a.example"])


def test_sections_in_which_nothing_stands(read):
    config = read(
        "listen: a:1\naccess_log:\nerror_log:\ntimeouts:\nlimits:\nbuffers:\npools:\nroutes:\n"
        "  - match:\n    limits:\n    static:\n    respond: {headers: }\n"
    )
    assert config.timeouts == schema.Timeouts()
    assert config.access_log == schema.AccessLog()
    assert config.pools == {}
    assert config.routes[0].static is None


def test_references_become_what_the_key_wants(read):
    config = read(
        "listen: ${HOST}:${PORT}\nworkers: ${N:-2}\naccess_log: ${LOG}\n"
        "limits: {headers: '${H}', connections_per_client: '${C:-null}'}\n"
        "routes: [{respond: {body: '${H}'}, name: '${T}'}]\n",
        {"HOST": "::1".join("[]"), "PORT": "80", "H": "50", "LOG": "false", "T": "true"},
    )
    assert str(config.listen[0].address) == "[::1]:80"
    assert (config.workers, config.limits.headers, config.limits.connections_per_client) == (2, 50, None)
    assert config.access_log is None
    assert (config.routes[0].respond.body, config.routes[0].name) == ("50", "true")


def test_models_are_made_in_python_too(tmp_path):
    assert schema.Timeouts(connect=0.2).connect == 0.2
    assert schema.Limits(request_body=5).request_body == 5
    assert schema.EndpointConfig(address="a.example:80").address == Address("a.example", 80)
    assert schema.StaticConfig(root=tmp_path).root == tmp_path
    assert schema.Match(client=["10.0.0.0/8"]).client == [ip_network("10.0.0.0/8")]
    config = schema.Config(listen=["127.0.0.1:0"], access_log=None, routes=[{"respond": {}}])
    assert config.access_log is None
    assert schema.warnings_of(config) == ()


def test_models_are_frozen(read, good):
    config = read(good)
    with pytest.raises(ValidationError):
        config.workers = 2
    with pytest.raises(ValidationError):
        schema.Timeouts(conect="5s")


def every_model(model):
    yield model
    for kind in vars(schema).values():
        if isinstance(kind, type) and issubclass(kind, schema.Model):
            yield kind


def test_every_key_has_a_description():
    silent = [
        f"{model.__name__}.{name}"
        for model in every_model(schema.Config)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert not silent


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_are_those_of_the_registry(read, good, strategy):
    config = read(good.replace("{endpoints", f"{{strategy: {strategy}, endpoints"))
    assert config.pools["web"].strategy == strategy


def test_paths_keep_their_links(read, site):
    (site / "release").mkdir()
    (site / "current").symlink_to("release")
    config = read("listen: a:1\nroutes: [{static: {root: current/../public}}]")
    assert config.routes[0].static.root == Path(f"{site}/current/../public")
