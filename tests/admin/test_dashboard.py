"""The dashboard's files, as any client gets them."""

import re

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.admin.dashboard import ASSETS, TYPES
from proxy.admin.site import make_app
from proxy.admin.view import View
from proxy.config.address import Address
from proxy.config.admin_schema import AdminConfig
from proxy.observe.events import EventLog

MARKUP = r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\("
OWN = {"Host": "127.0.0.1:9000"}
FILES = sorted(file.name for file in ASSETS.iterdir() if file.suffix in TYPES and file.suffix != ".html")


@pytest.fixture
async def client():
    admin = AdminConfig(address=Address("127.0.0.1", 9000), token="0123456789abcdef")
    async with TestClient(TestServer(make_app(admin, View(None, EventLog())))) as made:
        yield made


async def test_the_page_needs_no_token_and_may_run_nothing_foreign(client):
    answer = await client.get("/", headers=OWN)
    assert (answer.status, answer.content_type) == (200, "text/html")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    page = await answer.text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", page)


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_there_and_known_again(client, name):
    answer = await client.get(f"/assets/{name}", headers=OWN)
    assert (answer.status, await answer.read()) == (200, (ASSETS / name).read_bytes())
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = await client.get(f"/assets/{name}", headers={**OWN, "If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


async def test_foreign_names_get_nothing_and_nothing_else_is_there(client):
    assert (await client.get("/", headers={"Host": "evil.example"})).status == 403
    for path in ("/assets/../dashboard.py", "/assets/%2e%2e/dashboard.py", "/assets/", "/index.html"):
        assert (await client.get(path, headers=OWN)).status == 404


def test_nothing_is_fetched_from_elsewhere_and_nothing_becomes_markup():
    ours = [file for file in ASSETS.iterdir() if file.suffix in TYPES and not file.name.startswith("uplot")]
    assert len(ours) > 5
    for file in ours:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(MARKUP, text), file


def test_what_is_not_ours_has_its_licence_beside_it():
    assert "Leon Sorokin" in (ASSETS / "uplot-LICENSE.txt").read_text()
    assert "uPlot (v1.6.32)" in (ASSETS / "uplot-1.6.32.min.js").read_text()[:100]
