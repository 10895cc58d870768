import json

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
