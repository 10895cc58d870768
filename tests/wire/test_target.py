import pytest

from proxy.errors import RequestError
from proxy.wire.target import parse_target, readings, valid_authority


def refusal(method, raw):
    with pytest.raises(RequestError) as refused:
        parse_target(method, raw)
    return refused.value.status


@pytest.mark.parametrize(
    "raw, path, query",
    [
        (b"/", b"/", b""),
        (b"/a/b.css", b"/a/b.css", b""),
        (b"/a?b=c&d", b"/a", b"b=c&d"),
        (b"/a?b?c", b"/a", b"b?c"),
        (b"/?/../%2", b"/", b"/../%2"),
        (b"/%41%c3%A9", b"/A\xc3\xa9", b""),
        (b"/a+b;c=d,e!$&'()*:@", b"/a+b;c=d,e!$&'()*:@", b""),
        (b"/\"<>^`{|}", b"/\"<>^`{|}", b""),  # browsers send these as they are
        (b"/%0d%0aX:%20y", b"/\r\nX: y", b""),  # decoded for matching only; forwarded as sent
    ],
)
def test_origin_form_is_forwarded_as_sent(raw, path, query):
    target = parse_target(b"GET", raw)
    assert (target.path_query, target.path, target.query, target.authority) == (raw, path, query, None)


def test_an_empty_query_keeps_its_mark():
    assert parse_target(b"GET", b"/a?").path_query == b"/a?"


@pytest.mark.parametrize(
    "raw, authority, path_query",
    [
        (b"http://a", b"a", b"/"),
        (b"http://a.example:8080/b?c", b"a.example:8080", b"/b?c"),
        (b"HTTPS://[::1]:443/x", b"[::1]:443", b"/x"),
        (b"http://a?b", b"a", b"/?b"),
        (b"http://a/b?", b"a", b"/b?"),
        (b"http://a?", b"a", b"/?"),
    ],
)
def test_absolute_form_is_forwarded_in_origin_form(raw, authority, path_query):
    target = parse_target(b"GET", raw)
    assert (target.authority, target.path_query, target.raw) == (authority, path_query, raw)


def test_asterisk_form_is_for_options_alone():
    target = parse_target(b"OPTIONS", b"*")
    assert (target.path_query, target.path) == (b"*", b"*")
    assert refusal(b"GET", b"*") == 400


def test_options_of_a_whole_server_in_absolute_form_becomes_an_asterisk():
    assert parse_target(b"OPTIONS", b"http://a.example").path_query == b"*"
    assert parse_target(b"OPTIONS", b"http://a.example/").path_query == b"/"


def test_authority_form_is_for_connect_and_needs_a_port():
    target = parse_target(b"CONNECT", b"a.example:443")
    assert (target.authority, target.path_query) == (b"a.example:443", b"a.example:443")
    assert parse_target(b"CONNECT", b"[::1]:443").authority == b"[::1]:443"
    for raw in (b"a.example", b"a.example:", b"[::1]", b"/", b"http://a:1/", b"a:65536", b"u@a:1", b":80"):
        assert refusal(b"CONNECT", raw) == 400
    assert refusal(b"GET", b"a.example:443") == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"a", b"?", b"a/b", b"http:/a", b"http://", b"http:///a", b"http://u@a/", b"http://u:p@a/",
        b"http://a:65536/",
        b"http://a:x/", b"http://a b/", b"http://[::1/", b"http://[::g]/", b"ftp://a/", b"a//b", b"**",
        b"mailto:a",
    ],
)
def test_what_has_none_of_the_four_forms_is_refused(raw):
    assert refusal(b"GET", raw) == 400


@pytest.mark.parametrize("octet", [*range(0x21), 0x23, *range(0x7F, 0x100)])
def test_controls_spaces_fragments_and_high_octets_are_refused_anywhere(octet):
    for raw in (b"/%c", b"/a%cb", b"/a?b%c", b"%c/a", b"http://a%c/", b"http://a/%c"):
        assert refusal(b"GET", raw % octet) == 400


@pytest.mark.parametrize("path", [b"/%", b"/%4", b"/%zz", b"/%4g", b"/%%41", b"/a%", b"/%u0041", b"/%00",
    b"/a%00b", b"http://a/%00"])
def test_malformed_escapes_and_nul_in_the_path_are_refused(path):
    assert refusal(b"GET", path) == 400


def test_an_escape_in_the_query_is_the_applications_business():
    assert parse_target(b"GET", b"/?%zz%00%").query == b"%zz%00%"


@pytest.mark.parametrize(
    "path, normal",
    [
        (b"/a/b", b"/a/b"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/a/..", b"/"),
        (b"/a/b/.", b"/a/b/"),
        (b"/..", b"/"),
        (b"/../../a", b"/a"),
        (b"//a///b", b"/a/b"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%2fb", b"/a/b"),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/...", b"/..."),
        (b"/a/..b/c..", b"/a/..b/c.."),
        (b"/a//../b", b"/a/b"),
    ],
)
def test_the_path_for_matching_is_normal(path, normal):
    assert readings(path)[0] == normal


@pytest.mark.parametrize("path", [b"/", b"/a/b", b"/%41", b"/.well-known", b"/a.b/c..d", b"/%20"])
def test_a_path_with_one_reading_is_not_ambiguous(path):
    assert readings(path)[1] == ()


@pytest.mark.parametrize(
    "path, another",
    [
        (b"/static/../admin", b"/static/../admin"),  # a reader that resolves nothing
        (b"//admin", b"//admin"),  # one that keeps slashes
        (b"/static/%2e%2e/admin", b"/static/../admin"),
        (b"/static%2f..%2fadmin", b"/static%2f..%2fadmin"),  # one that does not decode slashes
        (b"/static%2F../admin", b"/admin"),
        (b"/static\\..\\admin", b"/admin"),  # one that takes backslashes for slashes
        (b"/static/..%5cadmin", b"/admin"),
        (b"/a//../b", b"/b"),  # one that merges slashes before it resolves
    ],
)
def test_other_readings_of_a_path_are_kept(path, another):
    normal, others = readings(path)
    assert another in {normal, *others}
    assert normal not in others


def test_an_ambiguous_target_is_still_forwarded_as_sent():
    target = parse_target(b"GET", b"/a/..//b%2Fc")
    assert target.path_query == b"/a/..//b%2Fc"
    assert target.ambiguous


@pytest.mark.parametrize(
    "authority",
    [b"a", b"a.example", b"A.Example:80", b"a_b.example", b"192.0.2.1", b"192.0.2.1:65535", b"[::1]",
        b"[::1]:0", b"[2001:db8::1]:8080",
     b"[::ffff:192.0.2.1]", b"a:", b"xn--bcher-kva.example", b"a~b", b"a%41", b"a;b=c&d"],
)
def test_hosts_with_or_without_a_port_are_authorities(authority):
    assert valid_authority(authority)


@pytest.mark.parametrize(
    "authority",
    [b"", b":80", b"a b", b" a", b"a ", b"a/b", b"a?b", b"a#b", b"a@b", b"u:p@a", b"a,b", b"a\\b", b"a%4",
        b"a%zz", b"a<b", b'a"b', b"a'b",
     b"a:b", b"a:65536", b"a:123456", b"a:-1", b"a:+1", b"a:8\xb2", b"a:1:2", b"::1", b"[::1", b"::1]", b"[]",
     b"[a]", b"[1.2.3.4]",
     b"[::g]", b"[:::1]", b"[fe80::1%25eth0]", b"[::1]a", b"a[::1]", b"\xe4.example", b"a\n", b"a\0", b"a(b)",
     b"a^b", b"a|b"],
)
def test_anything_else_is_no_authority(authority):
    assert not valid_authority(authority)
