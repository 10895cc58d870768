import json

import pytest

from proxy.config.effective import effective, sealed
from proxy.config.load import loads

TEXT = """
listen: 127.0.0.1:8080
admin: {address: unix:/run/admin.sock, token: 0123456789abcdef}
timeouts: {connect: 250ms, tunnel: 90m, drain: 0s}
limits: {request_body: 1536KiB, request_head: 1000}
trusted_proxies: [10.0.0.0/8]
pools:
  web:
    endpoints: [{address: "[::1]:8000", weight: 2}]
    sticky: {cookie: lb, secret: very secret}
    health_check: {headers: {Authorization: Basic abc, X-Probe: "1", X-Api-Key: abc}}
routes:
  - match: {header: {Cookie: hidden too, X-A: shown}}
    reverse_proxy: web
"""


def test_every_key_is_there_as_a_user_would_write_it():
    told = effective(loads(TEXT))
    assert json.loads(json.dumps(told)) == told
    assert told["listen"][0]["address"] == "127.0.0.1:8080"
    assert told["trusted_proxies"] == ["10.0.0.0/8"]
    assert told["timeouts"] | {"connect": "250ms", "tunnel": "90m", "drain": "0s"} == told["timeouts"]
    assert told["timeouts"]["keep_alive"] == "75s"  # a default
    assert (told["limits"]["request_body"], told["limits"]["request_head"]) == ("1536KiB", 1000)
    pool = told["pools"]["web"]
    assert pool["endpoints"][0] | {"address": "[::1]:8000", "weight": 2} == pool["endpoints"][0]
    assert (pool["retry"]["budget"], pool["ejection"]["rate"]) == ("20%", "30%")


def test_no_secret_is():
    told = effective(loads(TEXT))
    pool = told["pools"]["web"]
    assert told["admin"]["token"] == "***"
    assert (pool["sticky"]["secret"], pool["sticky"]["cookie"]) == ("***", "lb")
    assert pool["health_check"]["headers"] == {"Authorization": "***", "X-Probe": "1", "X-Api-Key": "***"}
    assert told["routes"][0]["match"]["header"] == {"Cookie": "***", "X-A": "shown"}
    assert not [word for word in ("0123456789abcdef", "very secret", "Basic abc", "too") if word in str(told)]


def test_what_is_not_there_is_null():
    told = effective(loads("listen: a:1\nroutes: [{respond: {}}]\naccess_log: false\n"))
    assert (told["admin"], told["access_log"], told["pools"]) == (None, None, {})


@pytest.mark.parametrize("line, shown", [
    ('GET / with Authorization "Bearer hunter2" and X-A b -> pool web',
     'GET / with Authorization *** and X-A b'),
    ("GET / with X-A b and X-Access-Token: hunter2 from 10.0.0.1 -> pool web",
     "GET / with X-A b and X-Access-Token: *** from 10.0.0.1"),
    ("GET /token?a=b&token=hunter2&c=d -> pool web", "GET /token?a=b&token=***&c=d"),
    ('GET "/?api_key=hunter2" -> pool web', 'GET "/?api_key=***'),
    ("GET /token from 10.0.0.1 with X-A Cookie -> pool web", "GET /token from 10.0.0.1 with X-A Cookie"),
])
def test_no_secret_of_a_test_is(line, shown):
    (told,) = effective(loads(TEXT + f"tests: ['{line}']\n"))["tests"]
    assert told.startswith(shown)
    assert told.endswith(" -> pool web")


def test_no_secret_of_what_a_test_expects_is():
    line = 'GET / -> pool web, sends X-Token: hunter2, sends Cookie, header Set-Cookie "a, b", sends X-A b'
    (told,) = effective(loads(TEXT + f"tests: ['{line}']\n"))["tests"]
    assert told == "GET / -> pool web, sends X-Token: ***, sends Cookie, header Set-Cookie ***, sends X-A b"


def test_that_a_secret_has_changed_can_be_seen():
    lines = [effective(loads(TEXT + f"tests: [GET / with Cookie {value} -> pool web]\n"), sealed)["tests"][0]
             for value in ("one", "one", "two")]
    assert lines[0] == lines[1] != lines[2]
