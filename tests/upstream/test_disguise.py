import pytest

from proxy.upstream.disguise import Disguise
from tests.upstream.test_answer import fields_of, head_of

POOL = [("127.0.0.1", 8001), ("127.0.0.1", 8002), ("10.0.0.5", 9000), ("app.internal", 80), ("web", 8000),
    ("2001:db8::1", 8003), ("/run/web.sock", None)]


def seen_by_client(line, host=b"www.example.com", scheme=b"https", pool=POOL):
    """The field as a client gets it who asked for `host`; None when it is gone."""
    disguise = Disguise(pool)
    head = head_of(line, disguise=disguise)
    if not head.names_endpoint:
        assert disguise.rewrite(head, scheme, host).lines == head.lines, "an address that was not seen"
        return line
    fields = fields_of(disguise.rewrite(head, scheme, host))
    return fields[0] if fields else None


@pytest.mark.parametrize(
    "value, seen",
    [
        (b"http://127.0.0.1:8001/a?b#c", b"https://www.example.com/a?b#c"),
        (b"https://127.0.0.1:8001/", b"https://www.example.com/"),
        (b"HTTP://127.0.0.1:8002", b"https://www.example.com"),
        (b"http://localhost:8001/", b"https://www.example.com/"),
        (b"http://LOCALHOST:8001/", b"https://www.example.com/"),
        (b"http://[::1]:8001/", b"https://www.example.com/"),
        (b"http://0.0.0.0:8001/", b"https://www.example.com/"),
        (b"http://10.0.0.5:9000/", b"https://www.example.com/"),
        (b"http://[2001:DB8::1]:8003/", b"https://www.example.com/"),
        (b"//127.0.0.1:8001/a", b"//www.example.com/a"),
        (b"ws://127.0.0.1:8001/a", b"ws://www.example.com/a"),
        (b"127.0.0.1:8001", b"www.example.com"),
        (b"127.0.0.1:8001.", b"www.example.com."),
        (b"by 127.0.0.1:8001, 127.0.0.1:8002", b"by www.example.com, www.example.com"),
        (b"http://u@127.0.0.1:8001/", b"http://u@www.example.com/"),
        (b"/login?next=http://localhost:8001/a", b"/login?next=https://www.example.com/a"),
        (b"http://app.internal/a", b"https://www.example.com/a"),  # port 80 goes without saying
        (b"http://app.internal:80/a", b"https://www.example.com/a"),
        (b"http://App.Internal", b"https://www.example.com"),
        # An address, or a name behind two slashes, needs no port to give it away.
        (b"http://10.0.0.5/", b"https://www.example.com/"),
        (b"10.0.0.5", b"www.example.com"),
        (b"on 10.0.0.5, 10.0.0.5", b"on www.example.com, www.example.com"),
        (b"http://[2001:db8::1]/", b"https://www.example.com/"),
        (b"http://web/a", b"https://www.example.com/a"),
        (b"//WEB", b"//www.example.com"),
        # As a parameter of another address.
        (b"/in?next=http%3A%2F%2Flocalhost%3A8001%2Fa", b"/in?next=https%3A%2F%2Fwww.example.com%2Fa"),
        (b"/in?next=http%3a%2f%2f10.0.0.5%2fa", b"/in?next=https%3A%2F%2Fwww.example.com%2fa"),
        (b"/in?next=http%253A%252F%252F10.0.0.5%253A9000%252F",
         b"/in?next=https%253A%252F%252Fwww.example.com%252F"),
        (b"/in?h%3D10.0.0.5%3A9000", b"/in?h%3Dwww.example.com"),
        (b"/in?next=http%3A%2F%2F%5B2001%3Adb8%3A%3A1%5D%3A8003", b"/in?next=https%3A%2F%2Fwww.example.com"),
        (b"/in?next=%2F%2Fweb%2F", b"/in?next=%2F%2Fwww.example.com%2F"),
    ],
)
def test_an_endpoints_address_becomes_what_the_client_asked_for(value, seen):
    for name in (b"Location", b"Content-Location", b"Link", b"X-Anything"):
        assert seen_by_client(name + b": " + value) == name + b": " + seen


@pytest.mark.parametrize(
    "value",
    [
        b"/a", b"https://www.example.com/", b"http://127.0.0.1:80010/", b"http://127.0.0.1:800/",
        b"http://127.0.0.1/", b"http://127.0.0.1:9000/", b"http%3A%2F%2F127.0.0.1%3A9000%2F",
        b"web", b"web/1.0", b"http://webs/", b"http://web.example/", b"/web/", b"http://web:8080/",
        b"10.0.0.51", b"110.0.0.5",
        b"http://127.0.0.11:8001/", b"http://1127.0.0.1:8001/", b"http://1.127.0.0.1:8001/",
        b"http://my-localhost:8001/", b"http://x.localhost:8001/",
        b"http://10.0.0.5:8001/", b"http://10.0.0.50:9000/", b"http://app.internal:8080/",
        b"http://app.internal.example/", b"http://app.internal-x/",
        b"http://www.app.internal/", b"http://app.internals/", b"http://[2001:db8::1]:80030/",
        b"http://[2001:db8::2]:8003/", b"localhost", b"/run/web",
    ],
)
def test_addresses_that_only_look_alike_are_left_alone(value):
    assert seen_by_client(b"Location: " + value) == b"Location: " + value


@pytest.mark.parametrize(
    "cookie, seen",
    [
        (b"a=b; Domain=127.0.0.1; Path=/", b"a=b; Path=/"),
        (b"a=b; Path=/; domain=localhost", b"a=b; Path=/"),
        (b"a=b;DOMAIN=.localhost ;Secure", b"a=b ;Secure"),
        (b"a=b; Domain=10.0.0.5", b"a=b"),
        (b"a=b; Domain=app.internal; Secure", b"a=b; Secure"),  # not a host with our port
        (b"a=b; Domain=example.com", b"a=b; Domain=example.com"),
        (b"a=b; Domain=my.app.internal", b"a=b; Domain=my.app.internal"),
        (b"a=b; Domain=localhost.example", b"a=b; Domain=localhost.example"),
        (b"domain=localhost", b"domain=localhost"),  # a cookie of that name
    ],
)
def test_a_cookie_is_for_the_host_that_the_client_asked_for(cookie, seen):
    assert seen_by_client(b"Set-Cookie: " + cookie, host=b"www.example.com:8080") == b"Set-Cookie: " + seen


def test_refresh_and_link_are_rewritten_inside_their_values():
    assert seen_by_client(b"Refresh: 5; url=http://127.0.0.1:8001/a") == b"Refresh: 5; url=https://www.example.com/a"
    link = b'Link: <%b/a>; rel="next", </b>'
    assert seen_by_client(link % b"http://localhost:8002") == link % b"https://www.example.com"


def test_a_field_with_a_sockets_path_is_taken_out():
    assert seen_by_client(b"X-Upstream: unix:/run/web.sock:/a") is None
    assert seen_by_client(b"X-Upstream: unix:/run/other.sock") == b"X-Upstream: unix:/run/other.sock"


def test_only_the_field_with_a_sockets_path_is_taken_out():
    disguise = Disguise(POOL)
    head = head_of(b"A: b", b"X-From: /run/web.sock", b"C: d", b"Content-Length: 3", disguise=disguise)
    assert fields_of(disguise.rewrite(head, b"http", b"a")) == [b"A: b", b"C: d", b"Content-Length: 3"]


def test_a_reason_phrase_names_no_endpoint_and_the_status_line_stays():
    disguise = Disguise(POOL)
    for reason, ours in ((b"/run/web.sock", b"Bad Gateway"), (b"127.0.0.1:8001", b"a.example")):
        head = head_of(b"A: b", status=b"HTTP/1.1 502 " + reason, disguise=disguise)
        rewritten = disguise.rewrite(head, b"http", b"a.example")
        assert rewritten.lines == b"HTTP/1.1 502 " + ours + b"\r\nA: b\r\n"


def test_a_rewritten_head_keeps_status_length_and_date():
    disguise = Disguise(POOL)
    lines = [b"Date: now", b"Content-Length: 3", b"Location: http://127.0.0.1:8001/"]
    head = head_of(*lines, status=b"HTTP/1.1 302 Found", disguise=disguise)
    rewritten = disguise.rewrite(head, b"http", b"a.example:81")
    assert (rewritten.status, rewritten.length, rewritten.dated) == (302, 3, True)
    assert rewritten.ready() == (
        b"HTTP/1.1 302 Found\r\nDate: now\r\nLocation: http://a.example:81/\r\nContent-Length: 3\r\n\r\n")
    assert b"127.0.0.1:8001" in head.lines  # shared by other exchanges: never changed


@pytest.mark.parametrize("local", ["localhost", "::1", "0.0.0.0", "127.0.0.1", "127.0.0.2"])
def test_this_machine_has_many_names(local):
    for name in (b"localhost", b"127.0.0.1", b"[::1]", b"0.0.0.0"):
        line = b"Location: http://" + name + b":8001/"
        assert seen_by_client(line, pool=[(local, 8001)]) == b"Location: https://www.example.com/"


def test_a_pool_of_many_endpoints_is_disguised_too():
    pool = [(f"10.0.{number}.1", 8000 + number) for number in range(40)]
    one, none = b"Location: http://10.0.39.1:8039/", b"Location: http://10.0.39.1:8038/"
    assert seen_by_client(one, pool=pool) == b"Location: https://www.example.com/"
    assert seen_by_client(none, pool=pool) == none


def test_what_was_encoded_stays_encoded_with_the_port_that_the_client_asked_for():
    line = b"Location: /in?next=http%3A%2F%2F10.0.0.5%3A9000%2Fa"
    assert seen_by_client(line, host=b"[::1]:8080", scheme=b"http") == (
        b"Location: /in?next=http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2Fa")


@pytest.mark.parametrize("line", [
    b"Location: https://shop.example/", b"Set-Cookie: a=b; Domain=shop.example",
    b"Location: //shop.example/"])
def test_a_name_that_the_site_is_asked_for_is_its_own(line):
    """An application may send its visitors from www.shop.example to shop.example, wherever it lives."""
    hidden, shown = Disguise([("shop.example", 8000)]), Disguise([("Shop.example", 8000)], {"shop.example"})
    assert hidden.sees(b"HTTP/1.1 302 Found\r\n" + line + b"\r\n")
    assert not shown.sees(b"HTTP/1.1 302 Found\r\n" + line + b"\r\n")
    assert shown.sees(b"HTTP/1.1 302 Found\r\nLocation: http://shop.example:8000/\r\n")


def test_what_another_one_has_learned_is_taken_over():
    """So a reload makes no patterns while clients wait."""
    old = Disguise([("10.0.0.1", 80)])
    prepared = Disguise([("10.0.0.1", 80), ("10.0.0.2", 80)], {"a.example"})
    old.become(prepared)
    assert old.sees(b"X: 10.0.0.2:80\r\n")
    patterns = old._patterns
    old.learn([("10.0.0.2", 80)])
    assert old._patterns is patterns  # one that has just gone stays hidden
    old.learn([("10.0.0.3", 80)])
    assert old.sees(b"X: 10.0.0.3:80\r\n")
    assert not old.sees(b"X: 10.0.0.1:80\r\n")
