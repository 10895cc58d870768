"""Who may ask: foreign pages (CVE-2026-27589), foreign names (CVE-2018-14505, CVE-2025-23217), tokens."""

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.admin.guard import names_of
from proxy.admin.site import make_app
from proxy.admin.view import View
from proxy.config.address import Address
from proxy.config.admin_schema import AdminConfig
from proxy.observe.events import EventLog

TOKEN = "0123456789abcdef"
POOL = {"name": "web", "strategy": "first", "paused": False, "queue": 0, "endpoints": []}


class Asker:
    """Two workers with an empty pool, and a supervisor that writes down what it is told."""

    def __init__(self):
        self.told = []

    async def ask(self, of, what, args=None, *, seconds=2.0):
        self.told.append((of, what, args))
        values = {"worker 0": [POOL], "worker 1": [POOL]} if what == "pools" else {"supervisor": None}
        return SimpleNamespace(values=values, errors={})


@pytest.fixture
async def site():
    """Starts a site for an `admin` section; the client's Host is what the test says."""
    clients = []

    async def start(**admin):
        asker = Asker()
        app = make_app(AdminConfig(**{"address": Address("127.0.0.1", 9000), **admin}),
                       View(asker, EventLog()))
        client = TestClient(TestServer(app))
        await client.start_server()
        client.asker = asker
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.mark.parametrize(
    "address, hosts, good, bad",
    [
        ("127.0.0.1:9000", [], ["127.0.0.1", "localhost", "::1"], ["evil.example", "192.0.2.1", ""]),
        ("localhost:9000", [], ["localhost", "127.0.0.1"], ["evil.example"]),
        ("192.0.2.7:9000", ["proxy.internal"], ["192.0.2.7", "proxy.internal"], ["localhost", "192.0.2.8"]),
        ("admin.internal:9000", [], ["admin.internal"], ["127.0.0.1"]),
    ],
)
def test_names_of_a_listener(address, hosts, good, bad):
    names = names_of(AdminConfig(address=Address.parse(address), token=TOKEN, hosts=hosts))
    assert set(good) <= names
    assert not set(bad) & names


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1:9000", 200), ("localhost:19000", 200), ("LOCALHOST.", 200), ("[::1]:9000", 200),
    ("evil.example:9000", 403), ("127.0.0.1.evil.example", 403), ("", 403), ("localhost@evil.example", 403),
])
async def test_a_foreign_host_is_refused(site, host, status):
    client = await site()
    answer = await client.get("/api/pools", headers={"Host": host})
    assert answer.status == status
    if status == 403:
        assert "admin.hosts" in (await answer.json())["detail"]
        assert not client.asker.told


@pytest.mark.parametrize(
    "host, status", [("192.0.2.1:9000", 200), ("[2001:db8::1]", 200), ("evil.example", 403)])
async def test_all_addresses_are_names_of_who_listens_on_all(site, host, status):
    client = await site(address=Address("0.0.0.0", 9000), token=TOKEN)
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
    assert (await client.get("/api/pools", headers=headers)).status == status


async def test_a_unix_socket_has_any_name(site):
    client = await site(address=Address("", 0, "/run/admin.sock"))
    assert (await client.get("/api/pools", headers={"Host": "anything"})).status == 200


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000", "Host": "localhost:9000"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
])
async def test_another_origin_changes_nothing(site, headers):
    client = await site()
    answer = await client.post("/api/pools/web/pause", json={}, headers={"Host": "localhost:9000", **headers})
    assert answer.status == 403
    assert "another origin" in (await answer.json())["detail"]
    assert not client.asker.told
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("headers", [
    {},  # curl
    {"Origin": "http://localhost:9000", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://localhost:9000"},  # TLS ends before us
    {"Sec-Fetch-Site": "none"},
])
async def test_the_dashboard_and_curl_may(site, headers):
    client = await site()
    answer = await client.post("/api/pools/web/pause", json={}, headers={"Host": "localhost:9000", **headers})
    assert answer.status == 200
    assert ("supervisor", "pause", {"pool": "web", "paused": True}) in client.asker.told


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
async def test_what_a_form_can_send_is_refused(site, kind):
    client = await site()
    headers = {"Host": "localhost", **({"Content-Type": kind} if kind else {})}
    answer = await client.post("/api/pools/web/pause", data=b"{}", headers=headers,
                               skip_auto_headers=["Content-Type"])
    assert answer.status == 415
    assert not client.asker.told


async def test_a_preflight_is_answered_no(site):
    client = await site()
    answer = await client.options("/api/pools/web/pause", headers={
        "Host": "localhost", "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    assert answer.status in (403, 405)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("given, status", [
    (None, 401), (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Basic {TOKEN}", 401), ("Bearer", 401),
    ("Bearer " + TOKEN[:-1], 401), (f"Bearer {TOKEN}x", 401), ("Bearer \xe9\xe8", 401), (TOKEN, 401),
])
async def test_the_token_is_asked_for(site, given, status):
    client = await site(token=TOKEN)
    headers = {"Host": "localhost", **({"Authorization": given} if given else {})}
    for path in ("/api/pools", "/api/openapi.json"):
        answer = await client.get(path, headers=headers)
        assert answer.status == status
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="admin"')
            assert TOKEN not in await answer.text()


async def test_a_token_in_the_address_is_none(site):
    client = await site(token=TOKEN)
    assert (await client.get(f"/api/pools?token={TOKEN}", headers={"Host": "localhost"})).status == 401


async def test_answers_are_private(site):
    client = await site()
    for path in ("/api/pools", "/nowhere", "/api/pools/nix"):
        answer = await client.get(path, headers={"Host": "localhost"})
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "Server" not in answer.headers


async def test_problems_say_what_to_do(site):
    client = await site()
    headers = {"Host": "localhost", "Content-Type": "application/json"}
    for method, path, body, status, words in (
        ("GET", "/api/nix", None, 404, "/api/openapi.json names them all"),
        ("PUT", "/api/status", "{}", 405, "this path takes GET"),
        ("GET", "/api/pools/nix", None, 404, "there is no pool 'nix'; there are web"),
        ("POST", "/api/log-level", "{", 400, "the body is not JSON"),
        ("POST", "/api/log-level", '{"level": "loud"}', 422, "body.level: Input should be"),
        ("POST", "/api/log-level", '{"level": "info", "of": 1}', 422, "body.of: Extra inputs"),
        ("POST", "/api/log-level", '"' + "x" * 70000 + '"', 413, "64 KiB"),
        ("GET", "/api/events?limit=0", None, 422, "query.limit"),
        ("POST", "/api/pools/web/endpoints", '{"address": "http://a"}', 422, "leave out 'http://'"),
        ("POST", "/api/pools/web/endpoints/a:1/drain", "", 404, "has no endpoint 'a:1'"),
    ):
        answer = await client.request(method, path, data=body, headers=headers)
        problem = await answer.json()
        assert (answer.status, problem["status"]) == (status, status), path
        assert answer.content_type == "application/problem+json"
        assert words in problem["detail"]
        assert status != 405 or answer.headers["Allow"] == "GET, HEAD"
