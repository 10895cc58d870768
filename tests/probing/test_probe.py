"""Probes against endpoints of bare sockets: what they say of each, and what each is asked."""

import asyncio
import errno
import socket
import ssl
import threading
from itertools import takewhile
from pathlib import Path

import pytest

from proxy.config.address import Address
from proxy.config.pool_schema import HealthCheck
from proxy.probing.probe import CannotProbe, make_attempt, probe

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall ok"
SELF_SIGNED = Path(__file__).parent / "self_signed.pem"  # of www.example.com, good until 2126


class Played(threading.Thread):
    """An endpoint that gives each connection the same answer, and keeps what it was asked.

    Args:
        answer: what it says to a request; None waits for the end of the connection instead.
        reads: whether it waits for a request first.
        stays: whether it waits for the other side to end the connection.
    """

    def __init__(self, answer=OK, *, path=None, tls=None, reads=True, stays=True):
        super().__init__()
        self.answer = answer
        self.tls = tls
        self.reads = reads
        self.stays = stays
        self.asked = []
        self.sock = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
        self.sock.bind(("127.0.0.1", 0) if path is None else str(path))
        self.sock.listen()
        place = self.sock.getsockname()
        self.address = Address(*place) if path is None else Address("", 0, place)

    async def __aenter__(self):
        self.start()
        return self

    async def __aexit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)  # ends `accept`
        await asyncio.to_thread(self.join)  # our loop has connections of its own to end
        self.sock.close()

    def run(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.serve(connection)
                except OSError:
                    pass

    def serve(self, connection):
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True)
        with connection, connection.makefile("rb") as file:
            if self.answer is not None:
                if self.reads:
                    self.asked.append(b"".join(takewhile(len, iter(file.readline, b"\r\n"))))
                connection.sendall(self.answer)
            if self.stays:
                file.read()

    @property
    def head(self):
        """First line and fields of the last request, names in lower case."""
        first, *lines = self.asked[-1].decode().splitlines()
        return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


async def outcome(address, **options):
    check = HealthCheck(**{"timeout": "5s", **options})
    return await probe(make_attempt(address, check), check.timeout)


async def outcome_of(answer, **options):
    async with Played(answer) as played:
        return await outcome(played.address, **options)


def status(number, *fields):
    return b"\r\n".join([b"HTTP/1.1 %d X" % number, *fields, b"Content-Length: 0", b"", b""])


async def test_an_endpoint_is_asked_as_the_site_and_learns_no_more():
    async with Played() as played:
        good, why = await outcome(played.address, path="/a%2Fb//c?x=%7e&y", host="www.example.com",
                                  headers={"Authorization": "Basic eA=="})
    assert good
    assert why.startswith("HTTP 200 in ")
    assert why.endswith(" ms")
    assert played.head == ("GET /a%2Fb//c?x=%7e&y HTTP/1.1", {
        "host": "www.example.com", "x-forwarded-proto": "https", "user-agent": "health-check",
        "authorization": "Basic eA==", "accept": "*/*", "connection": "close"})


async def test_without_a_host_it_is_asked_by_its_address():
    async with Played() as played:
        await outcome(played.address, method="HEAD", proto="http")
    first, fields = played.head
    assert first == "HEAD / HTTP/1.1"
    assert fields["host"] == str(played.address)
    assert fields["x-forwarded-proto"] == "http"


async def test_its_headers_may_be_others():
    async with Played() as played:
        await outcome(played.address, headers={"user-agent": "mine", "Accept": "text/plain"})
    _, fields = played.head
    assert (fields["user-agent"], fields["accept"]) == ("mine", "text/plain")


@pytest.mark.parametrize("number, statuses, good", [
    (200, "200-399", True), (301, "200-399", True), (400, "200-399", False), (500, "200-399", False),
    (204, "200,204,300-399", True), (201, "200,204,300-399", False), (503, "503", True),
])
async def test_the_status_decides(number, statuses, good):
    result, why = await outcome_of(status(number), status=statuses)
    assert result is good
    assert why.startswith(f"HTTP {number} in ")


async def test_no_redirect_is_followed_and_no_cookie_kept():
    async with Played(status(302, b"Location: /elsewhere", b"Set-Cookie: a=b")) as played:
        assert (await outcome(played.address)).good
        assert (await outcome(played.address)).good
    assert len(played.asked) == 2  # and each on a connection of its own: there is one answer on each
    assert "cookie" not in played.head[1]


@pytest.mark.parametrize("body, good", [
    ("all ok", True), ("~^all (ok|fine)$", True), ("all.ok", False), ("~^ok", False), ("~(?i)OK$", True)])
async def test_the_body_decides(body, good):
    result, why = await outcome_of(OK, body=body)
    assert result is good
    assert good or why.endswith(f" ms, but its body lacks '{body}'")


@pytest.mark.parametrize("number, wanted, hint", [
    (302, [(200, 200), (204, 206)], ", but status wants 200, 204-206"), (500, [(200, 399)], ""),
    (404, [(200, 200)], "")])
async def test_a_status_that_others_take_for_a_good_one(number, wanted, hint):
    good, why = await outcome_of(status(number), status=wanted)
    assert not good
    assert why.startswith(f"HTTP {number} in ")
    assert why.endswith(f" ms{hint}")


async def test_an_application_that_does_not_know_itself_by_its_address():
    """Django, where ALLOWED_HOSTS has the site's name alone."""
    async with Played(status(400)) as played:
        _, why = await outcome(played.address)
        assert why.endswith(f" ms (asked for Host: {played.address}; health_check.host sets another)")
        _, why = await outcome(played.address, host="www.example.com")
    assert why.endswith(" ms")


async def test_only_the_beginning_of_a_body_is_read():
    """An endless answer is an answer."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"." * 65530
    assert (await outcome_of(endless + b"all ok", body="all ok")).good
    assert not (await outcome_of(endless + b" all ok", body="all ok")).good


@pytest.mark.parametrize("answer, why", [
    (b"", "closed before a response"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall", "response cut short"),
    (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "not HTTP: Bad status line: "),
])
async def test_answers_that_are_none(answer, why):
    async with Played(answer, stays=False) as played:
        result = await outcome(played.address)
    assert not result.good
    assert result.why.startswith(why)
    assert "\n" not in result.why
    assert ("SSH-2.0-OpenSSH_9.9" in result.why) is (b"SSH" in answer)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nall"])
async def test_an_answer_must_come_in_time_and_whole(answer):
    assert await outcome_of(answer, timeout="50ms") == (False, "no answer in 0.05 s")


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_nobody_is_there(kind, tmp_path):
    async with Played() as played:
        gone = played.address
    assert await outcome(gone, type=kind) == (False, "connection refused")
    absent = Address("", 0, str(tmp_path / "absent"))
    assert await outcome(absent, type=kind) == (False, "no such file or directory")


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_name_that_nobody_knows(kind, monkeypatch):
    async def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    result = await outcome(Address("app.invalid", 80), type=kind)
    assert result == (False, "name not found: Name or service not known")


async def test_names_are_looked_up_by_the_system():
    async with Played() as played:
        assert (await outcome(Address("localhost", played.address.port))).good
        assert played.head[1]["host"] == f"localhost:{played.address.port}"


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_over_a_unix_socket(kind, tmp_path):
    async with Played(path=tmp_path / "s") as played:
        good, _ = await outcome(played.address, type=kind)
    assert good
    assert kind == "tcp" or played.head[1]["host"] == "localhost"


async def test_a_connection_is_enough_for_tcp():
    async with Played(None) as played:
        good, why = await outcome(played.address, type="tcp")
    assert good
    assert why.startswith("connected in ")


@pytest.fixture
def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    return context


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_over_tls_by_the_sites_name_and_without_trust(kind, tls):
    names = []
    tls.sni_callback = lambda _, name, __: names.append(name)
    async with Played(tls=tls) as played:
        good, _ = await outcome(played.address, type=kind, tls=True, host="www.example.com:8443")
    assert good
    assert names == ["www.example.com"]


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_tls_with_one_who_does_not_speak_it(kind):
    async with Played(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads=False) as played:
        good, why = await outcome(played.address, type=kind, tls=True)
    assert not good
    assert why == "no TLS: it answers without"


async def test_no_proxy_of_the_environment_is_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await outcome_of(OK)).good


async def test_what_we_lack_is_nobodys_failure():
    async def attempt():
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(CannotProbe, match="Too many open files"):
        await probe(attempt, 1.0)


async def test_a_defect_is_an_outcome_too():
    async def attempt():
        raise RuntimeError("x" * 1000)

    good, why = await probe(attempt, 1.0)
    assert not good
    assert len(why) == 200
    assert why.startswith("RuntimeError: xxx")
