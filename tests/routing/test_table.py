from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestError
from proxy.routing.table import Route, RouteTable
from tests.fakes import FakeExchange

HANDLER = SimpleNamespace(handle=lambda exchange: None)


def table_of(*matches):
    """Routes named 0, 1, 2, ...; a match is a dict, or None for everything."""
    return RouteTable(
        Route(str(place), None if match is None else SimpleNamespace(**match), HANDLER, body_limit=100)
        for place, match in enumerate(matches))


def found(table, *args, **options):
    route = table.find(FakeExchange(*args, **options))
    return route and route.name


def test_the_first_that_matches_answers():
    table = table_of({"path": "/a"}, {"path": "/*", "method": "POST"}, {"path": "/a"}, {"path": "/b/*"})
    assert found(table, b"/a") == "0"
    assert found(table, b"/a", method=b"POST") == "0"
    assert found(table, b"/b/", method=b"POST") == "1"
    assert found(table, b"/b/") == "3"
    assert found(table, b"/c") is None


def test_all_conditions_of_a_route_must_hold():
    table = table_of({
        "host": "*.a.example", "path": "/x/*", "method": ["PUT", "POST"],
        "header": {"x-kind": "blue"}, "query": {"v": "2"}, "client": "10.0.0.0/8"})
    right = {
        "target": b"/x/y?v=2", "fields": [(b"X-Kind", b"blue")], "method": b"PUT",
        "host": b"w.a.example:81", "client": "10.1.1.1"}
    assert found(table, **right) == "0"
    for wrong in (
        {"target": b"/x?v=2"}, {"target": b"/x/y?v=3"}, {"fields": []}, {"method": b"GET"},
        {"host": b"a.example"}, {"client": "11.1.1.1"},
    ):
        assert found(table, **right | wrong) is None


def test_a_route_keeps_what_it_was_given():
    match = SimpleNamespace(path="/static/*")
    route = Route("files", match, HANDLER, body_limit=7)
    assert (route.name, route.handler, route.body_limit, route.prefix) == ("files", HANDLER, 7, b"/static/")
    assert Route("two", SimpleNamespace(path=["/a/*", "/b/*"]), HANDLER, body_limit=7).prefix == b""
    assert Route("all", None, HANDLER, body_limit=7).prefix == b""


def test_a_named_hosts_routes_and_those_for_any_keep_their_order():
    table = table_of(
        {"host": "a.example", "path": "/1"}, {"host": "*.example", "path": "/2"}, {"path": "/2"},
        {"host": ["a.example", "b.example"]}, None)
    assert found(table, b"/1", host=b"a.example") == "0"
    assert found(table, b"/2", host=b"a.example") == "1"
    assert found(table, b"/2", host=b"b.example") == "1"
    assert found(table, b"/2", host=b"c.org") == "2"
    assert found(table, b"/3", host=b"b.example") == "3"
    assert found(table, b"/3", host=b"c.org") == "4"


def test_what_changes_is_looked_at_every_time():
    table = table_of({"path": "/a", "header": {"x-kind": "blue"}}, {"path": "/a", "query": {"v": "2"}}, None)
    for _ in range(2):
        assert found(table, b"/a") == "2"
        assert found(table, b"/a", [(b"X-Kind", b"blue")]) == "0"
        assert found(table, b"/a?v=2") == "1"
    assert not table._known


def test_one_client_may_come_by_http_and_another_by_https():
    table = table_of({"path": "/a", "scheme": ["http"]}, {"path": "/a"})
    for _ in range(2):
        assert outcome(table, FakeExchange(b"/a", scheme="http")) == "0"
        assert outcome(table, FakeExchange(b"/a", scheme="https")) == "1"
    assert not table.remembers(FakeExchange(b"/a", scheme="https"))


def test_it_says_what_it_remembers():
    table = table_of({"path": "/a", "client": "127.0.0.1"}, {"path": "/b"}, {"path": "/c/*"})
    for path in (b"/a", b"/b", b"/c/d"):
        assert table.find(FakeExchange(path)) is not None
    assert [table.remembers(FakeExchange(path)) for path in (b"/a", b"/b", b"/c/d", b"/c//d", b"/e")] == [
        False, True, True, False, False]
    assert not table.remembers(FakeExchange(b"/b", host=b"other"))


def test_only_what_was_decided_by_host_method_and_path_is_remembered():
    table = table_of({"path": "/a", "header": {"x-kind": True}}, {"path": ["/a", "/b"]}, {"client": "::/0"})
    for target in (b"/a", b"/b", b"/c"):
        found(table, target)
    assert [key[2] for key in table._known] == [b"/b"]


METHODS = st.sampled_from([b"GET", b"POST", b"TRACE", b"CONNECT"])
HOSTS = st.sampled_from(["a.example", "b.example", "*.example", "*.a.example"])
PATHS = st.sampled_from(["/a", "/a/*", "/b", "~^/[ab]$", "/*"])
MATCHES = st.none() | st.fixed_dictionaries({}, optional={
    "host": st.lists(HOSTS, min_size=1, max_size=2),
    "path": st.lists(PATHS, min_size=1, max_size=2),
    "method": st.lists(METHODS.map(bytes.decode), min_size=1, max_size=2),
    "header": st.just({"x-kind": "blue"}),
    "query": st.just({"v": True}),
    "client": st.just("10.0.0.0/8"),
    "scheme": st.just(["https"]),
})
REQUESTS = st.builds(
    FakeExchange,
    st.sampled_from([b"/a", b"/b", b"/a/", b"/a/b?v=1", b"/b?v", b"/c", b"/a//b", b"/c/../a"]),
    st.sampled_from([(), ((b"X-Kind", b"blue"),)]),
    host=st.sampled_from([b"a.example", b"A.example.:81", b"b.example", b"w.a.example", b"c.org"]),
    method=METHODS.filter(lambda method: method != b"CONNECT"),
    client=st.sampled_from(["10.1.2.3", "192.0.2.1", "unix:"]),
    scheme=st.sampled_from(["http", "https"]),
) | st.just(FakeExchange(b"a.example:443", host=b"a.example:443", method=b"CONNECT"))


def outcome(table, exchange):
    try:
        route = table.find(exchange)
    except RequestError as error:
        return error.status
    return route and route.name


@given(st.lists(MATCHES, max_size=5), st.lists(REQUESTS, max_size=12))
def test_what_is_remembered_is_what_a_fresh_table_finds(matches, requests):
    table = table_of(*matches)
    for exchange in requests + requests:
        assert outcome(table, exchange) == outcome(table_of(*matches), exchange)


@given(st.lists(MATCHES, max_size=5), REQUESTS)
def test_the_route_found_is_the_first_whose_own_table_has_it(matches, exchange):
    alone = [place for place, match in enumerate(matches) if outcome(table_of(match), exchange) == "0"]
    if not exchange.target.ambiguous:
        assert outcome(table_of(*matches), exchange) == (str(alone[0]) if alone else None)


def test_the_memo_is_bounded_in_count_and_in_octets(monkeypatch):
    monkeypatch.setattr(RouteTable, "COUNT", 4)
    table = table_of({"path": "/*"})
    for number in range(20):
        assert found(table, b"/%d" % number) == "0"
        assert len(table._known) <= 4
    before = dict(table._known)
    for options in ({"target": b"/" + b"x" * 256}, {"host": b"x" * 256}, {"method": b"X" * 256}):
        assert found(table, **options) == "0"
    assert table._known == before


def test_what_no_route_matches_is_not_remembered():
    table = table_of({"path": "/a"})
    assert found(table, b"/b") is None
    assert not table._known


@pytest.mark.parametrize("target", [b"/open/../shut/x", b"/open/%2e%2e/shut/x", b"/open/..%2fshut/x"])
def test_readings_that_lead_to_different_routes_are_refused(target):
    table = table_of({"path": "/shut/*"}, {"path": "/open/*"})
    for _ in range(2):
        with pytest.raises(RequestError) as caught:
            found(table, target)
        assert caught.value.status == 400
        assert not caught.value.close


def test_readings_are_compared_also_where_the_normal_one_is_remembered():
    table = table_of({"path": "/private/*"}, {"path": "/*"})
    assert found(table, b"/private/x") == "0"
    with pytest.raises(RequestError):
        found(table, b"/public/../private/x")


@pytest.mark.parametrize("target", [b"/a//b", b"/x/../y", b"/a%2fb", b"/a/./b", b"/a\\b"])
def test_readings_that_lead_to_one_route_go_through(target):
    assert found(table_of({"path": "/private/*"}, None), target) == "1"


def test_a_reading_may_not_fall_out_of_the_table():
    with pytest.raises(RequestError):
        found(table_of({"path": "/a/b"}), b"/a//b")


def test_connect_and_trace_reach_only_routes_that_name_them():
    table = table_of({"path": "/*"}, None, {"method": "TRACE"}, {"method": ["CONNECT", "GET"]})
    assert [route.allows_trace_connect for route in table.routes] == [False, False, True, True]
    for _ in range(2):
        assert found(table, b"/a", method=b"TRACE") == "2"
        assert found(table, b"a.example:443", method=b"CONNECT", host=b"a.example:443") == "3"
        assert found(table, b"/a") == "0"
    assert found(table_of(None), b"/a", method=b"TRACE") is None


def test_an_empty_table_has_nothing():
    assert found(RouteTable([])) is None


MATCHES = st.fixed_dictionaries({}, optional={
    "host": st.sampled_from(["a.example", "*.example", ["b.example", "a.example"]]),
    "path": st.sampled_from(["/a", "/a/*", "~^/[ab]$", "/*"]),
    "method": st.sampled_from(["GET", ["POST", "TRACE"], "CONNECT"]),
    "header": st.sampled_from([{"x-kind": "blue"}, {"X-Kind": True}, {"x-kind": False, "b": "~^1"}]),
    "query": st.sampled_from([{"v": "2"}, {"v": True, "w": False}]),
    "client": st.sampled_from(["10.0.0.0/8", ["127.0.0.1"]])})


def answering(trials):
    return trials[-1].route if trials and trials[-1].matched else None


@given(st.lists(MATCHES, max_size=6),
       st.sampled_from([b"/a", b"/b", b"/a/x?v=2", b"/?v=1&w", b"/a//b", b"/A"]),
       st.sampled_from([b"GET", b"POST", b"TRACE"]),
       st.sampled_from([b"a.example", b"x.example:80", b"b.example"]),
       st.sampled_from([(), ((b"X-Kind", b"blue"),), ((b"b", b"12"),)]))
def test_what_the_table_tells_is_what_it_does(matches, target, method, host, fields):
    table = table_of(*matches)
    exchange = FakeExchange(target, list(fields), method=method, host=host)
    trials = table.account(exchange)
    assert [trial.route for trial in trials] == list(table.routes[:len(trials)])
    assert not any(trial.matched for trial in trials[:-1])
    try:
        assert table.find(exchange) is answering(trials)
    except RequestError:
        readings = [table.account(exchange, path) for path in exchange.target.ambiguous]
        assert any(answering(other) is not answering(trials) for other in readings)


def test_it_tells_what_was_wanted_and_what_was_seen():
    match = {"path": "/a/*", "header": {"X-Beta": True}, "query": {"draft": "1"}}
    table = table_of(match, {"method": "TRACE"})
    first, second = table.account(FakeExchange(b"/b?draft=2", method=b"TRACE"))
    assert [tuple(condition) for condition in first.conditions] == [
        ("path", "/a/*", "/b", False), ("header X-Beta", "any value", "absent", False),
        ("query draft", "1", "2", False),
        ("method", "CONNECT or TRACE where a route names it", "TRACE", False)]
    assert second.matched
