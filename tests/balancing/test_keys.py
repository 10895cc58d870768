from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing.keys import cookie_value, key_reader, query_value
from tests.balancing.fakes import FakeExchange, FakeTarget

EXCHANGE = FakeExchange(
    "192.0.2.7", {b"x-user": b"ada", b"cookie": b"theme=dark; lb=7"}, FakeTarget(b"/a/b", b"q=1&user=bruno"))


@pytest.mark.parametrize("hash_key, key", [
    ("client", b"192.0.2.7"), ("path", b"/a/b"), ("query:user", b"bruno"), ("header:X-User", b"ada"),
    ("cookie:lb", b"7"), ("query:page", None), ("header:Accept", None), ("cookie:id", None)])
def test_each_kind_of_key(hash_key, key):
    assert key_reader(hash_key)(EXCHANGE) == key


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
    assert query_value(query, b"user") == value


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
    assert cookie_value(cookies, b"lb") == value


NAMES = st.sampled_from(["lb", "id", "theme"])


@given(st.lists(st.tuples(NAMES, st.text("abc123-_.", min_size=1)), unique_by=lambda pair: pair[0]))
def test_the_standard_library_reads_the_same_cookies(pairs):
    field = "; ".join(f"{name}={value}" for name, value in pairs)
    other = SimpleCookie(field)
    for name in ("lb", "id", "theme"):
        value = cookie_value(field.encode(), name.encode())
        assert value == (other[name].value.encode() if name in other else None)
