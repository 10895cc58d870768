"""`python -m proxy.demo` for real: three gunicorn processes, the proxy, and an end that leaves nothing."""

import contextlib
import hashlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests

from tests.browser import chromium

pytestmark = pytest.mark.scenario

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
PAGES = ("/", "/books", "/books/hop-by-hop", "/guestbook", "/upload", "/clock", "/whoami")
VARIABLES = ("PROXY_PORT", "ADA_PORT", "BRUNO_PORT", "CLARA_PORT", "ADMIN_PORT")


PICTURES = "Promise.all([...document.images].map(picture => picture.decode()))"


def assets(answers):
    return [(url, how) for url, how in answers if "/static/" in url]


def free_ports(number):
    """Ports that nobody has at the moment; held together, so that no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def is_alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # an orphan stays one where nobody is init
    except psutil.NoSuchProcess:
        return False


def wait_until(is_true):
    """For the end of processes that are not our children."""
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Demo:
    """The running demo; `lines` is what it said."""

    def __init__(self, ports, *options):
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.ports = ports
        self.lines = []
        self._said = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy.demo", *options],
            cwd=ROOT,
            env={**os.environ, **dict(zip(VARIABLES, map(str, ports), strict=True))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with self.process.stderr as stream:
            for line in stream:
                self._said.put(line)
        self._said.put(None)

    def wait_for(self, beginning):
        while (line := self._said.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
            if line.startswith(beginning):
                return line
        raise AssertionError("".join(self.lines))

    def descendants(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_for_end(self):
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while (line := self._said.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return status

    def close(self):
        """Whatever the test found: nothing of the demo stays."""
        for process in (self.descendants() if self.process.poll() is None else []):
            with contextlib.suppress(psutil.NoSuchProcess):  # ended by itself, or with its parent
                process.kill()
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)


@pytest.fixture(scope="module")
def shared():
    """One demo for the tests that only look at it."""
    demo = Demo(free_ports(5))
    try:
        demo.wait_for("ready:")
        yield demo
    finally:
        demo.close()


@pytest.fixture
def own():
    """A demo for a test that ends it."""
    demo = Demo(free_ports(5))
    try:
        demo.wait_for("ready:")
        yield demo
    finally:
        demo.close()


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_answer_through_the_proxy(shared, path):
    answer = requests.get(shared.url + path, timeout=PATIENCE)
    assert answer.status_code == 200
    assert "The Corner Bookshop" in answer.text
    assert "gunicorn" not in str(answer.headers).lower()


def test_static_files_come_from_the_proxy_itself(shared):
    answer = requests.get(shared.url + "/static/css/shop.css", timeout=PATIENCE)
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "max-age=300" in answer.headers["Cache-Control"]
    assert answer.content == (ROOT / "proxy/demo/site/static/css/shop.css").read_bytes()


def test_the_assistants_take_turns(shared):
    names = [requests.get(shared.url + "/whoami.json", timeout=PATIENCE).json()["instance"] for _ in range(6)]
    assert sorted(names) == ["Ada", "Ada", "Bruno", "Bruno", "Clara", "Clara"]


def test_the_application_sees_the_client(shared):
    seen = requests.get(
        shared.url + "/whoami.json", headers={"X-Forwarded-For": "192.0.2.66"}, timeout=PATIENCE
    ).json()["headers"]
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["Host"] == shared.url.removeprefix("http://")


def test_a_guestbook_entry_leads_back_to_the_book(shared):
    answer = requests.post(
        shared.url + "/guestbook", data={"message": "hello"}, timeout=PATIENCE, allow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] in ("/guestbook", shared.url + "/guestbook")


def test_an_upload_arrives_whole(shared):
    data = os.urandom(3_000_000)
    page = requests.post(shared.url + "/upload", files={"file": ("noise.bin", data)}, timeout=PATIENCE).text
    assert hashlib.sha256(data).hexdigest() in page


def test_the_clock_is_passed_on_tick_by_tick(shared):
    with requests.get(shared.url + "/clock/stream", stream=True, timeout=PATIENCE) as answer:
        data = (line for line in answer.iter_lines(chunk_size=1) if line.startswith(b"data: "))
        ticks = [json.loads(next(data)[6:]) for _ in range(2)]
    assert ticks[0]["instance"] == ticks[1]["instance"]


def test_the_example_routes_beside_the_site(shared):
    assert requests.get(shared.url + "/ping", timeout=PATIENCE).text == "pong\n"
    moved = requests.get(shared.url + "/shop/hop-by-hop", timeout=PATIENCE)
    assert moved.url == shared.url + "/books/hop-by-hop"
    beta = requests.get(shared.url + "/books/hop-by-hop?draft=1", timeout=PATIENCE, headers={
        "Host": "shop.example", "X-Beta": "1",
    })
    assert beta.text == "You found the beta shelf.\n"


@pytest.mark.program("chromium")
def test_a_browser_shows_it(shared, tmp_path):
    page = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path}", "--dump-dom", shared.url + "/whoami"],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    ).stdout
    ask = re.search(r"<section[^>]*data-ask[^>]*>", page)
    assert "hidden" not in ask[0]  # the script came through the proxy and ran


@pytest.mark.program("chromium")
def test_a_browser_asks_for_nothing_that_it_has(shared, tmp_path):
    with chromium(tmp_path) as page:
        page.look_like(height=4000)  # pictures are loaded as they come into sight
        page.load(shared.url + "/")
        page.evaluate(PICTURES)
        first = assets(page.answers(0))
        start = len(page.events)
        page.reload()
        page.evaluate(PICTURES)
        again = assets(page.answers(start))
        start = len(page.events)
        # What is too old is asked about, and not sent a second time.
        urls = sorted({url for url, _ in first})
        page.evaluate(f"Promise.all({json.dumps(urls)}.map(url => fetch(url, {{cache: 'no-cache'}})))")
        asked = assets(page.answers(start))
    assert len(urls) >= 8
    assert {url for url, how in first if how == 200} == set(urls)
    assert {url for url, _ in again} == set(urls)
    assert {how for _, how in again} <= {"cache", 304}
    assert {url for url, how in asked if how == 304} == set(urls)
    assert {how for _, how in asked} <= {"cache", 304}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it(own, number):
    running = own.descendants()
    assert len(running) >= 8  # three times gunicorn and its worker, supervisor and worker
    own.process.send_signal(number)
    assert own.wait_for_end() == 0
    wait_until(lambda: not any(map(is_alive, running)))
    assert "Traceback" not in "".join(own.lines)


def test_when_a_gunicorn_dies_the_site_goes_on_and_it_comes_back(own):
    part = next(process for process in own.descendants() if "gunicorn" in process.cmdline())
    part.kill()
    own.wait_for("demo: gunicorn (Ada) has ended with status -9; the site goes on without")
    assert {requests.get(own.url + "/books", timeout=PATIENCE).status_code for _ in range(50)} == {200}
    own.wait_for("demo: gunicorn (Ada) is started again")
    wait_until(lambda: requests.get(own.url + "/whoami.json", timeout=PATIENCE).json()["instance"] == "Ada")


def test_when_the_proxy_dies_the_rest_is_stopped(own):
    running = own.descendants()
    next(process for process in running if process.cmdline()[2:4] == ["proxy", "-c"]).kill()
    assert own.wait_for_end() == 1
    assert "the proxy has ended" in "".join(own.lines)
    wait_until(lambda: not any(map(is_alive, running)))


def test_when_a_part_cannot_start_the_rest_is_stopped(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("listen: nowhere\n")
    demo = Demo(free_ports(5), "-c", str(broken))
    assert demo.wait_for_end() == 2
    assert "the proxy has ended with status 2" in "".join(demo.lines)


def test_taken_ports_are_named():
    ports = free_ports(5)
    with socket.create_server(("127.0.0.1", ports[2])):
        demo = Demo(ports)
        assert demo.wait_for_end() == 1
    assert demo.lines == [
        f"demo: 127.0.0.1:{ports[2]} is taken: stop what listens there, or set BRUNO_PORT to a free port\n"
    ]
