"""Client libraries as people use them, before Flask under gunicorn (sync and gthread)."""

import asyncio
import subprocess

import aiohttp
import curl_cffi
import httpx
import niquests
import pytest
import requests
import urllib3

from tests.scenarios.support import HOST, LOOPS, PATIENCE


@pytest.fixture(scope="module", params=["sync", "gthread"])
def site(request, shared):
    """Its two gunicorns close connections (sync) or keep them (gthread)."""
    threads = {"sync": 1, "gthread": 4}[request.param]
    endpoints = [shared.gunicorn(threads=threads, workers=2, env={"INSTANCE": name}) for name in ("a", "b")]
    return shared.before(*endpoints, loop=LOOPS[threads > 1])


def test_requests(site):
    with requests.Session() as session:
        for _ in range(10):
            assert session.get(f"{site.url}/who", timeout=PATIENCE).text in "ab"
            answer = session.post(f"{site.url}/echo", data=b"z" * 99_999, timeout=PATIENCE)
            assert answer.content == b"z" * 99_999
        moved = session.get(f"{site.url}/moved", timeout=PATIENCE)
        assert moved.url == f"{site.url}/who?x=1"
        seen = session.get(f"{site.url}/seen", cookies={"a": "b"}, timeout=PATIENCE).json()
        assert dict(seen["headers"])["Cookie"] == "a=b"


def test_urllib3_keeps_its_one_connection(site):
    with urllib3.HTTPConnectionPool(HOST, site.port, maxsize=1, retries=False, timeout=PATIENCE) as pool:
        for number in range(40):
            assert len(pool.request("GET", f"/body/{number}").data) == number
        assert (pool.num_connections, pool.num_requests) == (1, 40)


def test_httpx(site):
    with httpx.Client(base_url=site.url, timeout=PATIENCE) as client:
        assert client.get("/body/100000").num_bytes_downloaded == 100_000
        assert client.post("/echo", content=(b"part" for _ in range(500))).content == b"part" * 500
        assert client.get("/moved").headers["location"] == f"{site.url}/who?x=1"


async def test_aiohttp_with_many_at_once(site):
    async def get(session, number):
        async with session.get(f"{site.url}/body/{number}") as answer:
            return len(await answer.read())

    connector = aiohttp.TCPConnector(limit=30)
    timeout = aiohttp.ClientTimeout(PATIENCE)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        lengths = await asyncio.gather(*(get(session, number) for number in range(150)))
    assert lengths == list(range(150))


def test_niquests(site):
    with niquests.Session() as session:
        assert len(session.get(f"{site.url}/body/5000", timeout=PATIENCE).content) == 5000
        assert session.post(f"{site.url}/length", data={"a": "b"}, timeout=PATIENCE).text == "3"


@pytest.mark.parametrize("browser", ["chrome", "firefox", "safari"])
def test_a_browser_s_header(site, browser):
    answer = curl_cffi.get(f"{site.url}/seen", impersonate=browser, timeout=PATIENCE)
    assert answer.status_code == 200
    assert "Mozilla/5.0" in dict(answer.json()["headers"])["User-Agent"]


NODE = """
import http from 'node:http'
const site = process.argv[2]
const echoed = await fetch(site + '/echo', {method: 'POST', body: 'x'.repeat(50000)})
if ((await echoed.text()).length !== 50000) throw new Error('echo')
const agent = new http.Agent({keepAlive: true, maxSockets: 1})
const sockets = new Set()
const get = (done, failed) => http.get(site + '/body/10', {agent}, answer => {
  sockets.add(answer.socket)
  answer.resume()
  answer.on('end', done)
}).on('error', failed)
for (let i = 0; i < 5; i++) await new Promise(get)
if (sockets.size !== 1) throw new Error('not kept alive')
agent.destroy()
console.log('good')
"""


def run(*command):
    """What a client program says."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.program("node")
def test_node(site, tmp_path):
    script = tmp_path / "client.mjs"
    script.write_text(NODE)
    assert run("node", script, site.url) == "good\n"


@pytest.mark.program("hey")
def test_hey(site):
    assert "[200]\t200 responses" in run("hey", "-n", "200", "-c", "8", f"{site.url}/who")


@pytest.mark.program("chromium")
def test_a_browser_shows_a_page(site, tmp_path):
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
    quiet = ("--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}")
    page = run("chromium", *options, *quiet, "--dump-dom", f"{site.url}/moved")
    assert page.strip().removeprefix("<html><head></head><body>").removesuffix("</body></html>") in ("a", "b")
