"""Active health checks, end to end: who is asked how, and where requests go meanwhile."""

import pytest

from tests.scenarios.support import HOST, LOOPS, OK, Origin, connect, wait_until

BROKEN = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
HEALTHY = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"db": "good"}'
QUICK = "interval: 20ms, timeout: 5s"


class Named(Origin):
    """Answers /health with what `health` is, and everything else with its name."""

    def __init__(self, name, place=(HOST, 0)):
        super().__init__(self.tell, place=place)
        self.name = name
        self.health = OK

    def tell(self, request, wire):
        if request.first.startswith(b"GET /health "):
            return self.health
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.name), self.name)


def who_answers(proxy, times=8):
    """The names of all that answered so many requests."""
    with connect(proxy) as client:
        names = set()
        for _ in range(times):
            client.get("/")
            names.add(client.response().body)
        return names


@pytest.mark.parametrize("loop", LOOPS)
def test_an_endpoint_that_is_down_gets_nothing_until_it_is_up_again(stage, tmp_path, loop):
    one = stage.enter_context(Named(b"one"))
    two = stage.enter_context(Named(b"two", str(tmp_path / "two.sock")))
    two.health = BROKEN
    proxy = stage.before(one, two, loop=loop, pool=f"health_check: {{path: /health, {QUICK}}}")
    assert proxy.wait_said(f"web {two.address} down: the first probe failed: HTTP 503 in ")
    assert who_answers(proxy) == {b"one"}
    two.health = OK
    proxy.wait_said(f"web {two.address} up: 2 of 2 probes succeeded, last: HTTP 200 in ")
    wait_until(lambda: who_answers(proxy) == {b"one", b"two"})
    one.health = BROKEN
    proxy.wait_said(f"web {one.address} down: 3 of 3 probes failed, last: HTTP 503 in ")
    wait_until(lambda: who_answers(proxy) == {b"two"})


def secured(request, wire):
    """What Django does with ALLOWED_HOSTS and SECURE_SSL_REDIRECT."""
    if request.get(b"host") != b"www.example.com":
        return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    if request.get(b"x-forwarded-proto") != b"https":
        return b"HTTP/1.1 301 Moved\r\nLocation: https://www.example.com/\r\nContent-Length: 0\r\n\r\n"
    return HEALTHY


@pytest.mark.parametrize("check, why", [
    ("{status: 200}", "HTTP 400 in "),
    ("{status: 200, host: www.example.com, proto: http}", "HTTP 301 in "),
    ("{status: 200, host: www.example.com, body: bad}", r"HTTP 200 in \d+ ms, but its body lacks 'bad'"),
    ("{type: tcp, tls: true, timeout: 100ms}", "no "),
])
def test_why_an_endpoint_is_down(stage, check, why):
    endpoint = stage.origin(secured)
    proxy = stage.before(endpoint, pool=f"health_check: {check}")
    proxy.wait_said(f"web {endpoint.address} down: the first probe failed: {why}")


@pytest.mark.parametrize("check", [
    "{status: 200, host: www.example.com}",
    "{status: '400-499'}",
    "{host: www.example.com, body: '~db.*good'}",
    "{type: tcp}",
])
def test_an_endpoint_that_is_up_is_not_worth_a_line(stage, check):
    endpoint = stage.origin(secured)
    proxy = stage.before(endpoint, pool=f"health_check: {check}")
    assert who_answers(proxy, 1) == {b""}  # its 400: the client's Host is another
    assert not proxy.said(" (warning|error) ")


def test_a_probe_is_known_by_nothing_of_ours(stage):
    endpoint = stage.origin(OK)
    stage.before(endpoint, pool="health_check: {host: www.example.com, headers: {X-Probe: 'yes'}}")
    request = endpoint.requests[0]
    assert request.first == b"GET / HTTP/1.1"
    assert sorted((name.lower(), value) for name, value in request.fields) == [
        (b"accept", b"*/*"), (b"connection", b"close"), (b"host", b"www.example.com"),
        (b"user-agent", b"health-check"), (b"x-forwarded-proto", b"https"), (b"x-probe", b"yes")]
