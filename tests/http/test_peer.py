import pytest

from proxy.http.peer import Peer, forwarded_chain
from proxy.wire.headers import HeaderBlock, HeaderMemo, parse_field

PROXIES = {"10.0.0.1", "10.0.0.2", "2001:db8::1"}


def block_of(*lines):
    return HeaderMemo(100).parse(b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def peer_at(address="10.0.0.1", *, port=8080, scheme="http"):
    return Peer(address, port, scheme, b"192.0.2.80:8080", PROXIES.__contains__)


def told(peer, *lines, host=b"a.example"):
    """What an application is told, by lower-case name."""
    out = peer.lines_for(block_of(*lines), host)
    assert out.endswith(b"\r\n")
    pairs = [line.split(b": ", 1) for line in out[:-2].split(b"\r\n")]
    assert len({name.lower() for name, _ in pairs}) == len(pairs), "a name is there twice"
    return {name.lower().decode(): value.decode() for name, value in pairs}


# Whom to believe.


def test_the_word_of_a_stranger_is_not_believed():
    claims = [b"X-Forwarded-For: 198.51.100.1", b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: evil.example",
              b"X-Forwarded-Port: 1", b"X-Real-IP: 198.51.100.2", b"Forwarded: for=198.51.100.3;proto=https",
              b"X-Forwarded-Prefix: /x"]
    stranger = peer_at("203.0.113.9")
    assert not stranger.trusted
    assert told(stranger, *claims) == {
        "host": "a.example", "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http",
        "x-forwarded-port": "8080",
        "x-forwarded-host": "a.example", "x-real-ip": "203.0.113.9", "via": "1.1 proxy"}
    assert stranger.client_of(block_of(*claims)) == "203.0.113.9"
    assert stranger.origin_for(block_of(*claims), b"a.example") == (b"http", b"a.example")


def test_the_word_of_a_trusted_proxy_is_believed():
    claims = [b"X-Forwarded-For: 198.51.100.1", b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: www.example.com:8443",
              b"X-Forwarded-Port: 8443"]
    assert told(peer_at(), *claims) == {
        "host": "a.example", "x-forwarded-for": "198.51.100.1, 10.0.0.1", "x-forwarded-proto": "https",
        "x-forwarded-host": "www.example.com:8443", "x-forwarded-port": "8443", "x-real-ip": "198.51.100.1",
        "via": "1.1 proxy"}
    assert peer_at().origin_for(block_of(*claims), b"a.example") == (b"https", b"www.example.com:8443")


def test_a_trusted_proxy_that_says_nothing_is_the_client():
    assert told(peer_at(scheme="https", port=443)) == {
        "host": "a.example", "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https",
        "x-forwarded-port": "443",
        "x-forwarded-host": "a.example", "x-real-ip": "10.0.0.1", "via": "1.1 proxy"}


@pytest.mark.parametrize(
    "field, client",
    [
        (b"198.51.100.1", "198.51.100.1"),
        (b"198.51.100.9, 198.51.100.1", "198.51.100.1"),  # the client wrote the first itself
        (b"198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (b"198.51.100.9, 198.51.100.1, 10.0.0.2, 10.0.0.2", "198.51.100.1"),
        (b"10.0.0.2, 2001:db8::1", "10.0.0.2"),  # all of them are ours
        (b"10.0.0.2, 198.51.100.1", "198.51.100.1"),
        (b"198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"),  # nothing left of the unreadable is vouched for
        (b"198.51.100.1, ", "10.0.0.1"),
        (b"", "10.0.0.1"),
        (b"rubbish", "10.0.0.1"),
        (b"[2001:db8::9]:4711, 10.0.0.2", "2001:db8::9"),
    ],
)
def test_the_client_is_the_last_that_no_proxy_of_ours_is(field, client):
    assert peer_at().client_of(block_of(b"X-Forwarded-For: " + field)) == client
    assert told(peer_at(), b"X-Forwarded-For: " + field)["x-real-ip"] == client


def test_lines_of_a_chain_are_one_chain():
    block = block_of(b"X-Forwarded-For: 198.51.100.9", b"X-Forwarded-For: 198.51.100.1")
    assert forwarded_chain(block) == ["198.51.100.9", "198.51.100.1"]


@pytest.mark.parametrize(
    "text, address",
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b" \t192.0.2.1\t", "192.0.2.1"),
        (b"192.0.2.1:80", "192.0.2.1"),
        (b'"192.0.2.1:80"', "192.0.2.1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"2001:DB8:0::1", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b'"[2001:db8::1]:80"', "2001:db8::1"),
        (b"fe80::1%eth0", "fe80::1"),
        (b"fe80::1%<script>alert(1)", "fe80::1"),
    ],
)
def test_an_address_has_many_spellings(text, address):
    assert forwarded_chain(block_of(b"X-Forwarded-For: " + text)) == [address]


@pytest.mark.parametrize(
    "text",
    [b"unknown", b"_hidden", b"localhost", b"192.0.2", b"192.0.2.256", b"192.0.2.01", b"0x7f.0.0.1",
        b"3221225985",
     b"1.2.3.4/24", b"[]", b":80", b"::g", b"192.0.2.\xb2", b"\xd9\xa1.2.3.4",
     b"1.2.3.4 5.6.7.8", b"<b>",
     b"%eth0"],
)
def test_what_is_no_address_cuts_the_chain(text):
    block = block_of(b"X-Forwarded-For: 198.51.100.1, " + text + b", 198.51.100.2")
    assert forwarded_chain(block) == ["198.51.100.2"]


# RFC 7239.


@pytest.mark.parametrize(
    "field, chain",
    [
        (b"for=192.0.2.1", ["192.0.2.1"]),
        (b"For=192.0.2.1;Proto=https;by=203.0.113.43", ["192.0.2.1"]),
        (b"for=192.0.2.1, for=192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
        (b'for="[2001:db8::1]:4711"', ["2001:db8::1"]),
        (b'for="192.0.2.1:80" ; proto=http', ["192.0.2.1"]),
        (b"for=_secret, for=192.0.2.2", ["192.0.2.2"]),
        (b"for=192.0.2.1, for=unknown", []),
        (b"by=192.0.2.1;host=a", []),
        (b"xfor=192.0.2.1", []),
        (b"x-for=192.0.2.1", []),
        (b'host="a;for=192.0.2.1";for=192.0.2.2', ["192.0.2.2"]),
        (b'by="x, for=192.0.2.1", for=192.0.2.2', ["192.0.2.2"]),
        (b'by="x\\", for=192.0.2.1", for=192.0.2.2', ["192.0.2.2"]),
        (b'for="192.0.2.1', []),
        (b"for", []),
        (b"for=", []),
    ],
)
def test_forwarded_names_the_chain_too(field, chain):
    assert forwarded_chain(block_of(b"Forwarded: " + field)) == chain


def test_forwarded_says_scheme_and_host():
    block = block_of(b"Forwarded: for=192.0.2.1;proto=https;host=www.example.com")
    assert peer_at().origin_for(block, b"a.example") == (b"https", b"www.example.com")
    block = block_of(b'Forwarded: host=evil.example, for=x;PROTO=HTTPS;host="www.example.com:81"')
    assert peer_at().origin_for(block, b"a.example") == (b"https", b"www.example.com:81")


def test_x_forwarded_goes_before_forwarded():
    lines = [b"X-Forwarded-For: 192.0.2.1", b"Forwarded: for=192.0.2.2;proto=https;host=b",
        b"X-Forwarded-Proto: http",
             b"X-Forwarded-Host: c"]
    assert peer_at().origin_for(block_of(*lines), b"a.example") == (b"http", b"c")


@pytest.mark.parametrize(("other", "chain"), [(b"192.0.2.1", ["192.0.2.1"]), (b"192.0.2.2", []), (b"x", [])])
def test_two_fields_that_differ_about_the_client_are_not_believed(other, chain):
    """A trusted proxy writes one of them and may pass on what a client put into the other."""
    block = block_of(b"X-Forwarded-For: 192.0.2.1", b"Forwarded: for=" + other)
    assert forwarded_chain(block) == chain
    assert peer_at().client_of(block) == (chain[0] if chain else peer_at().address)


# Scheme, host and port.


@pytest.mark.parametrize(
    "line, origin",
    [
        (b"X-Forwarded-Proto: HTTPS", (b"https", b"a.example")),
        (b"X-Forwarded-Proto: http, https", (b"https", b"a.example")),  # the last was written by our proxy
        (b"X-Forwarded-Proto: wss", (b"http", b"a.example")),
        (b"X-Forwarded-Proto: https://evil", (b"http", b"a.example")),
        (b"X-Forwarded-Proto:", (b"http", b"a.example")),
        (b"X-Forwarded-Host: evil.example, www.example.com", (b"http", b"www.example.com")),
        (b"X-Forwarded-Host: a b", (b"http", b"a.example")),
        (b"X-Forwarded-Host: a/b", (b"http", b"a.example")),
        (b"X-Forwarded-Host: u@a", (b"http", b"a.example")),
        (b"X-Forwarded-Host:", (b"http", b"a.example")),
    ],
)
def test_only_a_scheme_and_a_host_are_taken_for_such(line, origin):
    assert peer_at().origin_for(block_of(line), b"a.example") == origin


@pytest.mark.parametrize(
    "value, port", [(b"443", "443"), (b"80, 8443", "8443"), (b"x", "8080"), (b"-1", "8080"), (b"123456",
        "8080"), (b"", "8080")]
)
def test_only_a_port_is_taken_for_one(value, port):
    assert told(peer_at(), b"X-Forwarded-Port: " + value)["x-forwarded-port"] == port


def test_a_unix_socket_has_no_address():
    assert told(peer_at("unix:", port=0))["x-real-ip"] == "unix:"
    assert peer_at("unix:").client_of(block_of(b"X-Forwarded-For: 192.0.2.1")) == "unix:"


# What goes on.


def test_host_comes_first_and_the_clients_fields_as_sent():
    out = peer_at("203.0.113.9").lines_for(block_of(b"Accept: a", b"X-b: c"), b"A.example:81")
    assert out.startswith(b"Host: A.example:81\r\nAccept: a\r\nX-b: c\r\nX-Forwarded-For: ")


def test_via_is_appended_to():
    assert told(peer_at(), b"Via: 1.0 a, HTTP/2 b")["via"] == "1.0 a, HTTP/2 b, 1.1 proxy"
    assert told(peer_at(), b"Via: 1.0 a", b"via: 1.1 b")["via"] == "1.0 a, 1.1 b, 1.1 proxy"
    assert told(peer_at(), b"Via:")["via"] == "1.1 proxy"


def remembered(*lines):
    """A block that the memo has; the lines made of it are remembered too."""
    memo = HeaderMemo(100)
    raw = b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    memo.parse(raw)
    return memo.parse(raw)


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.9"])
def test_one_connection_asks_for_many_things(address):
    peer = peer_at(address)
    blocks = [remembered(b"X: 1", b"X-Forwarded-For: 192.0.2.1"), remembered(b"X: 2"), block_of(b"X: 3"),
              HeaderBlock(map(parse_field, (b"X: 4", b"X-Forwarded-Proto: https")))]
    hosts = [b"a.example", b"b.example"]
    asked = [(block, host) for block in blocks for host in hosts] * 2
    asked += [(block, host) for host in hosts for block in blocks for _ in range(2)]
    for block, host in asked:
        assert peer.lines_for(block, host) == peer_at(address).lines_for(block, host)


def test_what_was_remembered_can_be_given_back():
    peer, block = peer_at(), remembered(b"X: 1")
    before = peer.lines_for(block, b"a.example")
    assert peer.lines_for(block, b"a.example") is before
    peer.forget()
    assert peer.lines_for(block, b"a.example") == before
    assert peer.lines_for(block, b"a.example") is not before
