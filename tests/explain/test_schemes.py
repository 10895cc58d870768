"""What `explain` and `tests:` make of http and https, before listeners with and without TLS."""

import pytest

from proxy.config.load import loads
from proxy.explain.account import account
from proxy.explain.cases import run
from proxy.explain.question import Question
from proxy.explain.rehearsal import Stage
from proxy.explain.words import in_words
from tests.authority import Authority

ROUTES = """
trusted_proxies: [10.0.0.0/8]
pools: {web: {endpoints: [192.0.2.1:8001]}}
routes:
  - {name: to https, match: {scheme: http}, redirect: {to: "https://{host}{path}", status: 308}}
  - {name: shop, match: {scheme: https}, reverse_proxy: web}
"""
NO_TLS = "no listener here speaks TLS"
ONLY_TLS = "every listener here speaks TLS"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """YAML with these listeners, `tls` among them for one that speaks it."""
    shown = Authority(tmp_path_factory.mktemp("tls")).tls("shop.example")
    places = {"tls": f"{{address: '192.0.2.80:8443', tls: {shown}}}", "plain": "192.0.2.80:8080",
              "usual": f"{{address: '192.0.2.80:443', tls: {shown}}}", "socket": "unix:/nowhere/a.sock"}
    return lambda *names: f"listen: [{', '.join(places[name] for name in names)}]{ROUTES}"


@pytest.fixture
def ask(configuration):
    async def asked(listeners, url, *fields, client="203.0.113.9"):
        stage = Stage(loads(configuration(*listeners.split())))
        try:
            return account(stage, await stage.rehearse(Question("GET", url, fields, client)))
        finally:
            await stage.close()

    return asked


def route_of(told):
    return next(route["name"] for route in told["routes"] if route["matched"])


@pytest.mark.parametrize("listeners, url, route, note", [
    ("plain", "https://shop.example/", "to https", NO_TLS),
    ("plain", "http://shop.example/", "to https", None),
    ("plain", "/", "to https", None),
    ("tls", "https://shop.example/", "shop", None),
    ("tls", "http://shop.example/", "shop", ONLY_TLS),
    ("tls", "/", "shop", None),
    ("plain tls", "https://shop.example/", "shop", None),
    ("tls plain", "http://shop.example/", "to https", None),
    ("plain tls", "/", "to https", None),
    ("tls plain", "/", "shop", None),
    ("socket tls", "https://shop.example/", "shop", None),
    ("socket", "https://shop.example/", "to https", NO_TLS),
])
async def test_the_listener_of_the_urls_scheme_takes_it(ask, listeners, url, route, note):
    told = await ask(listeners, url)
    assert route_of(told) == route
    assert [text.partition(":")[0] for text in told["request"]["notes"]] == ([note] if note else [])
    assert (NO_TLS in in_words(told), ONLY_TLS in in_words(told)) == (note == NO_TLS, note == ONLY_TLS)


async def test_why_a_route_for_one_scheme_does_not_match(ask):
    told = await ask("plain tls", "https://shop.example/")
    first, second = told["routes"]
    assert first["conditions"] == [{"part": "scheme", "wanted": "http", "seen": "https", "holds": False}]
    assert second["conditions"] == [{"part": "scheme", "wanted": "https", "seen": "https", "holds": True}]
    assert "scheme" in in_words(told)


@pytest.mark.parametrize("listeners, host, port", [
    ("plain tls", "192.0.2.80:8443", "8443"),
    ("plain usual", "192.0.2.80", "443"),  # which browsers leave out (RFC 9110 section 4.2.2)
])
async def test_the_application_gets_to_know_it(ask, listeners, host, port):
    told = (await ask(listeners, "https://shop.example/"))["to_endpoint"]
    assert {"X-Forwarded-Proto": "https", "X-Forwarded-Port": port}.items() <= dict(told["added"]).items()
    told = await ask(listeners.split()[1], "/")
    assert ["Host", host] in told["to_endpoint"]["kept"]


@pytest.mark.parametrize("client, route", [("10.0.0.1", "shop"), ("203.0.113.9", "to https")])
async def test_a_trusted_proxy_says_how_clients_came(ask, client, route):
    told = await ask("plain", "https://shop.example/", ("X-Forwarded-Proto", "https"), client=client)
    assert route_of(told) == route


@pytest.mark.parametrize("listeners, line, differences", [
    ("plain tls", "GET https://shop.example/a -> pool web, sends X-Forwarded-Proto https", ()),
    ("plain tls", "GET http://shop.example/a -> redirect https://shop.example/a, 308", ()),
    ("plain", "GET https://shop.example/ with X-Forwarded-Proto https from 10.0.0.1 -> pool web", ()),
    ("plain", "GET https://shop.example/a -> pool web", (("pool web", "redirect https://shop.example/a"),)),
    ("plain tls", "GET http://shop.example/ -> route shop", (("route shop", "route to https"),)),
])
async def test_tests_of_a_configuration_know_schemes(configuration, listeners, line, differences):
    config = loads(f"{configuration(*listeners.split())}tests: ['{line}']\n")
    [result] = await run(config)
    assert result.differences == differences
