import pytest

TOP = "listen: a:1\npools: {web: {endpoints: [a:1]}, api: {endpoints: [a:1]}}\nroutes:\n"


def test_listeners_that_are_the_same(errors_of):
    lines = errors_of(
        "listen:\n  - LOCALHOST:80\n  - b:0\n  - b:0\n  - {address: localhost:080}\nroutes: [{respond: {}}]"
    )
    assert lines == [
        "config.yaml:5:6: listen[3].address: 'localhost:80' is a listener already, see listen[0]"
    ]


def test_sockets_that_are_the_same(errors_of):
    (line,) = errors_of("listen: ['unix:/a', 'unix:/b', 'unix:/a']\nroutes: [{respond: {}}]")
    assert line.endswith("listen[2]: 'unix:/a' is a listener already, see listen[0]")


def test_a_listener_has_a_port(errors_of):
    (line,) = errors_of("listen: _a\nroutes: [{respond: {}}]")
    assert line.endswith("'_a' is not an address without a port (host:port, [::1]:port or unix:/path)")


def test_endpoints_that_are_the_same(errors_of):
    pools = "pools: {web: {endpoints: ['[::1]:1', {address: '[0::1]:1'}]}}"
    (line,) = errors_of(f"{pools}\nlisten: a:1\nroutes: [{{reverse_proxy: web}}]")
    assert line.endswith("'[::1]:1' is an endpoint already, see pools.web.endpoints[0]")


def test_an_endpoint_may_be_in_two_pools(read):
    assert len(read(TOP + "- {reverse_proxy: web}").pools) == 2


@pytest.mark.parametrize(
    "route, error",
    [
        (
            "{match: {path: /a}}",
            "routes[0]: has no handler; give it one (reverse_proxy, static, redirect, respond)",
        ),
        (
            "{respond: {}, reverse_proxy: web}",
            "routes[0].respond: a second handler beside reverse_proxy; a route has one",
        ),
        ("{reverse_proxy: wbe}", "'wbe' is not a pool; did you mean 'web'? (web, api)"),
        ("{reverse_proxy: ''}", "'' is not a pool (web, api)"),
        ("{reverse_proxy: web, strip_prefix: true}", "strip_prefix: there is no prefix to strip"),
        (
            "{reverse_proxy: web, strip_prefix: true, match: {path: [/a, '~/*']}}",
            "there is no prefix to strip",
        ),
        ("{respond: {}, strip_prefix: true}", "strip_prefix: means nothing beside respond"),
        ("{respond: {}, buffer_request: false}", "buffer_request: means nothing beside respond"),
        ("{respond: {}, send_files: {}}", "send_files: means nothing beside respond"),
        ("{redirect: {to: '/b/{rest}'}, match: {path: /a}}", "{rest} is what the * of match.path matched"),
        ("{respond: {status: 204, body: x}}", "respond.body: a response with status 204 has no body"),
    ],
)
def test_what_does_not_go_together(errors_of, route, error):
    (line,) = errors_of(f"{TOP}- {route}")
    assert line.startswith("config.yaml:4:")
    assert error in line


@pytest.mark.parametrize(
    "route",
    [
        "{reverse_proxy: web, strip_prefix: true, match: {path: [/a, /b/*]}}",
        "{redirect: {to: '/b/{rest}'}, match: {path: /a/*}}",
        "{respond: {status: 204}}",
        "{reverse_proxy: web, static: }",
    ],
)
def test_what_does(read, route):
    assert read(f"{TOP}- {route}").routes[0].name == "route 1"


@pytest.mark.parametrize(
    "pool, error",
    [
        ("hash_key: client", "hash_key: means nothing beside round_robin; it is for strategy: "),
        ("hash_key: path, strategy: ip_hash", "hash_key: means nothing beside ip_hash"),
        ("health_check: {type: tcp, path: /}", "health_check.path: means nothing beside type: tcp"),
        ("health_check: {method: HEAD, body: ok}", "health_check.body: an answer to HEAD has no body"),
        (
            "endpoints: [{address: 127.0.0.1:1, resolve: true}]",
            "endpoints[0].resolve: '127.0.0.1' is an IP address, not a name; leave the key out",
        ),
        ("endpoints: [{address: '[::1]:1', resolve: '${YES}'}]", "'::1' is an IP address, not a name"),
        (
            "endpoints: [_http._tcp.a]",
            "endpoints[0]: '_http._tcp.a' has no port; with resolve: true its SRV records tell",
        ),
        ("endpoints: [{address: '_a:0', resolve: false}]", "endpoints[0].address: '_a' has no port"),
        (
            "endpoints: [{address: _a, resolve: true}, {address: '_A:0', resolve: true}]",
            "endpoints[1].address: '_a' is an endpoint already, see pools.web.endpoints[0]",
        ),
        ("endpoints: [{address: 'a:0', resolve: true}]", "'a:0' has the port 0, which is out of range"),
        ("endpoints: [{address: unix:/a, resolve: true}]", "a Unix socket has no name to resolve"),
        (
            "endpoints: [a:1, {address: b:1, backup: true, priority: 2}]",
            "endpoints[1].priority: means nothing beside backup: true, which is priority 1",
        ),
        (
            "endpoints: [{address: a:1, backup: true}, {address: b:1, backup: '${YES}'}]",
            "endpoints: every endpoint is a backup; one at least must be what the others stand in for",
        ),
    ],
)
def test_what_does_not_go_together_in_a_pool(errors_of, pool, error):
    endpoints = "" if "endpoints" in pool else ", endpoints: [a:1]"
    text = f"listen: a:1\npools: {{web: {{{pool}{endpoints}}}}}\nroutes: [{{reverse_proxy: web}}]"
    (line,) = errors_of(text, {"YES": "true"})
    assert line.startswith("config.yaml:2:")
    assert error in line


@pytest.mark.parametrize(
    "pool",
    [
        "queue: {}, endpoints: [a:1]",
        "health_check: {type: tcp, interval: 1s, tls: true, host: a.example}, endpoints: [a:1]",
        "health_check: {method: HEAD}, endpoints: [a:1]",
        "endpoints: [a:1, {address: b:1, backup: true}]",
        "endpoints: [{address: a:1, priority: 1}]",
        "endpoints: [{address: a:1, backup: false, priority: 0}]",
        "endpoints: [_a:1, {address: _b, resolve: true}, {address: '_c:0', resolve: true}]",
        "endpoints: [{address: app.internal:1, resolve: true}, {address: '[::1]:1', resolve: false}]",
    ],
)
def test_what_does_in_a_pool(read, pool):
    assert read(f"listen: a:1\npools: {{web: {{{pool}}}}}\nroutes: [{{reverse_proxy: web}}]").pools["web"]


def test_a_strategy_that_is_none_says_nothing_about_other_keys(errors_of):
    pool = "{strategy: consistent_hsh, hash_key: path, endpoints: [a:1]}"
    (line,) = errors_of(f"listen: a:1\npools: {{web: {pool}}}\nroutes: [{{reverse_proxy: web}}]")
    assert "pools.web.strategy: 'consistent_hsh' is not a strategy" in line


def test_names_of_pools(errors_of):
    lines = errors_of(
        'listen: a:1\npools: {" ": {endpoints: [a:1]}, "a\\nb": {endpoints: [a:1]}}\nroutes: [{respond: {}}]'
    )
    assert [line.split(": ", 2)[2] for line in lines] == [
        "' ' is not a pool's name",
        r"'a\nb' is not a pool's name",
    ]


def test_no_pools_at_all(errors_of):
    (line,) = errors_of("listen: a:1\nroutes: [{reverse_proxy: web}]")
    assert line.endswith("'web' is not a pool; the file has no pools")


def test_one_renamed_pool_in_many_routes_is_quick_to_report(errors_of):
    pools = "".join(f"  pool{number}: {{endpoints: [a:1]}}\n" for number in range(1000))
    routes = "- {reverse_proxy: pol}\n" * 1000
    lines = errors_of(f"listen: a:1\npools:\n{pools}routes:\n{routes}")
    assert len(lines) == 1000
    assert lines[0].endswith("... 976 more)")
