import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.wire import accept
from proxy.wire.accept import CODINGS, accepts
from proxy.wire.headers import HeaderBlock, split_fields

BROWSER = b"gzip, deflate, br, zstd"


@pytest.mark.parametrize("value, codings, identity", [
    (None, (), True),
    (b"", (), True),
    (b"gzip", (b"gzip",), True),
    (b"x-gzip", (b"gzip",), True),
    (b"GZip, BR", (b"br", b"gzip"), True),
    (BROWSER, (b"br", b"zstd", b"gzip"), True),
    (b"gzip;q=1.0, br;q=0.5", (b"gzip", b"br"), True),
    (b"gzip ; q=0.9,\tbr\t;\tQ=0.95", (b"br", b"gzip"), True),
    (b"*", (b"br", b"zstd", b"gzip"), True),
    (b"*;q=0.5, gzip", (b"gzip", b"br", b"zstd"), True),
    (b"br;q=0, *", (b"zstd", b"gzip"), True),
    (b"gzip;q=0", (), True),
    (b"gzip;q=0.000", (), True),
    (b"gzip;q=0.001", (b"gzip",), True),
    (b"identity", (), True),
    (b"identity;q=0", (), False),
    (b"*;q=0", (), False),
    (b"*;q=0, gzip", (b"gzip",), False),
    (b"*;q=0, identity", (), True),
    (b"*;q=0, identity;q=0.5", (), True),
    (b"gzip, gzip;q=0", (), True),
    (b"deflate, compress, exi", (), True),
    (b", ,gzip,,", (b"gzip",), True),
])
def test_what_a_client_takes(value, codings, identity):
    assert accepts(value).codings == codings
    assert accepts(value).identity is identity


@pytest.mark.parametrize("malformed", [
    b"gzip;q=2", b"gzip;q=1.001", b"gzip;q=0.1234", b"gzip;q=-1", b"gzip;q=", b"gzip;q", b"gzip;",
    b"gzip;level=1", b"gz ip", b"gzip;q=0.5;q=1", b'"gzip"', b"gzip=1", b"\xff", b"gzip; q =1"])
def test_malformed_members_are_ignored_alone(malformed):
    assert accepts(malformed).codings == ()
    assert accepts(malformed + b", br").codings == (b"br",)


@pytest.mark.parametrize("value, available, best", [
    (BROWSER, CODINGS, b"br"),
    (BROWSER, (b"gzip",), b"gzip"),
    (BROWSER, (b"gzip", b"zstd"), b"zstd"),
    (BROWSER, (), None),
    (None, CODINGS, None),
    (b"gzip;q=0.5, br;q=0.4", CODINGS, b"gzip"),
    (b"identity, gzip;q=0.5", CODINGS, None),
    (b"identity, gzip", CODINGS, b"gzip"),
    (b"identity;q=0.5, br;q=0.4, gzip;q=0.6", CODINGS, b"gzip"),
    (b"identity;q=0.5, br;q=0.4, gzip;q=0.6", (b"br",), None),
    (b"identity;q=0, br;q=0.1", (b"br",), b"br"),
    (b"identity;q=0", CODINGS, None),
])
def test_the_best_of_what_is_there(value, available, best):
    assert accepts(value).best(available) == best


def test_one_meaning_is_one_object():
    assert accepts(BROWSER) is accepts(bytes(bytearray(BROWSER)))
    assert accepts(BROWSER) is accepts(b"br,zstd,gzip") is accepts(b"*")
    assert accepts(None) is accepts(b"") is accepts(b"deflate")
    assert accepts(b"gzip") is not accepts(b"gzip, *;q=0")


def test_memory_is_bounded_and_a_meaning_outlives_it(monkeypatch):
    monkeypatch.setattr(accept, "MOST", 4)
    monkeypatch.setattr(accept, "_known", {})
    before = accepts(b"gzip")
    for number in range(20):
        assert accepts(b"gzip, x-%d" % number) is before
    accepts(b"gzip, " + b"x" * accept.LONGEST)
    assert len(accept._known) <= 4
    assert accepts(b"gzip") is before


def test_meanings_are_few():
    weights = (b"", b";q=0", b";q=0.1", b";q=0.5")
    for br in weights:
        for gzip in weights:
            for identity in weights:
                accepts(b"br%b, gzip%b, identity%b" % (br, gzip, identity))
    assert len(accept._meanings) < 120


def test_a_block_knows_what_its_client_takes():
    def block(raw):
        return HeaderBlock(split_fields(raw + b"\r\n", 100))

    assert block(b"Accept-Encoding: " + BROWSER + b"\r\n").accepts is accepts(BROWSER)
    assert block(b"Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n").accepts is accepts(b"gzip, br")
    assert block(b"").accepts is accepts(None)


def plain_reading(value):
    """RFC 9110 section 12.5.3 once more, by other means."""
    weights = {}
    for member in value.decode("latin-1").split(","):
        coding, semicolon, rest = member.strip(" \t").partition(";")
        name, equals, number = rest.strip(" \t").partition("=")
        well = not semicolon or (
            name in ("q", "Q") and equals and len(number) <= 5 and re.fullmatch(r"[01](\.\d*)?", number)
            and float(number) <= 1)
        coding = coding.rstrip(" \t") if semicolon else coding
        if well and re.fullmatch(r"[a-z*-]+", coding):
            coding = {"x-gzip": "gzip"}.get(coding, coding)
            weights.setdefault(coding, []).append(float(number or 1))
    least = {coding: min(found) for coding, found in weights.items()}
    star = least.get("*", 0)
    ours = [(-least.get(coding.decode(), star), place, coding) for place, coding in enumerate(CODINGS)]
    identity = least.get("identity", least.get("*", 1)) > 0
    return tuple(coding for weight, _, coding in sorted(ours) if weight), identity


members = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([b"br", b"zstd", b"gzip", b"x-gzip", b"identity", b"*", b"deflate", b"", b"bro"]),
    st.sampled_from([b"", b";q=0", b"; q=0.5", b" ;q=1", b";q=0.25", b";Q=0.9", b";q=1.5", b";p=1"]))


@given(st.lists(members, max_size=6).map(b", ".join))
@example(b"*;q=0, *")
def test_read_as_the_rfc_says(value):
    codings, identity = plain_reading(value)
    meaning = accepts(value)
    assert (meaning.codings, meaning.identity) == (codings, identity)


@given(st.binary(max_size=400))
def test_nothing_raises(value):
    meaning = accepts(value)
    assert set(meaning.codings) <= set(CODINGS)
    assert set(meaning.preferred) <= set(meaning.codings)
    assert meaning.best(CODINGS) in (*CODINGS, None)
