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
        "response_head": 60, "response_body": 60, "tunnel": 3600, "drain": 30, "stuck": 10,
    }  # fmt: skip
    assert config.limits.model_dump() == {
        "request_head": 32 << 10, "headers": 100, "request_body": 100 << 20, "connections": 10_000,
        "connections_per_client": None,
    }  # fmt: skip
    assert config.buffers.model_dump() == {
        "memory": 64 << 10, "file": 1 << 30, "static": 64 << 20, "directory": None}
    pool = config.pools["web"]
    assert (pool.strategy, pool.idle_connections.max, pool.idle_connections.timeout) == (
        "round_robin",
        64,
        30,
    )
    assert pool.endpoints == [
        schema.EndpointConfig(
            address=Address("127.0.0.1", 8001), weight=1, protocol="http", max_connections=None, backup=False,
            priority=0, resolve=False,
        )
    ]  # fmt: skip
    assert (pool.hash_key, pool.slow_start) == ("client", 0)
    assert (pool.health_check, pool.queue, pool.sticky) == (None, None, None)
    assert pool.ejection.model_dump() == {"failures": 3, "window": 10, "duration": 10, "rate": 0.3}
    assert pool.retry.model_dump() == {
        "attempts": 2, "on": ["connect", "reset", "timeout", "502", "503", "504"], "budget": 0.2,
        "timeout": None, "hedge": False,
    }  # fmt: skip
    (route,) = config.routes
    assert (route.name, route.match, route.reverse_proxy) == ("route 1", schema.Match(), "web")
    assert (route.strip_prefix, route.buffer_request, route.buffer_response) == (False, True, True)
    assert route.send_files == {}
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


def pool_of(read, keys):
    pools = f"pools:\n  web:\n    endpoints: [a:1]\n    {keys}\n"
    return read(f"listen: a:1\n{pools}routes: [{{reverse_proxy: web}}]").pools["web"]


def test_options_of_a_pool_in_which_nothing_stands(read):
    assert pool_of(read, "health_check: {}").health_check.model_dump() == {
        "type": "http", "path": "/", "method": "GET", "host": None, "proto": "https", "headers": {},
        "status": [(200, 399)], "body": None, "interval": 5, "down_interval": None, "timeout": 2, "rise": 2,
        "fall": 3, "start": "checked", "tls": False,
    }  # fmt: skip
    assert pool_of(read, "queue: {}").queue.model_dump() == {"size": 100, "timeout": 5}
    assert pool_of(read, "sticky: {}").sticky.model_dump() == {
        "cookie": "lb", "secret": None, "max_age": None, "secure": None,
    }  # fmt: skip


def test_options_of_a_pool(read):
    check = pool_of(
        read,
        "health_check: {path: '/up?deep=1', method: HEAD, host: 'Shop.Example:8443', proto: http, tls: true, "
        "headers: {X-A: 1}, status: '200,204, 300-399', interval: 1s, down_interval: 250ms, rise: 1, "
        "timeout: 1s, fall: 1, start: optimistic}",
    ).health_check
    assert (check.path, check.method, check.proto) == ("/up?deep=1", "HEAD", "http")
    assert check.host == "shop.example:8443"
    assert (check.headers, check.status) == ({"X-A": "1"}, [(200, 200), (204, 204), (300, 399)])
    assert (check.interval, check.down_interval, check.start, check.tls) == (1, 0.25, "optimistic", True)
    retry = pool_of(read, "retry: {attempts: 0, on: 503, budget: 12.5%, timeout: 3s}").retry
    assert (retry.attempts, retry.on, retry.budget, retry.timeout) == (0, ["503"], 0.125, 3)
    sticky = pool_of(read, "sticky: {cookie: shop_lb, secret: hush, max_age: 1h, secure: true}").sticky
    assert (sticky.cookie, sticky.secret, sticky.max_age, sticky.secure) == ("shop_lb", "hush", 3600, True)
    assert "hush" not in repr(sticky)


@pytest.mark.parametrize("status", ["200", "[200]", "'200'", "200-200"])
def test_ways_to_write_one_status(read, status):
    assert pool_of(read, f"health_check: {{status: {status}}}").health_check.status == [(200, 200)]


@pytest.mark.parametrize("key", ["health_check", "ejection", "retry", "queue", "sticky"])
@pytest.mark.parametrize("off", ["false", "'${OFF:-false}'"])
def test_options_of_a_pool_that_are_off(read, key, off):
    assert getattr(pool_of(read, f"{key}: {off}"), key) is None


@pytest.mark.parametrize("key", ["health_check", "ejection", "retry", "queue", "sticky"])
def test_an_option_with_nothing_behind_it_is_as_without_its_key(read, key):
    assert pool_of(read, f"{key}:") == pool_of(read, "slow_start: 0s")


def test_a_backup_has_priority_one(read, good):
    more = "{address: b:1, backup: true}, {address: c:1, priority: 3}"
    endpoints = read(good.replace("8001", f"8001, {more}")).pools["web"].endpoints
    assert [endpoint.priority for endpoint in endpoints] == [0, 1, 3]


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
    assert schema.EndpointConfig(address="a.example:80", backup=True).priority == 1
    assert schema.HealthCheck(interval=0.05, status=[(200, 200)]).status == [(200, 200)]
    assert schema.Retry(on=["502"], budget=0.5).on == ["502"]
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
