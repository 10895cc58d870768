from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.balancing.keys import cookie_key, cookie_value, key_reader, query_key, query_value
from tests.balancing.fakes import FakeExchange, FakeTarget

EXCHANGE = FakeExchange(
    "192.0.2.7", {b"x-user": b"ada", b"cookie": b"theme=dark; lb=7"}, FakeTarget(b"/a/b", b"q=1&user=bruno"))


@pytest.mark.parametrize("hash_key, key", [
    ("client", b"192.0.2.7"), ("path", b"/a/b"), ("query:user", b"bruno"), ("header:X-User", b"ada"),
    ("cookie:lb", b"7"), ("query:page", None), ("header:Accept", None), ("cookie:id", None)])
def test_each_kind_of_key(hash_key, key):
    assert key_reader(hash_key)(EXCHANGE) == key


def quick_query(query, name):
    return query_key(name)(FakeExchange(target=FakeTarget(query=query)))


def quick_cookie(cookies, name):
    return cookie_key(name)(FakeExchange(headers={b"cookie": cookies}))


def test_no_cookie_field_no_key():
    assert key_reader("cookie:lb")(FakeExchange()) is None


@pytest.mark.parametrize("hash_key", ["", "clients", "client:x", "path:/a", "query", "query:", "cookie:"])
def test_other_keys_are_refused(hash_key):
    with pytest.raises(ValueError, match=f"^'{hash_key}' is not a hash key; client, path, query:NAME"):
        key_reader(hash_key)


@pytest.mark.parametrize("query, value", [
    (b"user=ada", b"ada"),
    (b"a=1&user=ada&user=bruno", b"ada"),
    (b"user=a%20b", b"a b"),
    (b"user=a+b", b"a b"),
    (b"%75ser=ada", b"ada"),
    (b"user=a=b", b"a=b"),
    (b"user=", b""),
    (b"user", b""),
    (b"users=1&user=2", b"2"),
    (b"User=1", None),
    (b"", None),
    (b"&&&", None),
])
def test_the_first_value_of_a_parameter(query, value):
    assert query_value(query, b"user") == quick_query(query, b"user") == value


@pytest.mark.parametrize("cookies, value", [
    (b"lb=7", b"7"),
    (b"a=1; lb=7; b=2", b"7"),
    (b"a=1;lb=7;b=2", b"7"),
    (b"lb=7; lb=8", b"7"),            # RFC 6265 section 5.4: the longer path comes first
    (b" lb = 7 ; a=1", b"7"),         # blanks around the name and the value (section 5.2)
    (b'lb="7 8"', b'"7 8"'),
    (b"lb=a=b", b"a=b"),
    (b"lb=", b""),
    (b"xlb=1; lbx=2; lb=3", b"3"),
    (b"a=x lb=1", None),              # inside another one's value
    (b"LB=7", None),
    (b"lb", None),
    (b"", None),
    (b";;; lb=7", b"7"),
])
def test_the_first_cookie_of_that_name(cookies, value):
    assert cookie_value(cookies, b"lb") == quick_cookie(cookies, b"lb") == value


NAMES = st.sampled_from(["lb", "id", "theme"])


@given(st.lists(st.tuples(NAMES, st.text("abc123-_.", min_size=1)), unique_by=lambda pair: pair[0]))
def test_the_standard_library_reads_the_same_cookies(pairs):
    field = "; ".join(f"{name}={value}" for name, value in pairs)
    other = SimpleCookie(field)
    for name in ("lb", "id", "theme"):
        value = cookie_value(field.encode(), name.encode())
        assert value == (other[name].value.encode() if name in other else None)


def fields(signs):
    """What consists of the names, their parts and all that has a meaning in such a field."""
    parts = st.sampled_from([*signs, "a", "ab", "b", "aab"])
    return st.lists(parts.map(str.encode), max_size=12).map(b"".join)


ODD = st.sampled_from([
    b"a", b"b", b"ab", b"ba", b"", b"a b", b" a", b"a%62", b"a+b", b"a;b", b"a=b", b"a&b", b"="])


@settings(max_examples=1500)
@given(fields(["=", "=", ";", "; ", "; ", " ", "\t"]), ODD)
def test_the_quick_way_to_a_cookie_finds_the_same(cookies, name):
    assert quick_cookie(cookies, name) == cookie_value(cookies, name)


@settings(max_examples=1500)
@given(fields(["=", "=", "&", "&", "+", "%62", "%", "%26", "%3d", " "]), ODD)
def test_the_quick_way_to_a_parameter_finds_the_same(query, name):
    assert quick_query(query, name) == query_value(query, name)
