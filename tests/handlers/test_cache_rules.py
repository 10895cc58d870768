import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.static_rules import CacheRule
from proxy.handlers.cache_rules import CacheRules

HASHED = b"assets/app.0123456789ab.js"
MINUTE = ((b"Cache-Control", b"max-age=60"), (b"Expires", b"+60"))


def control(name, *rules, max_age=None, manifest=()):
    made = CacheRules([CacheRule(**rule) for rule in rules], max_age, set(manifest).__contains__)
    return made.fields_for(name)


@pytest.mark.parametrize("rule, fields", [
    ({"max_age": 3600.9}, ((b"Cache-Control", b"max-age=3600"), (b"Expires", b"+3600"))),
    ({"max_age": 0}, ((b"Cache-Control", b"max-age=0"), (b"Expires", b"+0"))),
    ({"max_age": 60, "immutable": True},
     ((b"Cache-Control", b"max-age=60, immutable"), (b"Expires", b"+60"))),
    ({"control": "no-cache"}, ((b"Cache-Control", b"no-cache"),)),
    ({"control": "private, max-age=60"}, ((b"Cache-Control", b"private, max-age=60"),)),
])
def test_rule_says(rule, fields):
    assert control(b"a.html", {"files": "*.html", **rule}) == fields


def test_rule_may_say_nothing():
    assert control(b"a.html", {"files": "*.html", "max_age": None}, max_age=60) == ()


def test_first_rule_that_matches_counts():
    rules = [{"files": ["a.*", "*.html"], "control": "no-cache"}, {"files": "*", "max_age": 60}]
    assert control(b"x/a.js", *rules) == ((b"Cache-Control", b"no-cache"),)
    assert control(b"x/b.js", *rules) == MINUTE


def test_then_the_manifest_then_the_route():
    rule = {"files": "*.html", "control": "no-cache"}
    told = {name: control(name, rule, max_age=60, manifest=[HASHED, b"a.html"])
            for name in (b"a.html", HASHED, b"b.js")}
    assert told == {
        b"a.html": ((b"Cache-Control", b"no-cache"),),
        HASHED: ((b"Cache-Control", b"max-age=31536000, immutable"), (b"Expires", b"+31536000")),
        b"b.js": MINUTE,
    }


def test_nothing_is_said_unasked():
    assert control(HASHED) == ()


@pytest.mark.parametrize("name", [
    HASHED, b"index-BxK3_9aZ.js", b"chart-Version2.js", b"report-20261231.pdf", b"main.deadbeef.css"])
def test_no_name_is_taken_for_a_hash(name):
    assert control(name, max_age=60) == MINUTE


@given(st.binary(max_size=30))
def test_every_name_gets_an_answer(name):
    assert control(name, {"files": ["a/**", "~x"], "control": "no-store"}, max_age=1)
