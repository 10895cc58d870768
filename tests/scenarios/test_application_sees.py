"""What an application sees: the client as it is, whatever that claims, and nothing of the hop before."""

import json
import re

import pytest

from tests.scenarios.support import HOST, OK, ask, connect

YAML = """
listen: ["127.0.0.1:0", "unix:{1}/front-{2}.sock"]
trusted_proxies: [{3}]
pools:
  web: {{endpoints: ["{0}"]}}
routes:
  - match: {{path: /deep/*}}
    reverse_proxy: web
    strip_prefix: true
  - reverse_proxy: web
"""
ALIEN = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/inner",
    "X-Forwarded-User": "root",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;proto=https;host=shop.example",
    "X-Request-ID": "abc-123",
    "Via": "1.1 earlier",
}


@pytest.fixture(scope="module")
def application(shared):
    return shared.gunicorn(threads=2)


@pytest.fixture(scope="module")
def untrusting(shared, application):
    return shared.proxy(YAML.format(application.address, shared.folder, "a", "10.0.0.0/8"))


@pytest.fixture(scope="module")
def trusting(shared, application):
    return shared.proxy(YAML.format(application.address, shared.folder, "b", "127.0.0.0/8, 198.51.100.0/24"))


@pytest.fixture(scope="module")
def before_origin(shared):
    origin = shared.origin(OK)
    return shared.before(origin), origin


def seen(place, *fields, target="/seen", method="GET"):
    """The header as Flask has it, without what is no matter here."""
    answer = json.loads(ask(place, target, *fields, method=method).body)
    return dict(answer["headers"]) | {"path": answer["path"]}


def alien_lines():
    return [f"{name}: {value}" for name, value in ALIEN.items()]


def test_a_plain_request(untrusting):
    header = seen(untrusting, "Accept: text/plain", "Cookie: a=b; c=d")
    identity = header.pop("X-Request-Id")
    assert re.fullmatch("[0-9a-f]{24}", identity)
    assert header == {
        "path": "/seen",
        "Host": "a.example",
        "Accept": "text/plain",
        "Cookie": "a=b; c=d",
        "X-Forwarded-For": HOST,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "a.example",
        "X-Forwarded-Port": str(untrusting.port),
        "X-Real-Ip": HOST,
        "Via": "1.1 proxy",
    }


def test_what_a_stranger_claims_is_not_believed(untrusting):
    header = seen(untrusting, *alien_lines())
    assert header["X-Forwarded-For"] == HOST
    assert header["X-Forwarded-Proto"] == "http"
    assert header["X-Forwarded-Host"] == "a.example"
    assert header["X-Forwarded-Port"] == str(untrusting.port)
    assert header["X-Real-Ip"] == HOST
    assert not {"Forwarded", "X-Forwarded-Prefix", "X-Forwarded-User"} & header.keys()


def test_what_a_trusted_proxy_says_is_believed(trusting):
    header = seen(trusting, *(line for line in alien_lines() if not line.startswith("Forwarded:")))
    assert header["X-Forwarded-For"] == f"203.0.113.9, 198.51.100.7, {HOST}"
    assert header["X-Real-Ip"] == "203.0.113.9"  # the last one that nobody vouches for
    assert header["X-Forwarded-Proto"] == "https"
    assert header["X-Forwarded-Host"] == "shop.example"
    assert header["X-Forwarded-Port"] == "443"
    assert not {"Forwarded", "X-Forwarded-User"} & header.keys()


def test_of_two_that_differ_about_the_client_neither_is_believed(trusting):
    """One may be what the client wrote and the trusted proxy passed on."""
    header = seen(trusting, *alien_lines())
    assert header["X-Forwarded-For"] == header["X-Real-Ip"] == HOST


def test_a_trusted_proxy_may_speak_of_the_client_by_forwarded(trusting):
    header = seen(trusting, 'Forwarded: for="[2001:db8::7]:1234";proto=https;host=shop.example')
    assert header["X-Forwarded-For"] == f"2001:db8::7, {HOST}"
    assert header["X-Real-Ip"] == "2001:db8::7"
    assert header["X-Forwarded-Proto"] == "https"
    assert header["X-Forwarded-Host"] == "shop.example"


def test_what_stands_left_of_nonsense_is_not_believed(trusting):
    header = seen(trusting, "X-Forwarded-For: 192.0.2.1, <script>, 203.0.113.9")
    assert header["X-Forwarded-For"] == f"203.0.113.9, {HOST}"
    assert header["X-Real-Ip"] == "203.0.113.9"


def test_a_redirect_leads_to_what_the_trusted_proxy_was_asked_for(trusting):
    assert ask(trusting, "/moved", *alien_lines()).get(b"location") == b"https://shop.example/who?x=1"


@pytest.mark.parametrize("name", ["X_Forwarded_For", "Content_Length", "X_Real_IP", "remote_user", "_"])
def test_names_with_underscores_do_not_get_through(untrusting, name):
    header = seen(untrusting, f"{name}: 1", "X-Dashed: 2")
    assert header["X-Dashed"] == "2"
    assert "1" not in header.values()


def test_a_request_id_is_kept_or_made(untrusting):
    assert seen(untrusting, "X-Request-ID: abc-123")["X-Request-Id"] == "abc-123"
    made = [seen(untrusting)["X-Request-Id"] for _ in range(3)]
    assert len(set(made)) == 3
    assert seen(untrusting, 'X-Request-ID: "><script>')["X-Request-Id"] != '"><script>'


def test_via_is_appended(untrusting):
    header = seen(untrusting, "Via: 1.0 fred, 1.1 other.example")
    assert header["Via"] == "1.0 fred, 1.1 other.example, 1.1 proxy"


def test_hop_by_hop_fields_end_here(untrusting):
    gone = {
        "Connection": "keep-alive, X-Hop",
        "Keep-Alive": "timeout=5",
        "X-Hop": "1",
        "Te": "gzip",
        "Proxy-Connection": "keep-alive",
        "Proxy-Authorization": "Basic x",
        "Proxy": "evil.example",
    }
    header = seen(untrusting, "X-Stays: 2", *(f"{name}: {value}" for name, value in gone.items()))
    assert header["X-Stays"] == "2"
    assert not gone.keys() & header.keys()


def test_through_a_unix_socket_there_is_no_address(untrusting):
    header = seen(untrusting.places()[1], *alien_lines())
    assert header["X-Forwarded-Proto"] == "http"
    assert header["X-Forwarded-Host"] == "a.example"
    assert "203.0.113.9" not in header.values()


def test_a_stripped_prefix_is_named(untrusting):
    header = seen(untrusting, "X-Forwarded-Prefix: /evil", target="/deep/seen?a=%2Fb")
    assert header["path"] == "/seen"
    assert header["X-Forwarded-Prefix"] == "/deep"


@pytest.mark.parametrize("target", [
    "/a/../b", "/a//b", "/%2e%2e/x", "/a%2Fb?c=%20&&;", "/a;b=c/d", "/?", "/a?b?c", "/%C3%A4", "/a\\b|c",
])
def test_the_target_goes_through_as_it_was_sent(before_origin, target):
    proxy, origin = before_origin
    assert ask(proxy, target).status == 200
    assert origin.requests[-1].target == target.encode()


def test_absolute_form_names_the_host(untrusting):
    with connect(untrusting) as client:
        client.send(b"GET http://real.example:81/seen?x HTTP/1.1\r\nHost: other.example\r\n\r\n")
        answer = json.loads(client.response().body)
    assert dict(answer["headers"])["Host"] == "real.example:81"
    assert dict(answer["headers"])["X-Forwarded-Host"] == "real.example:81"
    assert (answer["path"], answer["query"]) == ("/seen", "x")


def test_http_1_0_without_host_is_told_where_it_came_in(untrusting):
    with connect(untrusting) as client:
        client.send(b"GET /seen HTTP/1.0\r\n\r\n")
        answer = client.response()
        assert client.at_end()
    assert dict(json.loads(answer.body)["headers"])["Host"] == untrusting.address
