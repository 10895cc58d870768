"""What a client may see: never where an endpoint is or what runs there, in no header and on no error page."""

import re

import pytest

from tests.scenarios.support import ask, connect, free_port

SECRETS = ("Server", "X-Powered-By", "Via")
YAML = """
timeouts: {{request_head: 1s, request_body: 1s, connect: 1s, response_head: 1s}}
limits: {{request_head: 4KiB, headers: 20, request_body: 1000}}
pools:
  secretpool: {{endpoints: ["{0}"]}}
  played: {{endpoints: ["{1}"]}}
  nobody: {{endpoints: ["127.0.0.1:{2}"]}}
  socket: {{endpoints: ["unix:{3}"]}}
routes:
  - match: {{path: /nobody/*}}
    reverse_proxy: nobody
  - match: {{path: /socket/*}}
    reverse_proxy: socket
  - match: {{path: /played/*}}
    reverse_proxy: played
  - match: {{path: ["/telltale", "/moved", "/fail", "/status/*", "/who"]}}
    reverse_proxy: secretpool
"""


class Play:
    """What the played endpoint answers next, as a head without its last line end."""

    def __init__(self):
        self.head = b""

    def __call__(self, request, wire):
        if request.target == b"/played/silent":
            wire.rest()
            return None
        if request.target == b"/played/garbage":
            wire.send(b"what?\r\n\r\n")
            return None
        return b"HTTP/1.1 200 OK\r\n" + self.head + b"Content-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def play():
    return Play()


@pytest.fixture(scope="module")
def application(shared):
    return shared.gunicorn()


@pytest.fixture(scope="module")
def origin(shared, play):
    return shared.origin(play)


@pytest.fixture(scope="module")
def proxy(shared, application, origin):
    path = shared.folder / "nobody.sock"
    return shared.proxy(YAML.format(application.address, origin.address, free_port(), path))


def show(proxy, play, origin, *fields):
    """An answer with these fields, after the proxy; `@` is the endpoint's address."""
    play.head = "".join(field.replace("@", origin.address) + "\r\n" for field in fields).encode()
    return ask(proxy, "/played/x")


def test_nothing_of_the_application_shows(proxy, application):
    answer = ask(proxy, "/telltale")
    assert answer.get(b"location") == b"http://a.example/there"
    assert answer.get(b"content-location") == b"//a.example/here"
    assert answer.get(b"refresh") == b"5; url=http://a.example/later"
    assert not [name for name in SECRETS if answer.get(name.encode())]
    assert application.address.encode() not in answer.raw
    assert b"127.0.0.1" not in answer.raw
    assert b"gunicorn" not in answer.raw.lower()


def test_cookies_lose_a_domain_that_names_the_endpoint(proxy):
    first, second = ask(proxy, "/telltale").all(b"set-cookie")
    assert first == b"id=1; Path=/"
    assert second.startswith(b"back=")
    assert b"a.example/x" in second


@pytest.mark.parametrize("field, seen", [
    ("Location: http://@", "http://a.example"),
    ("Location: http://@/", "http://a.example/"),
    ("Location: http://@/a?b=c#d", "http://a.example/a?b=c#d"),
    ("Location: //@/a", "//a.example/a"),
    ("Location: http://LOCALHOST:%/a", "http://a.example/a"),
    ("Location: /a", "/a"),
    ("Location: http://other.example/@", "http://other.example/a.example"),
    ("Location: http://127.0.0.1:1/a", "http://127.0.0.1:1/a"),
    ("Refresh: 0;url=http://@/a", "0;url=http://a.example/a"),
    ("Refresh: 5", "5"),
    ("Link: <http://@/style.css>; rel=preload", "<http://a.example/style.css>; rel=preload"),
    ("Set-Cookie: a=b; Domain=127.0.0.1; Path=/", "a=b; Path=/"),
    ("Set-Cookie: a=b; domain=localhost", "a=b"),
    ("Set-Cookie: a=b; Domain=shop.example; Path=/", "a=b; Domain=shop.example; Path=/"),
])
def test_addresses_in_fields(proxy, play, origin, field, seen):
    answer = show(proxy, play, origin, field.replace("%", str(origin.port)))
    assert answer.get(field.partition(":")[0].encode()) == seen.encode()


def test_the_address_is_the_one_that_the_client_asked_for(proxy, play, origin):
    play.head = f"Location: http://{origin.address}/\r\n".encode()
    with connect(proxy) as client:
        for host in ("one.example", "two.example:8080", "[::1]:99"):
            client.send(f"GET /played/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert client.response().get(b"location") == f"http://{host}/".encode()


def test_the_path_of_a_socket_does_not_show(shared):
    path = str(shared.folder / "app.sock")
    head = f"HTTP/1.1 200 OK\r\nX-Where: unix:{path}\r\nX-Stays: 1\r\nContent-Length: 0\r\n\r\n"
    answer = ask(shared.before(shared.origin(head.encode(), place=path)))
    assert (answer.get(b"x-where"), answer.get(b"x-stays")) == (None, b"1")


def test_hop_by_hop_fields_end_here(proxy, play, origin):
    answer = show(
        *(proxy, play, origin, "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "X-Hop: 1"),
        *("X-Stays: 2", "Proxy-Authenticate: Basic", "X-Accel-Redirect: /private", "X-Sendfile: /etc/passwd"),
    )
    assert [name.lower() for name, _ in answer.fields] == [b"x-stays", b"content-length", b"date"]


def test_the_date_is_added_where_it_is_missing_and_kept_where_not(proxy, play, origin):
    assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", show(proxy, play, origin).get(b"date"))
    stamp = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert show(proxy, play, origin, f"Date: {stamp}").get(b"date") == stamp.encode()


@pytest.mark.parametrize("status", [204, 304, 404, 418, 500, 503])
def test_what_the_application_answers_itself_goes_through(proxy, status):
    answer = ask(proxy, f"/status/{status}")
    assert answer.status == status
    assert answer.body == (b"" if status in (204, 304) else b"status %d\n" % status)


# Every error page of our own.

HEAD = "GET /who HTTP/1.1\r\nHost: a.example\r\n"
POST = "POST /who HTTP/1.1\r\nHost: a.example\r\n"
PAGES = {
    "bad request line": (400, "GET\r\n\r\n"),
    "no host": (400, "GET / HTTP/1.1\r\n\r\n"),
    "two lengths": (400, POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "bad chunk": (400, POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "no route": (404, "GET /nothing HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "trace": (501, "TRACE /who HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "slow head": (408, HEAD),
    "slow body": (408, POST + "Content-Length: 10\r\n\r\nabc"),
    "length over the limit": (413, POST + "Content-Length: 1001\r\n\r\n"),
    "chunks over the limit": (413, POST + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + "x" * 1001 + "\r\n"),
    "long target": (414, f"GET /{'x' * 5000} HTTP/1.1\r\n"),
    "unknown expectation": (417, HEAD + "Expect: a-miracle\r\n\r\n"),
    "long head": (431, HEAD + f"X: {'x' * 5000}\r\n\r\n"),
    "many fields": (431, HEAD + "X: x\r\n" * 21 + "\r\n"),
    "unknown coding": (501, POST + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "connect": (501, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "nobody listens": (502, "GET /nobody/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "no such socket": (502, "GET /socket/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "endpoint does not speak http": (502, "GET /played/garbage HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "endpoint is silent": (504, "GET /played/silent HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "other version": (505, "GET / HTTP/2.0\r\n\r\n"),
}


@pytest.mark.parametrize("name", PAGES)
def test_error_pages_say_what_happened_and_nothing_about_the_inside(proxy, name):
    status, request = PAGES[name]
    with connect(proxy) as client:
        client.send(request.encode())
        answer = client.response()
    assert answer.status == status
    assert re.fullmatch(rb"%d [\w' -]+\n" % status, answer.body)
    assert answer.body.strip() == answer.first.removeprefix(b"HTTP/1.1 ")
    assert answer.get(b"content-type") == b"text/plain; charset=utf-8"
    allowed = {b"content-type", b"content-length", b"date", b"connection", b"allow"}
    assert {field.lower() for field, _ in answer.fields} <= allowed


def test_the_log_knows_what_the_client_may_not(proxy, origin):
    ask(proxy, "/played/garbage")
    assert proxy.wait_said(f"played {re.escape(origin.address)} failed")
