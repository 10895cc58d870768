"""Files that change, vanish and come by the hundred thousand while they are asked for.

What a visitor may see: a whole file, of one version, with that version's validators; or 404 while nothing is
there. Nothing else, and no traceback (the stage looks for one when it ends).
"""

import gzip
import hashlib
import http.client
import json
import os
import shutil
import threading
from collections import Counter
from time import perf_counter

from tests.faults.figures import REPORT
from tests.scenarios.support import HOST, wait_until

CLIENTS = 4
ROUNDS = 300


class Visitor(threading.Thread):
    """Asks for one path again and again on a kept connection; `judge` says what each answer was."""

    def __init__(self, port, path, judge, fields=None):
        super().__init__()
        self.port, self.path, self.judge, self.fields = port, path, judge, fields or {}
        self.seen = Counter()
        self.slowest = 0.0
        self.enough = threading.Event()
        self.start()

    def run(self):
        client = http.client.HTTPConnection(HOST, self.port, timeout=10)
        while not self.enough.is_set():
            began = perf_counter()
            client.request("GET", self.path, headers=self.fields)
            answer = client.getresponse()
            body = answer.read()
            self.slowest = max(self.slowest, perf_counter() - began)
            self.seen[self.judge(answer, body)] += 1
        client.close()


def visit(port, path, judge, change, *, fields=None):
    """Visitors beside a change that is made again and again; what they saw."""
    visitors = [Visitor(port, path, judge, fields) for _ in range(CLIENTS)]
    try:
        change()
    finally:
        for visitor in visitors:
            visitor.enough.set()
        for visitor in visitors:
            visitor.join()
    seen = sum((visitor.seen for visitor in visitors), Counter())
    return seen, max(visitor.slowest for visitor in visitors)


def site(stage, more=""):
    folder = stage.folder / "site"
    folder.mkdir(exist_ok=True)
    proxy = stage.proxy(f"routes: [{{static: {{root: {folder}, {more}}}}}]")
    return folder, proxy


def version(number, size):
    """Content that names its number and its own hash, so that a mixture is seen."""
    body = b"%d " % number * (size // len(b"%d " % number))
    return hashlib.sha256(body).hexdigest().encode() + body


def whole(answer, body):
    if answer.status != 200:
        return answer.status
    if answer.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return "whole" if hashlib.sha256(body[64:]).hexdigest().encode() == body[:64] else "mixed"


def replace(path, octets):
    """As deployments should: whole or not at all."""
    beside = path.with_name(".new")
    beside.write_bytes(octets)
    os.replace(beside, path)


def test_a_file_that_is_replaced_all_the_time_is_always_whole(stage):
    folder, proxy = site(stage, "revalidate: 1ms")
    for size in (1_000, 50_000, 600_000):
        path = folder / f"{size}.txt"
        replace(path, version(0, size))

        def change(path=path, size=size):
            for number in range(ROUNDS):
                replace(path, version(number, size + number))

        for fields in ({}, {"Accept-Encoding": "gzip"}):
            seen, slowest = visit(proxy.port, f"/{path.name}", whole, change, fields=fields)
            REPORT.append(f"file of {size} replaced {ROUNDS} times {fields}: {dict(seen)}, "
                          f"slowest {slowest * 1000:.0f} ms")
            assert set(seen) == {"whole"}


def test_a_folder_that_goes_and_comes_back(stage):
    folder, proxy = site(stage, "revalidate: 1ms")
    path = folder / "css" / "a.css"

    def change():
        for number in range(ROUNDS):
            path.parent.mkdir(exist_ok=True)
            replace(path, version(number, 500))
            shutil.rmtree(path.parent)
        path.parent.mkdir()
        replace(path, version(0, 500))

    change()
    seen, _ = visit(proxy.port, "/css/a.css", whole, change)
    REPORT.append(f"folder deleted and back {ROUNDS} times: {dict(seen)}")
    assert set(seen) <= {"whole", 404}
    assert get(proxy.port, "/css/a.css")[0] == 200


def test_a_root_that_goes_and_comes_back(stage):
    folder, proxy = site(stage, "revalidate: 1ms")
    shutil.rmtree(folder)
    assert get(proxy.port, "/a.css")[0] == 404
    folder.mkdir()
    (folder / "a.css").write_bytes(b"back")
    assert get(proxy.port, "/a.css") == (200, b"back")


def get(port, path, **fields):
    client = http.client.HTTPConnection(HOST, port, timeout=30)
    client.request("GET", path, headers=fields)
    answer = client.getresponse()
    body = answer.read()
    client.close()
    return answer.status, body


def test_a_hundred_thousand_files_in_one_folder(stage):
    """Others go on while it is listed, and each of them is found as fast as in a small one."""
    folder, proxy = site(stage, "listing: true")
    crowd = folder / "crowd"
    crowd.mkdir()
    for number in range(100_000):
        os.close(os.open(crowd / f"{number:06d}.txt", os.O_CREAT | os.O_WRONLY))
    (folder / "a.txt").write_bytes(version(0, 500))
    listed = []

    def change():
        listed.extend(get(proxy.port, "/crowd/?format=json") for _ in range(3))

    began = perf_counter()
    seen, slowest = visit(proxy.port, "/a.txt", whole, change)
    REPORT.append(f"100,000 files listed in {(perf_counter() - began) / 3:.2f} s beside {seen['whole']} "
                  f"requests, the slowest of which took {slowest * 1000:.0f} ms")
    assert set(seen) == {"whole"}
    for status, body in listed:
        page = json.loads(body)
        assert (status, len(page["entries"]), page["truncated"]) == (200, 10_000, True)
        assert page["entries"][0]["name"] == "000000.txt"
    assert get(proxy.port, "/crowd/099999.txt") == (200, b"")


def test_a_rolling_deploy_takes_nobodys_files_away(stage):
    """Who has a page of a previous build still gets its files: two builds are kept, by their manifests."""
    releases, current = stage.folder / "releases", stage.folder / "current"

    def release(number):
        folder = releases / str(number)
        folder.mkdir(parents=True)
        name = f"app.{hashlib.sha256(b'%d' % number).hexdigest()[:12]}.js"
        (folder / name).write_bytes(version(number, 2_000))
        (folder / "staticfiles.json").write_text(
            json.dumps({"paths": {"app.js": name}, "version": "1.1", "hash": ""}))
        beside = stage.folder / "next"
        beside.symlink_to(folder)
        os.replace(beside, current)
        if number:
            shutil.rmtree(releases / str(number - 1))
        return name

    names = [release(0)]
    keep = stage.folder / "keep"
    keep.mkdir()
    proxy = stage.proxy(f"""
workers: 2
routes:
  - static: {{root: {current}, manifest: {current}/staticfiles.json, keep: {keep}, revalidate: 10ms}}
""")

    def is_kept():
        """It is by requests that the proxy notices a build."""
        return get(proxy.port, f"/{names[-1]}")[0] == 200 and (keep / names[-1]).exists()

    for number in range(1, 5):
        assert get(proxy.port, f"/{names[-1]}")[0] == 200
        wait_until(is_kept, "a build's files in the other folder")
        names.append(release(number))
        wait_until(is_kept, "a new build's files in the other folder")
        for name in names[-3:]:
            status, body = get(proxy.port, f"/{name}")
            assert (status, hashlib.sha256(body[64:]).hexdigest().encode()) == (200, body[:64])
    wait_until(lambda: get(proxy.port, f"/{names[0]}")[0] == 404, "the oldest build's end")
    client = http.client.HTTPConnection(HOST, proxy.port, timeout=10)
    client.request("GET", f"/{names[-2]}")
    answer = client.getresponse()
    answer.read()
    client.close()
    assert answer.getheader("Cache-Control") == "max-age=31536000, immutable"
