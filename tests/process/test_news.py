import json

from proxy.config.load import loads
from proxy.process import news
from proxy.process.news import News


def test_of_each_endpoint_the_last_is_kept():
    known = News()
    first = news.health("web", "a:1", up=True, why="HTTP 200 in 1 ms")
    last = news.health("web", "a:1", up=False, why="no answer in 2 s")
    other = news.health("api", "a:1", up=True, why="connected in 0 ms")
    found = news.addresses("web", "a:1", ["10.0.0.1:1"], {})
    assert known.note("health", first) == "web a:1"
    assert known.note("addresses", found) == "web a:1"
    assert known.note("health", other) == "api a:1"
    assert known.note("health", last) == "web a:1"
    assert sorted(known) == sorted([("health", last), ("addresses", found), ("health", other)])
    assert sorted(known.health()) == [("api", "a:1", True), ("web", "a:1", False)]
    assert list(known.addresses()) == [("web", "a:1", ["10.0.0.1:1"])]


def test_the_texts_are_as_agreed():
    assert json.loads(news.health("web", "a:1", up=False, why="x")) == {
        "pool": "web", "endpoint": "a:1", "up": False, "why": "x"}
    assert json.loads(news.addresses("web", "a:1", ["b:1"], {"b:1": (1, 50)})) == {
        "pool": "web", "endpoint": "a:1", "addresses": ["b:1"], "shares": {"b:1": [1, 50]}}


def config(pools, routes="[{respond: {status: 200}}]"):
    return loads(f"listen: a:1\npools: {pools}\nroutes: {routes}\n")


def test_what_still_holds_after_a_reload():
    old = config("{web: {endpoints: [a:1, b:1, n:1], health_check: {}}, gone: {endpoints: [a:1]}}")
    new = config("{web: {endpoints: [a:1, {address: b:1, weight: 2}, d:1]}}")
    known = News()
    added = {"there": True, "weight": 1, "backup": False, "max_connections": None, "unchecked": False}
    for word, text in [
        (news.ENDPOINT, news.endpoint("web", "c:1", **added)),  # goes on
        (news.ENDPOINT, news.endpoint("web", "d:1", **added)),  # the file has it by now
        (news.ENDPOINT, news.endpoint("web", "n:1", there=False)),  # nor has the file
        (news.HEALTH, news.health("web", "a:1", up=False, why="")),  # nobody looks any more
        (news.ORDER, news.order("web", "a:1", "drain")),
        (news.ORDER, news.order("web", "c:1", "drain")),
        (news.ORDER, news.order("web", "n:1", "drain")),
        (news.ORDER, news.order("gone", "a:1", "drain")),
        (news.WEIGHT, news.weight("web", "a:1", 5)),
        (news.WEIGHT, news.weight("web", "b:1", 5)),  # the file has another one now
        (news.PAUSE, news.pause("web", paused=True)),
        (news.PAUSE, news.pause("gone", paused=True)),
    ]:
        known.note(word, text)
    kept = known.kept(old, new)
    assert [(word, json.loads(text)["endpoint"]) for word, text in kept] == [
        ("endpoint", "c:1"), ("order", "a:1"), ("order", "c:1"), ("weight", "a:1"), ("pause", "")]
    assert kept.orders() == list(kept)


def test_names_and_probes_hold_while_somebody_looks():
    old = config("{web: {endpoints: [{address: n:1, resolve: true}, a:1], health_check: {}}}")
    known = News()
    known.note(news.ADDRESSES, news.addresses("web", "n:1", ["10.0.0.1:1"], {}))
    known.note(news.HEALTH, news.health("web", "a:1", up=True, why=""))
    assert list(known.kept(old, old)) == list(known)
    assert list(known.kept(old, config("{web: {endpoints: [n:1, b:1], health_check: {}}}"))) == []
    assert known.kept(old, old).orders() == []


def test_of_an_endpoint_that_comes_again_nothing_old_is_known():
    added = {"there": True, "weight": 1, "backup": False, "max_connections": None, "unchecked": True}
    known = News()
    known.note(news.ENDPOINT, news.endpoint("web", "a:1", **added))
    known.note(news.HEALTH, news.health("web", "a:1", up=True, why=""))
    known.note(news.ORDER, news.order("web", "a:1", "drain"))
    known.note(news.ORDER, news.order("web", "b:1", "drain"))
    known.note(news.ENDPOINT, news.endpoint("web", "a:1", there=False))
    assert list(known.endpoints()) == [("web", "a:1", False)]
    known.note(news.ENDPOINT, news.endpoint("web", "a:1", **added))
    assert [(word, json.loads(text)["endpoint"]) for word, text in known] == [
        ("order", "b:1"), ("endpoint", "a:1")]


def test_orders_come_after_the_addresses_that_they_are_about():
    known = News()
    order = news.ORDER, news.order("web", "10.0.0.1:1", "disabled")
    found = news.ADDRESSES, news.addresses("web", "n:1", ["10.0.0.1:1", "10.0.0.2:1"], {})
    known.note(*order)
    assert [(word, text) for word, text, _ in known.take(*found)] == [found, order]
    assert list(known) == [found, order]


def test_what_counts_of_orders_about_a_name_and_its_addresses():
    known = News()
    found = news.ADDRESSES, news.addresses("web", "n:1", ["10.0.0.1:1", "10.0.0.2:1"], {})
    for word, text in [
        (news.ORDER, news.order("web", "n:1", "drain")),
        (news.ORDER, news.order("web", "10.0.0.1:1", "disabled")),
        (news.WEIGHT, news.weight("web", "10.0.0.1:1", 3)),
        (news.ORDER, news.order("web", "n:1", "ready")),  # takes back the two before it
        (news.ORDER, news.order("web", "10.0.0.2:1", "drain")),
        (news.ORDER, news.order("web", "10.0.0.9:1", "drain")),  # not there now
        (news.ORDER, news.order("api", "10.0.0.1:1", "drain")),
    ]:
        known.note(word, text)
    assert [(word, about) for word, _, about in known.take(*found)] == [
        ("addresses", "web n:1"), ("weight", "web 10.0.0.1:1"), ("order", "web 10.0.0.2:1")]
    assert [json.loads(text)["endpoint"] for word, text in known if word == news.ORDER][:2] == [
        "10.0.0.1:1", "n:1"]
