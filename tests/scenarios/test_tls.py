"""HTTPS as people have it: real clients, WebSockets, redirects, one name or many, sessions resumed."""

import asyncio
import hashlib
import socket
import ssl
import subprocess

import aiohttp
import httpx
import pytest
import requests
import websockets

from tests.authority import Authority
from tests.scenarios.support import HOST, OK, PATIENCE, Wire, ask, connect, wait_until

NAME = "shop.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority):
    return authority.tls(NAME, "localhost", HOST)


def listening(tls, *, more=""):
    return f"listen: ['{HOST}:0', {{address: 'localhost:0', tls: {tls}}}]\n{more}"


class Site:
    """A proxy with a plain and a secure listener before Flask under gunicorn and an ASGI application."""

    def __init__(self, stage, tls, loop, folder):
        flask = stage.gunicorn(threads=4)
        asgi = stage.uvicorn("tests.scenarios.apps:asgi")
        (folder / "large").write_bytes(bytes(range(256)) * 40_000)
        self.proxy = stage.proxy(listening(tls) + f"""
pools:
  web: {{endpoints: ['{flask.address}']}}
  asgi: {{endpoints: ['{asgi.address}']}}
routes:
  - {{match: {{path: /secure, scheme: http}}, redirect: {{to: 'https://{{host}}{{path}}?{{query}}'}}}}
  - {{match: {{path: /secure}}, respond: {{body: secret}}}}
  - {{match: {{path: /files/*}}, static: {{root: '{folder}'}}}}
  - {{match: {{path: /ws}}, reverse_proxy: asgi}}
  - reverse_proxy: web
""", loop=loop)
        self.plain, *secure = self.proxy.places()
        self.port = secure[0][1]
        self.url = f"https://localhost:{self.port}"


@pytest.fixture(scope="module")
def site(shared, tls, loop, tmp_path_factory):
    return Site(shared, tls, loop, tmp_path_factory.mktemp("files"))


# Clients.


def test_requests(site, authority):
    body = b"z" * 3_000_000
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority.file())
        for _ in range(3):
            assert session.get(f"{site.url}/who", timeout=PATIENCE).text == "one"
            assert session.post(f"{site.url}/echo", data=body, timeout=PATIENCE).content == body
        large = session.get(f"{site.url}/files/large", timeout=PATIENCE).content
        assert hashlib.sha256(large).digest() == hashlib.sha256(bytes(range(256)) * 40_000).digest()


def test_httpx_uploads_in_pieces(site, authority):
    with httpx.Client(base_url=site.url, timeout=PATIENCE, verify=authority.client()) as client:
        pieces = (b"part" * 10_000 for _ in range(50))
        assert client.post("/echo", content=pieces).content == b"part" * 500_000


async def test_aiohttp_with_many_at_once(site, authority):
    context = authority.client()

    async def get(session, number):
        async with session.get(f"{site.url}/body/{number}", ssl=context) as answer:
            return len(await answer.read())

    timeout = aiohttp.ClientTimeout(PATIENCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20), timeout=timeout) as session:
        lengths = await asyncio.gather(*(get(session, number * 100) for number in range(100)))
    assert lengths == [number * 100 for number in range(100)]


@pytest.mark.program("curl")
def test_curl_with_both_versions(site, authority):
    for version in ("1.2", "1.3"):
        command = ["curl", "-sS", f"--tlsv{version}", "--tls-max", version, "--cacert", authority.file(),
                   "-w", "%{http_code} %{http_version}", "-o", "/dev/null", f"{site.url}/who"]
        assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == b"200 1.1"


async def test_a_websocket(site, authority):
    async with websockets.connect(f"wss://localhost:{site.port}/ws", ssl=authority.client()) as wire:
        for size in (1, 1000, 300_000):
            await wire.send(b"x" * size)
            assert await wire.recv() == b"x" * size


@pytest.mark.program("chromium")
def test_a_browser_shows_a_page(site, tmp_path):
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
               "--ignore-certificate-errors", f"--user-data-dir={tmp_path}", "--dump-dom")
    command = ["chromium", *options, f"{site.url}/secure"]
    assert b"secret" in subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


# What the two sides see.


def test_the_application_is_told(site, authority):
    seen = requests.get(f"{site.url}/seen", verify=authority.file(), timeout=PATIENCE).json()
    fields = dict(seen["headers"])
    assert fields["X-Forwarded-Proto"] == "https"
    assert fields["X-Forwarded-Port"] == str(site.port)
    assert fields["X-Forwarded-Host"] == f"localhost:{site.port}"


def test_the_applications_redirects_stay_secure(site, authority):
    moved = requests.get(
        f"{site.url}/moved", verify=authority.file(), timeout=PATIENCE, allow_redirects=False)
    assert moved.headers["location"] == f"{site.url}/who?x=1"


def test_who_comes_without_is_sent_to_https(site, authority):
    with connect(site.plain) as client:
        client.send(b"GET /secure?a=b HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        plain = client.response()
    assert (plain.status, plain.get(b"location")) == (308, b"https://shop.example/secure?a=b")
    assert requests.get(f"{site.url}/secure", verify=authority.file(), timeout=PATIENCE).text == "secret"


def test_http_on_the_secure_port_is_told_so(site):
    answer = ask((HOST, site.port))
    assert answer.status == 400
    assert b"https://" in answer.body


# Connections.


def dial(place, context, name=NAME, session=None):
    sock = socket.create_connection(place, timeout=PATIENCE)
    return context.wrap_socket(sock, server_hostname=name, session=session)


def test_each_name_has_its_certificate(stage, authority, loop):
    tls = ", ".join(authority.tls(name, file=name) for name in ("a.example", "b.example"))
    proxy = stage.proxy(f"listen: {{address: '{HOST}:0', tls: [{tls}]}}\n"
                        "routes: [{respond: {status: 204}}]", loop=loop)
    context = authority.client()
    for name in ("a.example", "b.example"):
        with dial(proxy.place, context, name) as wire:
            assert wire.getpeercert()["subjectAltName"] == (("DNS", name),)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"c\.example"):
        dial(proxy.place, context, "c.example")


def test_clients_resume_at_any_worker_after_a_renewal_too(stage, authority, loop):
    tls = authority.tls(NAME, file="renewed")
    proxy = stage.proxy(f"workers: 3\nlisten: {{address: '{HOST}:0', tls: {tls}}}\n"
                        "routes: [{respond: {body: hello}}]", loop=loop)
    context = authority.client()

    def visit(session=None):
        with dial(proxy.place, context, session=session) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            assert b"hello" in wire.recv(4096)
            return wire.session, wire.session_reused

    session, _ = visit()
    assert [visit(session)[1] for _ in range(12)] == [True] * 12
    authority.issue(NAME, file="renewed")
    subprocess.run(["kill", "-HUP", str(proxy.pid)], check=True)
    proxy.wait_said("generation 2 ")
    assert [visit(session)[1] for _ in range(12)] == [True] * 12


def test_a_reload_turns_it_on_and_off(stage, authority, tls, loop):
    routes = "routes: [{respond: {status: 204}}]"
    proxy = stage.proxy(f"listen: {{address: '{HOST}:0'}}\n{routes}", loop=loop)
    file, place = stage.folder / f"{proxy.err.stem}.yaml", proxy.place
    assert ask(place).status == 204
    # Port 0 stays the one that was bound.
    for number, (key, status) in enumerate(((f"tls: {tls}", 400), ("tls: null", 204)), 2):
        file.write_text(f"listen: {{address: '{HOST}:0', {key}}}\n{routes}")
        subprocess.run(["kill", "-HUP", str(proxy.pid)], check=True)
        proxy.wait_said(f"generation {number} ")
        assert ask(place).status == status
        if status == 400:
            with dial(place, authority.client()) as wire:
                assert wire.version() == "TLSv1.3"


def test_ports_that_the_system_chooses_are_told_apart(stage, authority, tls, loop):
    """One address twice, once with TLS: the start and a reload give each its own."""
    proxy = stage.proxy(f"listen: ['{HOST}:0', {{address: '{HOST}:0', tls: {tls}}}]\n"
                        "routes: [{respond: {status: 204}}]", loop=loop)
    for number in (2, 3):
        plain, secure = proxy.places()
        assert ask(plain).status == 204
        with dial(secure, authority.client()) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            assert b" 204 " in wire.recv(4096)
        subprocess.run(["kill", "-HUP", str(proxy.pid)], check=True)
        proxy.wait_said(f"generation {number} ")


def test_a_stop_says_goodbye(stage, tls, authority, loop):
    """An idle connection ends with close_notify, a running answer is finished first."""
    origin = stage.origin()
    proxy = stage.before(origin, top=f"listen: {{address: '{HOST}:0', tls: {tls}}}", loop=loop)
    context = authority.client()
    idle, busy = dial(proxy.place, context), dial(proxy.place, context)
    idle.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    played = origin.accept()
    played.request()
    played.send(OK)
    assert Wire(idle).response().status == 200
    busy.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    played.request()
    subprocess.run(["kill", "-TERM", str(proxy.pid)], check=True)
    assert idle.recv(1) == b""  # a cut would raise
    played.send(OK)
    answer = Wire(busy).response()
    assert (answer.status, answer.get(b"connection")) == (200, b"close")
    assert busy.recv(1) == b""
    idle.close()
    busy.close()
    assert proxy.wait() == 0


def test_too_many_of_one_client(stage, tls, authority, loop):
    proxy = stage.proxy(f"listen: {{address: '{HOST}:0', tls: {tls}}}\n"
                        "limits: {connections_per_client: 1}\nroutes: [{respond: {status: 204}}]", loop=loop)
    context = authority.client()
    with dial(proxy.place, context), dial(proxy.place, context) as second:
        assert Wire(second).response().status == 429
        assert second.recv(1) == b""


def test_a_slow_reader_slows_nobody_and_gets_all(site, authority):
    """Flow control goes through the layer: 10 MB wait on the disk, not in the worker's memory."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.settimeout(PATIENCE)
    sock.connect((HOST, site.port))
    with authority.client().wrap_socket(sock, server_hostname=NAME) as wire:
        wire.sendall(b"GET /body/8000000 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        first = wire.recv(1)
        assert requests.get(f"{site.url}/who", verify=authority.file(), timeout=PATIENCE).text == "one"
        whole = Wire(wire)
        whole.held = first
        assert len(whole.response().body) == 8_000_000


def test_an_unfinished_request_is_not_forwarded(stage, tls, authority, loop):
    """The connection ends in a body without goodbye: that is an attack's way to cut it short."""
    origin = stage.origin()
    proxy = stage.before(origin, top=f"listen: {{address: '{HOST}:0', tls: {tls}}}", loop=loop)
    wire = dial(proxy.place, authority.client())
    wire.sendall(b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\n12345")
    socket.socket(fileno=wire.detach()).close()
    wait_until(lambda: "400" in proxy.access_log() or "499" in proxy.access_log(), "its line in the log")
    assert origin.nobody_waits()
