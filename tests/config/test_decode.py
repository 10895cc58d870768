import pytest

from proxy.balancing import STRATEGIES
from proxy.config.wording import choices

ROUTES = "routes: [{respond: {}}]\n"


def at(line, column, rest):
    return f"config.yaml:{line}:{column}: {rest}"


def test_all_errors_at_once_in_the_files_order(errors_of):
    text = """\
listen: 127.0.0.1:99999
timeout: {connect: 5s}
timeouts:
  connect: 5
pools:
  web:
    strategy: roundrobin
    endpoints: []
routes:
  - reverse_proxy: wbe
  - static: {}
limits:
  headers: 1
  headers: 2
  connections: ${NONE}
"""
    assert errors_of(text) == [
        at(1, 1, "listen: '127.0.0.1:99999' has the port 99999, which is out of range (1 to 65535)"),
        at(
            2, 1, "timeout: 'timeout' is not a key here; did you mean 'timeouts'? (listen, workers, "
            "trusted_proxies, access_log, error_log, recent, timeouts, limits, buffers, pools, routes, "
            "tests, admin)",
        ),
        at(4, 3, "timeouts.connect: 5 is not a duration; did you mean 5s? (250ms, 5s, 1m, 1h)"),
        at(
            7, 5, "pools.web.strategy: 'roundrobin' is not a strategy; did you mean 'round_robin'?"
            f"{choices(STRATEGIES)}, or package.module:Class",
        ),
        at(8, 5, "pools.web.endpoints: an empty list; give at least one"),
        at(10, 5, "routes[0].reverse_proxy: 'wbe' is not a pool; did you mean 'web'? (web)"),
        at(11, 5, "routes[1].static.root: is missing; The folder."),
        at(14, 3, "limits.headers: 'headers' stands here and in line 13; only one can count"),
        at(
            15, 16, "limits.connections: NONE is not set in the environment; set it, "
            "or write ${NONE:-default}",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line, error",
    [
        ("workers: abc", "'abc' is not a whole number (1 to 1024), or auto for one per CPU"),
        ("workers: Auto", "or auto for one per CPU; did you mean 'auto'?"),
        ("workers: 1.5", "1.5 is not a whole number (1 to 1024), or auto for one per CPU"),
        ("workers: 0", "0 is out of range (1 to 1024), or auto for one per CPU"),
        ("workers: true", "true is not a whole number"),
        ("workers: '2'", "'2' is not a whole number"),
        ("trusted_proxies: 10.0.0.0/8", "'10.0.0.0/8' is not a list; a list of one is ['10.0.0.0/8']"),
        ("trusted_proxies: {a: b}", "a mapping is not a list"),
        ("trusted_proxies: [10.0.0.1/8]", "has bits behind its prefix; did you mean 10.0.0.0/8?"),
        ("trusted_proxies: [10.0.0]", "'10.0.0' is not a network (10.0.0.0/8, 192.0.2.1, 2001:db8::/32)"),
        ("trusted_proxies: [1]", "1 is not a network"),
        ("access_log: true", "true is not a mapping (path:, format:, headers:, slow:, sample:, skip:, "),
        ("access_log: {format: JSON}", "'JSON' is not a format; did you mean 'json'? (combined, json)"),
        ("access_log: {path: none/a.log}", "'none/a.log' cannot be written; there is no folder '"),
        ("access_log: {path: logs}", "'logs' is not a file"),
        ("access_log: {path: ''}", "'' is not a file"),
        ("error_log: {level: warn}", "'warn' is not a level; did you mean 'warning'?"),
        ("error_log: {level: [info]}", "a list is not a level (debug, info, warning, error)"),
        ("timeouts: 5s", "'5s' is not a mapping (request_head:, "),
        ("timeouts: {send: null}", "an empty value is not a duration"),
        ("timeouts: {send: 0s}", "'0s' is out of range (1ms to 3650d)"),
        ("timeouts: {send: no}", "'no' is not a duration (250ms, 5s, 1m, 1h)"),
        ("timeouts: {send: true}", "true is not a duration (250ms, 5s, 1m, 1h); put it in quotes: 'true'"),
        ("limits: {request_head: 16KB}", "'16KB' is not a size; did you mean 16KiB?"),
        ("limits: {request_head: 1}", "1 is out of range (64 to 16MiB)"),
        ("limits: {request_body: []}", "a list is not a size"),
        ("limits: {headers: 1e9}", "1e9 is not a whole number (1 to 10000)"),
        ("buffers: {directory: none}", "'none' is not a folder; '"),
        ("buffers: {directory: file}", "' is a file"),
        ("buffers: {directory: ~/tmp}", "'~' has no meaning here"),
        ("pools: [web]", "a list is not a mapping"),
        ("pools: {web: }", "an empty value is not a mapping (strategy:, hash_key:, slow_start:, "),
        ("pools: {web: {endpoints: }}", "an empty value is not a list"),
        ("pools: {web: {endpoints: [{}]}}", "address: is missing; host:port, [::1]:port or unix:/path."),
        ("pools: {web: {endpoints: [8001]}}", "8001 is not an address; did you mean 127.0.0.1:8001?"),
        ("pools: {web: {endpoints: [a:0]}}", "'a:0' has the port 0, which is out of range (1 to 65535)"),
        ("pools: {web: {endpoints: ['https://a:443']}}", "is not an address; requests go there without TLS"),
        ("pools: {web: {endpoints: [null]}}", "endpoints[0]: an empty value is not an address"),
        ("pools: {web: {endpoints: [{address: a:1, weight: 0}]}}", "0 is out of range (1 to 1000)"),
        (
            "pools: {web: {endpoints: [{address: a:1, wieght: 1}]}}",
            "did you mean 'weight'? (address, weight, protocol, max_connections, backup, priority, resolve)",
        ),
        ("pools: {web: {endpoints: [a:1], idle_connections: 5}}", "5 is not a mapping (max:, timeout:)"),
        ("admin: {address: a:1}", "admin.address: 'a:1' can be reached from elsewhere, so it needs a token"),
        ("admin: 0.0.0.0:9000", "admin: '0.0.0.0:9000' can be reached from elsewhere, so it needs"),
        ("admin: {token: short}", "admin.token: a token has 16 characters at least (openssl rand -hex 16)"),
        ("admin: {tokn: a}", "did you mean 'token'? (address, token, hosts)"),
    ],
)
def test_what_is_wrong_with_a_value(errors_of, line, error):
    (only,) = errors_of(f"{line}\nlisten: a:1\n{ROUTES}")
    assert only.startswith("config.yaml:1:")
    assert error in only


@pytest.mark.parametrize(
    "keys, error",
    [
        ("hash_key: ip", "hash_key: 'ip' is not a key to hash (client, path, query:NAME, "),
        ("hash_key: cookies:a", "hash_key: 'cookies:a' is not a key to hash"),
        ("hash_key: 'query:'", "hash_key: 'query:' is not a key to hash; did you mean 'query:NAME'?"),
        ("hash_key: 'header:X Y'", "hash_key: 'header:X Y' names no header; 'X Y' is not a header's name"),
        ("hash_key: 'cookie:'", "hash_key: 'cookie:' names no cookie; '' is not a cookie's name"),
        ("slow_start: 30", "slow_start: 30 is not a duration; did you mean 30s?"),
        ("health_check: true", "health_check: true is not a mapping (type:, path:, "),
        ("health_check: /health", "health_check: '/health' is not a mapping (type:, path:, "),
        ("health_check: {type: https}", "'https' is not a type of check; did you mean 'http'? (http, tcp)"),
        ("health_check: {path: health}", "path: 'health' is not a path; did you mean '/health'? (/health)"),
        ("health_check: {path: http://a/}", "path: 'http://a/' is not a path; did you mean"),
        ("health_check: {path: '/a b'}", "path: '/a b' has ' ' in it, which no path has"),
        ('health_check: {path: "/a\\r\\nX: y"}', r"has '\r' in it, which no path has"),
        ("health_check: {method: get}", "method: 'get' is not a method; did you mean 'GET'?"),
        ("health_check: {host: '*.a.example'}", "host: '*.a.example' is not one host"),
        ("health_check: {host: 'http://a.example'}", "is not a host; did you mean 'a.example'?"),
        ("health_check: {host: ''}", "host: '' is not a host"),
        ("health_check: {proto: h2}", "proto: 'h2' is not a scheme (https, http)"),
        ("health_check: {headers: {host: a}}", "headers.host: 'host' has a key of its own: host"),
        ("health_check: {headers: {TE: a}}", "headers.TE: the proxy sets 'TE' itself; leave it out"),
        ('health_check: {headers: {X: "a\\nb"}}', "which a header cannot carry"),
        ("health_check: {status: 6xx}", "'6xx' is not a range of statuses (200, 2xx, 200-399 or"),
        ("health_check: {status: 399-200}", "status: '399-200' is not a range of statuses"),
        ("health_check: {status: [200, 600]}", "status: 600 is not a range of statuses"),
        ("health_check: {status: [200, [204]]}", "status: a list is not a range of statuses"),
        ("health_check: {status: []}", "status: an empty list; give at least one (200, "),
        ("health_check: {status: '200,'}", "status: '200,' is not a range of statuses"),
        ("health_check: {body: ''}", "body: is empty, and every body has that in it"),
        ("health_check: {body: '~('}", "body: '~(' is not a regular expression"),
        ("health_check: {interval: 5}", "interval: 5 is not a duration; did you mean 5s?"),
        ("health_check: {rise: 0}", "rise: 0 is out of range (1 to 100)"),
        ("health_check: {start: up}", "start: 'up' is not a way to start (checked, optimistic)"),
        ("health_check: {tls: {verify: true}}", "tls: a mapping is not true or false"),
        ("health_check: {pth: /}", "health_check.pth: 'pth' is not a key here; did you mean 'path'?"),
        ("ejection: true", "ejection: true is not a mapping (failures:, window:, duration:, rate:)"),
        ("ejection: {rate: 50}", "rate: 50 is not a percentage; did you mean 50%? (20%)"),
        ("ejection: {rate: 0.5}", "rate: 0.5 is not a percentage (20%)"),
        ("ejection: {rate: 50 %}", "rate: '50 %' is not a percentage; did you mean 50%?"),
        ("ejection: {rate: 0%}", "rate: '0%' is out of range (1% to 100%)"),
        ("ejection: {rate: true}", "rate: true is not a percentage (20%)"),
        ("retry: {attempts: -1}", "attempts: -1 is out of range (0 to 100)"),
        ("retry: {on: [timeouts]}", "on[0]: 'timeouts' is not a failure; did you mean 'timeout'? (connect, "),
        ("retry: {on: [404]}", "on[0]: 404 is not a failure (connect, reset, timeout, '500 to 599')"),
        ("retry: {on: [true]}", "on[0]: true is not a failure"),
        ("retry: {on: [null]}", "on[0]: an empty value is not a failure"),
        ("retry: {on: []}", "on: an empty list matches nothing; leave the key out"),
        ("retry: {budget: 1001%}", "budget: '1001%' is out of range (0% to 1000%)"),
        ("queue: 100", "queue: 100 is not a mapping (size:, timeout:)"),
        ("queue: {size: 0}", "size: 0 is out of range (1 to 1000000)"),
        ("sticky: lb", "sticky: 'lb' is not a mapping (cookie:, secret:, max_age:, secure:)"),
        ("sticky: {cookie: a b}", "cookie: 'a b' is not a cookie's name (letters, digits, '-' and '_')"),
        ("sticky: {cookie: ''}", "cookie: '' is not a cookie's name"),
        ("sticky: {secret: ''}", "secret: a secret is text that is not empty, as from ${SECRET}"),
        ("sticky: {secret: [hush]}", "secret: a secret is text that is not empty, as from ${SECRET}"),
        ("sticky: {max_age: 0s}", "max_age: '0s' is out of range (1s to 3650d)"),
        ("sticky: {secure: auto}", "secure: 'auto' is not true or false"),
        ("endpoints: [{address: a:1, max_connections: 0}]", "max_connections: 0 is out of range (1 to "),
        ("endpoints: [{address: a:1, backup: yes}]", "'yes' is not true or false; did you mean true?"),
        ("endpoints: [{address: a:1, priority: 101}]", "priority: 101 is out of range (0 to 100)"),
        ("app: {wsgi: 'a:b'}", "pools.web.app: not in this release yet; leave the key out"),
    ],
)
def test_what_is_wrong_with_a_pool(errors_of, keys, error):
    endpoints = "" if "endpoints" in keys else ", endpoints: [a:1]"
    strategy = "strategy: consistent_hash, " if "hash_key" in keys else ""
    (only,) = errors_of(f"pools: {{web: {{{strategy}{keys}{endpoints}}}}}\nlisten: a:1\n{ROUTES}")
    assert only.startswith("config.yaml:1:")
    assert error in only


def test_uwsgi_is_not_in_this_release(errors_of):
    (only,) = errors_of(
        f"pools: {{web: {{endpoints: [{{address: a:1, protocol: uwsgi}}]}}}}\nlisten: a:1\n{ROUTES}"
    )
    assert only.endswith("'uwsgi' is not a protocol of this release (http)")


def test_listeners_that_are_not_in_this_release(errors_of):
    (only,) = errors_of(f"listen: {{address: a:1, proxy_protocol: true}}\n{ROUTES}")
    assert only.endswith("not in this release yet; leave the key out")


@pytest.mark.parametrize(
    "route, error",
    [
        ("5", "routes[0]: 5 is not a mapping (name:, match:, "),
        ("{match: /a, respond: {}}", "routes[0].match: '/a' is not a mapping (host:, path:, "),
        ("{match: {path: a/*}, respond: {}}", "path: 'a/*' is not a path; did you mean '/a/*'?"),
        ("{match: {path: '/a*'}, respond: {}}", "path: '/a*' has a '*' that is not its whole last part"),
        ("{match: {path: ['/*/a']}, respond: {}}", "path[0]: '/*/a' has a '*' that is not"),
        ("{match: {path: '~('}, respond: {}}", "'~(' is not a regular expression: missing ), unterminated"),
        ("{match: {path: '~* ^/a'}, respond: {}}", "no space or '*' follows the '~'"),
        ("{match: {path: '/a?b'}, respond: {}}", "has '?' in it, which no path has; match.query"),
        ("{match: {path: '/a b'}, respond: {}}", "has ' ' in it, which no path has"),
        ("{match: {path: []}, respond: {}}", "path: an empty list matches nothing; leave the key out"),
        ("{match: {path: null}, respond: {}}", "path: an empty value is not a path"),
        (
            "{match: {host: 'https://a.example:80/x'}, respond: {}}",
            "is not a host; did you mean 'a.example'?",
        ),
        ("{match: {host: 'a.*'}, respond: {}}", "'a.*' is not a host (www.example.com, *.example.com)"),
        ("{match: {host: ['a..b']}, respond: {}}", "host[0]: 'a..b' is not a host"),
        ("{match: {method: get}, respond: {}}", "'get' is not a method; did you mean 'GET'?"),
        ("{match: {method: 'A B'}, respond: {}}", "'A B' is not a method"),
        ("{match: {client: localhost}, respond: {}}", "client: 'localhost' is not a network"),
        ("{match: {header: {'X Y': 1}}, respond: {}}", "header.'X Y': 'X Y' is not a header's name"),
        ("{match: {header: {X: '~('}}, respond: {}}", "header.X: '~(' is not a regular expression"),
        (
            "{match: {query: {q: null}}, respond: {}}",
            "query.q: an empty value is no condition; true is present",
        ),
        ("{match: {query: {q: [a]}}, respond: {}}", "query.q: a list is not a condition"),
        ("{match: {pth: /a}, respond: {}}", "match.pth: 'pth' is not a key here; did you mean 'path'?"),
        ("{static: ./public}", "static: './public' is not a mapping (root:, max_age:"),
        ("{static: {root: none}}", "static.root: 'none' is not a folder; '"),
        ("{static: {root: ''}}", "static.root: '' is not a folder"),
        ("{static: {root: public, index: [a/b]}}", "index[0]: 'a/b' is not a file's name (index.html)"),
        ("{static: {root: public, hidden: yes}}", "'yes' is not true or false; did you mean true?"),
        ("{static: {root: public, hidden: 1}}", "1 is not true or false"),
        ("{static: {root: public, max_age: 1y}}", "'1y' is not a duration"),
        ("{redirect: {}}", "redirect.to: is missing; A path or URL"),
        ("{redirect: {to: ''}}", "redirect.to: is empty"),
        ("{redirect: {to: /a b}}", "has ' ' in it, which a URL cannot have; did you mean '/a%20b'?"),
        ('{redirect: {to: "/a\\r\\nX: y"}}', r"has '\r' in it, which a URL cannot have"),
        (
            "{redirect: {to: /{pth}}}".replace("/{pth}", "'/{pth}'"),
            "'{pth}' in it, which is no placeholder; did you mean 'path'?",
        ),
        (
            "{redirect: {to: '/{'}}",
            "has '{' in it, which is no placeholder (path, query, host, scheme, rest)",
        ),
        ("{redirect: {to: /a, status: 300}}", "300 is not a redirect's status (301, 302, 303, 307, 308)"),
        ("{respond: {status: 100}}", "100 is not a status (200 to 599)"),
        ("{respond: {status: ok}}", "'ok' is not a status (200 to 599)"),
        ("{respond: {body: true}}", "true is not text; put it in quotes: 'true'"),
        ("{respond: {body: [a]}}", "a list is not text"),
        ("{respond: {headers: [a]}}", "headers: a list is not a mapping"),
        ('{respond: {headers: {X: "a\\r\\nb"}}}', r"has '\r' in it, which a header cannot carry"),
        ("{respond: {headers: {X: é}}}", "has 'é' in it, which a header cannot carry"),
        ("{respond: {headers: {Content-Length: 1}}}", "the proxy sets 'Content-Length' itself"),
        ("{respond: {headers: {content-type: a/b}}}", "has a key of its own here: content_type"),
        ('{respond: {content_type: "a\\nb"}}', "which a header cannot carry"),
        ("{respond: {}, limits: {request_body: 0}}", "0 is out of range (1 to 1048576GiB)"),
        ("{respond: {}, limits: {headers: 5}}", "limits.headers: 'headers' is not a key here (request_body)"),
    ],
)
def test_what_is_wrong_with_a_route(errors_of, route, error):
    (only,) = errors_of(f"listen: a:1\nroutes:\n- {route}\n")
    assert only.startswith("config.yaml:3:")
    assert error in only


@pytest.mark.parametrize(
    "text, error",
    [
        ("", "the file is empty; a configuration is a mapping with at least the keys listen and routes"),
        ("# nothing\n", "the file is empty; a configuration is"),
        ("- a", "the file holds a list; a configuration is"),
        ("just words", "the file holds 'just words'; a configuration is"),
    ],
)
def test_files_that_are_no_configuration(errors_of, text, error):
    (only,) = errors_of(text)
    assert only.startswith(at(1, 1, error))


def test_what_must_not_be_missing(errors_of):
    assert errors_of("workers: 1") == [
        at(1, 1, "listen: is missing; Where clients connect: one address or a list."),
        at(1, 1, "routes: is missing; Read from the top; the first that matches answers."),
    ]


def test_what_must_not_be_empty(errors_of):
    assert errors_of("listen: []\nroutes: []") == [
        at(1, 1, "listen: an empty list matches nothing; leave the key out, or give at least one"),
        at(2, 1, "routes: an empty list; give at least one"),
    ]


def test_errors_inside_what_an_alias_repeats_name_both_paths(errors_of):
    lines = errors_of(
        "listen: a:1\npools:\n  a: &p\n    strategy: x\n    endpoints: [a:1]\n  b: *p\n" + ROUTES
    )
    assert [line.split(": ")[:2] for line in lines] == [
        ["config.yaml:4:5", "pools.a.strategy"],
        ["config.yaml:4:5", "pools.b.strategy"],
    ]


def test_a_broken_value_is_reported_once(errors_of):
    route = "{reverse_proxy: '${B}', strip_prefix: '${C}', match: {path: '${D}'}}"
    lines = errors_of(f"listen: ${{A}}\npools: !x {{}}\nroutes: [{route}]")
    assert [line.split(": ")[1] for line in lines] == [
        "listen", "pools", "routes[0].reverse_proxy", "routes[0].strip_prefix", "routes[0].match.path",
    ]  # fmt: skip
