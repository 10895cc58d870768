"""What both logs have of their own, with real processes: what is chosen, full files, a full disk."""

import gzip
import json
import os
import re
import resource
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scenarios.support import LOOPS, OK, ask, connect, free_port, wait_until

LINE = re.compile(r'127\.0\.0\.1 - - \[[^]]+\] "GET /\d+-x+ HTTP/1\.1" 200 2 "-" "-"')
LONG = "x" * 200  # a file of 64 KiB has room for 240 lines of such targets


@pytest.fixture(scope="module")
def origin(shared):
    return shared.origin(OK)


class Visitor:
    """Asks for one numbered target after another, each of its twenty on one connection."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.asked = 0

    def go_on(self, count=20):
        with connect(self.proxy) as client:
            for _ in range(count):
                client.get(f"/{self.asked}-{LONG}")
                assert client.response().status == 200
                self.asked += 1

    def until(self, is_true):
        wait_until(lambda: self.go_on() or is_true(), "it")


def lines_of(folder):
    """All lines of all files; a `.part` is left by who is told to end while it packs, and made anew."""
    plain = [path.read_text() for path in folder.glob("access.log*") if path.suffix not in (".gz", ".part")]
    packed = [gzip.decompress(path.read_bytes()).decode() for path in folder.glob("access.log*.gz")]
    return [line for text in (*plain, *packed) for line in text.splitlines()]


def numbers(lines):
    assert all(LINE.fullmatch(line) for line in lines)
    return sorted(int(re.search(r"/(\d+)-", line)[1]) for line in lines)


@pytest.mark.parametrize("loop", LOOPS)
def test_two_workers_turn_full_files_and_lose_no_line(stage, origin, tmp_path, loop):
    proxy = stage.before(origin, loop=loop, top=f"""
access_log: {{path: {tmp_path}/access.log, rotate: {{size: 64KiB, keep: null}}}}
workers: 2""")
    visitor = Visitor(proxy)
    visitor.until(lambda: len(list(tmp_path.glob("access.log-*.gz"))) >= 2)
    assert proxy.stop() == 0
    assert numbers(lines_of(tmp_path)) == list(range(visitor.asked))


def test_so_many_old_files_are_kept(stage, origin, tmp_path):
    for number in range(6):
        (tmp_path / f"access.log-20260101-00000{number}").write_text(f"{number}\n")
    proxy = stage.before(
        origin, top=f"access_log: {{path: {tmp_path}/access.log, rotate: {{keep: 2, compress: false}}}}")
    names = ["access.log-20260101-000004", "access.log-20260101-000005"]
    wait_until(lambda: sorted(path.name for path in tmp_path.glob("access.log-*")) == names, "two files")
    assert proxy.stop() == 0


def test_a_full_disk_costs_lines_and_no_request(stage, origin, tmp_path):
    """F19. RLIMIT_FSIZE stands for the full disk; the line that was cut stays one line."""
    proxy = stage.before(origin, top=f"access_log: {{path: {tmp_path}/access.log}}")
    (worker,) = proxy.workers()
    visitor = Visitor(proxy)
    visitor.go_on()
    wait_until(lambda: len(lines_of(tmp_path)) == 20, "the first lines")
    room = (tmp_path / "access.log").stat().st_size + 100
    _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (room, hard))
    visitor.until(lambda: proxy.said("the access log cannot be written"))
    for _ in range(20):
        visitor.go_on()
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (hard, hard))
    visitor.until(lambda: (tmp_path / "access.log").stat().st_size > 2 * room)
    assert proxy.stop() == 0
    assert proxy.log().count("cannot be written") == 1, "the error log may be on the same disk"
    lines = lines_of(tmp_path)
    torn = [line for line in lines if not LINE.fullmatch(line)]
    assert len(torn) == 1
    found = numbers([line for line in lines if line not in torn])
    assert found[:20] == list(range(20))
    assert found[-1] == visitor.asked - 1


def test_what_is_left_out_and_what_never_is(stage):
    origin = stage.origin()
    proxy = stage.before(origin, top="""
access_log:
  format: json
  slow: 300ms
  sample: 0%
  headers: [X-Tenant, Cookie]
  skip: [{path: /skipped}, {status: 404}]
""")
    replies = {"/quick": 0, "/skipped": 0, "/slow?token=hunter2": 0.5, "/broken": 0}
    with connect(proxy) as client:
        for target, seconds in replies.items():
            client.get(target, "X-Tenant: blue", "Cookie: a=hunter2")
            with origin.accept() as endpoint:
                endpoint.request()
                assert not endpoint.has_news(seconds)
                status = b"500 Broken" if target == "/broken" else b"200 OK"
                endpoint.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.response()
    wait_until(lambda: proxy.access_log().count("\n") >= 2, "the lines")
    assert proxy.stop() == 0
    assert "hunter2" not in proxy.access_log() + proxy.log()
    slow, broken = map(json.loads, proxy.access_log().splitlines())
    assert (slow["target"], slow["slow"], slow["headers"]) == (
        "/slow?token=***", True, {"x-tenant": "blue", "cookie": "***"})
    assert slow["head_ms"] >= 300
    assert (broken["target"], broken["status"], "slow" in broken) == ("/broken", 500, False)
    assert proxy.said(r"warning proxy\.slow.*: slow: GET /slow\?token=\*\*\* 200 from web .*, total \d+ ms")


def test_one_route_is_left_out_for_one_kind_of_client(stage, origin):
    proxy = stage.before(origin, top="access_log: {skip: {path: /ping, header: {User-Agent: ~^kube}}}")
    ask(proxy, "/ping", "User-Agent: kube-probe/1")
    ask(proxy, "/ping", "User-Agent: curl")
    ask(proxy, "/end")
    wait_until(lambda: "/end" in proxy.access_log(), "the lines")
    assert proxy.access_log().count("/ping") == 1

# The error log, which every process writes to.


def records(folder):
    """All lines of the error log's files, by what they say."""
    plain = [path.read_text() for path in folder.glob("error.log*") if path.suffix not in (".gz", ".part")]
    packed = [gzip.decompress(path.read_bytes()).decode() for path in folder.glob("error.log*.gz")]
    return [line for text in (*plain, *packed) for line in text.splitlines()]


class Stranger:
    """Sends what is no request: each is told in the log, once."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.sent = 0

    def go_on(self, count=20):
        for _ in range(count):
            with connect(self.proxy) as client:
                client.send(b"nonsense\r\n\r\n")
                assert client.response().status == 400
            self.sent += 1

    def until(self, is_true):
        wait_until(lambda: self.go_on() or is_true(), "it")


def everybody(proxy, path):
    """The files of this name that processes of the proxy have open, by their inodes."""
    found = set()
    for pid in (proxy.pid, *proxy.workers()):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed while we looked
                if os.readlink(fd).startswith(str(path)):
                    found.add(fd.stat().st_ino)
    return found


TOP = """
admin: {{address: 127.0.0.1:{port}, token: a-secret-of-ours-alone}}
workers: 2
error_log: {{path: {folder}/error.log, level: debug{rotate}}}"""
HEALTH = "health_check: {path: /}"


@pytest.mark.parametrize("way", ["start", "reload"])
def test_the_error_log_is_turned_and_no_line_lost(stage, origin, tmp_path, way):
    """By a worker; supervisor, lookout and desk follow, also those that have served before the reload."""
    rotate = ", rotate: {size: 64KiB, keep: null}"
    port = free_port()
    first = "" if way == "reload" else rotate
    proxy = stage.before(origin, pool=HEALTH, top=TOP.format(port=port, folder=tmp_path, rotate=first))
    if way == "reload":
        file = stage.folder / "proxy-1.yaml"
        file.write_text(file.read_text().replace("level: debug", "level: debug" + rotate))
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: any("reloaded" in line for line in records(tmp_path)), "the reload")
    stranger = Stranger(proxy)
    stranger.until(lambda: len(list(tmp_path.glob("error.log-*.gz"))) >= 2)
    now = tmp_path / "error.log"
    assert len(proxy.workers()) == 4  # a lookout and a desk are among them
    wait_until(lambda: everybody(proxy, now) == {now.stat().st_ino}, "all have the file of now")
    assert proxy.stop() == 0
    refused = [line for line in records(tmp_path) if "refused 127.0.0.1" in line]
    assert len(refused) == stranger.sent
