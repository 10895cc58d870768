from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.peer import Peer
from proxy.routing.matchers import (
    CHANGING,
    STABLE,
    Asked,
    ClientMatcher,
    HeaderMatcher,
    HostMatcher,
    MethodMatcher,
    PathMatcher,
    QueryMatcher,
    SchemeMatcher,
    compile_matchers,
    normal_host,
    parse_query,
    prefixes_of,
)
from tests.fakes import FakeExchange


def asked(target=b"/", fields=(), **options):
    exchange = FakeExchange(target, fields, **options)
    return Asked(exchange, exchange.target.path)


@pytest.mark.parametrize("authority, host", [
    (b"a.example", b"a.example"),
    (b"A.Example:8080", b"a.example"),
    (b"a.example.", b"a.example"),
    (b"a.example.:80", b"a.example"),
    (b"a.example..", b"a.example."),
    (b"a.example:", b"a.example"),
    (b"[2001:DB8::1]:443", b"[2001:db8::1]"),
    (b"[2001:db8::1]", b"[2001:db8::1]"),
    (b"192.0.2.1:80", b"192.0.2.1"),
    (b"", b""),
])
def test_hosts_are_compared_without_case_port_and_one_dot(authority, host):
    assert normal_host(authority) == host


@pytest.mark.parametrize("hosts, authority, match", [
    ("a.example", b"a.example", True),
    ("A.Example", b"a.EXAMPLE:81", True),
    ("a.example.", b"a.example", True),
    ("a.example", b"b.example", False),
    ("a.example", b"xa.example", False),
    ("a.example", b"", False),
    (["a.example", "b.example"], b"b.example", True),
    ("*.a.example", b"w.a.example", True),
    ("*.a.example", b"v.w.a.example.", True),
    ("*.a.example", b"a.example", False),
    ("*.a.example", b".a.example", False),
    ("*.a.example", b"wa.example", False),
    ("*.a.example", b"w.a.example.evil.example", False),
    (["*.a.example", "a.example"], b"a.example", True),
    ("[::1]", b"[::1]:8080", True),
])
def test_hosts(hosts, authority, match):
    assert HostMatcher(hosts).matches(asked(host=authority)) is match


@pytest.mark.parametrize("paths, target, match", [
    ("/a", b"/a", True),
    ("/a", b"/a/", False),
    ("/a", b"/a?b", True),
    ("/a", b"/A", False),
    ("/a", b"/%61", True),
    ("/a b", b"/a%20b", True),
    ("/a%20b", b"/a%20b", True),
    ("/ü", b"/%C3%BC", True),
    ("/static/*", b"/static/", True),
    ("/static/*", b"/static/css/a.css", True),
    ("/static/*", b"/static", False),
    ("/static/*", b"/%73tatic/x", True),
    ("/static/*", b"/static/../private", False),
    ("/*", b"/anything", True),
    (r"~^/u/\d+$", b"/u/12", True),
    (r"~^/u/\d+$", b"/u/12/x", False),
    (r"~/u/", b"/x/u/y", True),
    (r"~^/[ü]$", b"/%C3%BC", True),
    (r"~^/\udcff$", b"/%FF", True),
    (["/a", "/b/*", "~c$"], b"/b/1", True),
    (["/a", "/b/*", "~c$"], b"/xc", True),
    (["/a", "/b/*", "~c$"], b"/x", False),
])
def test_paths(paths, target, match):
    assert PathMatcher(paths).matches(asked(target)) is match


def test_the_asterisk_of_options_is_below_no_slash():
    request = asked(b"*", method=b"OPTIONS")
    assert not PathMatcher("/*").matches(request)
    assert PathMatcher("*").matches(request)


@pytest.mark.parametrize("methods, method, match", [
    ("GET", b"GET", True),
    ("GET", b"get", False),
    ("GET", b"HEAD", False),
    (["GET", "HEAD"], b"HEAD", True),
    (["PURGE"], b"PURGE", True),
])
def test_methods(methods, method, match):
    assert MethodMatcher(methods).matches(asked(method=method)) is match


FIELDS = [(b"X-Kind", b"blue"), (b"Accept", b"text/html"), (b"accept", b"text/plain"), (b"Empty", b"")]


@pytest.mark.parametrize("wanted, match", [
    ({"x-kind": "blue"}, True),
    ({"X-KIND": "blue"}, True),
    ({"X-Kind": "Blue"}, False),
    ({"X-Kind": "blu"}, False),
    ({"X-Kind": "~^bl"}, True),
    ({"X-Kind": "~ue$"}, True),
    ({"X-Kind": "~red"}, False),
    ({"X-Kind": True}, True),
    ({"X-Kind": False}, False),
    ({"X-None": True}, False),
    ({"X-None": False}, True),
    ({"X-None": ""}, False),
    ({"X-None": "~.*"}, False),
    ({"Empty": ""}, True),
    ({"Empty": True}, True),
    ({"Accept": "text/html, text/plain"}, True),
    ({"Accept": "~plain"}, True),
    ({"X-Kind": "blue", "Accept": "~html"}, True),
    ({"X-Kind": "blue", "Accept": "~xml"}, False),
])
def test_headers(wanted, match):
    assert HeaderMatcher(wanted).matches(asked(fields=FIELDS)) is match


@pytest.mark.parametrize("wanted, query, match", [
    ({"a": "1"}, b"a=1", True),
    ({"a": "1"}, b"a=2", False),
    ({"a": "1"}, b"A=1", False),
    ({"a": "1"}, b"", False),
    ({"a": "1"}, b"a=2&a=1", True),
    ({"a": "b c"}, b"a=b+c", True),
    ({"a": "b c"}, b"%61=b%20c", True),
    ({"a": "ü"}, b"a=%C3%BC", True),
    ({"a": "1;b=2"}, b"a=1;b=2", True),
    ({"a": ""}, b"a", True),
    ({"a": True}, b"a", True),
    ({"a": True}, b"b&a=", True),
    ({"a": True}, b"b=a", False),
    ({"a": False}, b"b=a", True),
    ({"a": False}, b"a&a=1", False),
    ({"a": "~^v[0-9]$"}, b"a=v2", True),
    ({"a": "~^v[0-9]$"}, b"a=v22", False),
    ({"a": "1", "b": "2"}, b"b=2&a=1", True),
    ({"a": "1", "b": "2"}, b"b=3&a=1", False),
])
def test_queries(wanted, query, match):
    assert QueryMatcher(wanted).matches(asked(b"/?" + query)) is match


@given(st.lists(st.tuples(st.text(), st.text())))
def test_a_forms_query_is_read_as_the_library_reads_it(pairs):
    query = urlencode(pairs)
    expected = parse_qs(query, keep_blank_values=True)
    encoded = {name.encode(): [value.encode() for value in values] for name, values in expected.items()}
    assert parse_query(query.encode()) == encoded


@given(st.binary(max_size=40))
def test_any_octets_are_a_query(query):
    parameters = parse_query(query)
    assert sum(map(len, parameters.values())) == sum(map(bool, query.split(b"&")))


@pytest.mark.parametrize("client, match", [
    ("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", True), ("11.1.2.3", False), ("unix:", False),
])
def test_clients(client, match):
    assert ClientMatcher(["10.0.0.0/8", "192.0.2.1"]).matches(asked(client=client)) is match


def came_by(scheme, *fields, trusted=False):
    request = asked(fields=fields)
    request.exchange.peer = Peer("10.0.0.1", 8443, scheme, b"a.example", lambda address: trusted)
    return request


@pytest.mark.parametrize("wanted, scheme, match", [
    ("https", "https", True),
    ("https", "http", False),
    ("http", "http", True),
    ("http", "https", False),
    (["http", "https"], "https", True),
])
def test_schemes(wanted, scheme, match):
    assert SchemeMatcher(wanted).matches(came_by(scheme)) is match


@pytest.mark.parametrize("scheme, field, trusted, seen", [
    ("http", (b"X-Forwarded-Proto", b"https"), True, "https"),
    ("https", (b"X-Forwarded-Proto", b"http"), True, "http"),
    ("http", (b"X-Forwarded-Proto", b"HTTPS"), True, "https"),
    ("http", (b"Forwarded", b"for=192.0.2.1;proto=https"), True, "https"),
    ("https", (b"X-Forwarded-Proto", b"gopher"), True, "https"),
    ("http", (b"X-Forwarded-Proto", b"https"), False, "http"),
    ("https", (b"X-Forwarded-Proto", b"http"), False, "https"),
])
def test_a_trusted_proxy_says_how_clients_came(scheme, field, trusted, seen):
    request = came_by(scheme, field, trusted=trusted)
    assert SchemeMatcher(seen).matches(request)
    assert not SchemeMatcher({"http": "https", "https": "http"}[seen]).matches(request)
    assert SchemeMatcher("https").account(request) == [("scheme", "https", seen, seen == "https")]


def test_compiling_takes_what_is_there():
    match = SimpleNamespace(host="a.example", path=None, method=["GET"], header={}, query=None, client="::/0",
                            scheme=["https"])
    assert [type(matcher) for matcher in compile_matchers(match, STABLE)] == [MethodMatcher, HostMatcher]
    assert [type(matcher) for matcher in compile_matchers(match, CHANGING)] == [ClientMatcher, SchemeMatcher]
    assert compile_matchers(None, STABLE) == ()


@pytest.mark.parametrize("path, prefixes", [
    (None, ()),
    ("/a", (b"",)),
    ("/static/*", (b"/static/",)),
    ("/a%20b/*", (b"/a b/",)),
    (["/a/*", "/b", "~^/c/*"], (b"/a/", b"", b"")),
])
def test_prefixes_are_what_stands_before_the_asterisk(path, prefixes):
    assert prefixes_of(SimpleNamespace(path=path)) == prefixes


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_every_path_below_a_prefix_begins_with_it(rest):
    request = asked(("/x/" + quote(rest, safe="")).encode())
    if not request.exchange.target.ambiguous:
        assert PathMatcher("/x/*").matches(request)
        assert request.path.removeprefix(prefixes_of(SimpleNamespace(path="/x/*"))[0]) == rest.encode()
