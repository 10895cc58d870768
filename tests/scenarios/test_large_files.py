"""Large files from the disk: every octet of them, to fast clients, slow ones and those that leave."""

import hashlib
import os
import random
import signal
import threading
import time

import psutil
import pytest

from tests.scenarios.support import LOOPS, ask, connect, rss, wait_until

MB = 1024 * 1024
CONTENT = random.Random(5).randbytes(10 * MB)
HUGE = 1024 * MB
MARKS = {0: b"begin", 511 * MB + 77: b"middle", HUGE - 3: b"end"}  # all else of the sparse file is zeros
SMALL = b"small" * 100


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    (root / "10m.bin").write_bytes(CONTENT)
    (root / "small.txt").write_bytes(SMALL)
    with (root / "huge.bin").open("wb") as file:
        for offset, mark in MARKS.items():
            file.seek(offset)
            file.write(mark)
    os.mkfifo(root / "fifo.bin")
    return root


def serving(stage, root, loop, top=""):
    return stage.proxy(f"workers: 1\n{top}\nroutes:\n  - static: {{root: {root}}}\n", loop=loop)


@pytest.fixture(scope="module")
def site(shared, root, loop):
    return serving(shared, root, loop)


@pytest.fixture(params=LOOPS)
def start(request, stage, root):
    """Starts a proxy of the test's own, for `root` or a folder with a copy of what it needs."""
    return lambda top="", root=root: serving(stage, root, request.param, top)


def huge(start, end):
    """These octets of the sparse file."""
    part = bytearray(end - start)
    for offset, mark in MARKS.items():
        for at, octet in enumerate(mark, offset - start):
            if 0 <= at < len(part):
                part[at] = octet
    return bytes(part)


def receive(wire, octets):
    """The next so many, or what there is of them: how many came, of which hash."""
    digest, length = hashlib.sha256(wire.held), len(wire.held)
    wire.held = b""
    while length < octets and (data := wire.sock.recv(MB)):
        digest.update(data)
        length += len(data)
    return length, digest.hexdigest()


def download(place, target, *fields):
    """The head, and how many octets of which hash came."""
    with connect(place) as wire:
        wire.get(target, *fields)
        head = wire.head()
        return head, *receive(wire, int(head.get(b"content-length")))


def holds(program, name):
    """How many descriptors of a file its only worker has."""
    files = psutil.Process(program.workers()[0]).open_files()
    return sum(file.path.endswith(name) for file in files)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# Octets.


def test_ten_megabytes(site):
    head, length, digest = download(site, "/10m.bin")
    assert (head.status, length, digest) == (200, len(CONTENT), sha256(CONTENT))


@pytest.mark.parametrize("wanted, start, end", [
    ("0-0", 0, 1), ("5000000-", 5_000_000, 10 * MB), ("-1048577", 9 * MB - 1, 10 * MB),
    ("1-9999999", 1, 10_000_000)])
def test_ranges(site, wanted, start, end):
    head, _, digest = download(site, "/10m.bin", f"Range: bytes={wanted}")
    assert (head.status, digest) == (206, sha256(CONTENT[start:end]))
    assert head.get(b"content-range") == b"bytes %d-%d/%d" % (start, end - 1, 10 * MB)


@pytest.fixture(scope="module")
def digest_of_huge():
    digest = hashlib.sha256()
    for at in range(0, HUGE, 16 * MB):
        digest.update(huge(at, at + 16 * MB))
    return digest.hexdigest()


def test_a_gigabyte(site, digest_of_huge):
    worker = site.workers()[0]
    before = rss(worker)
    head, length, digest = download(site, "/huge.bin")
    assert (head.status, length, digest) == (200, HUGE, digest_of_huge)
    assert rss(worker) - before < 8 * MB


@pytest.mark.parametrize("start, end", [
    (511 * MB, 512 * MB), (HUGE - 1, HUGE), (2**29 - 1, 2**29 + 5 * MB), (HUGE - 3 * MB, HUGE)])
def test_ranges_of_a_gigabyte(site, start, end):
    _, length, digest = download(site, "/huge.bin", f"Range: bytes={start}-{end - 1}")
    assert (length, digest) == (end - start, sha256(huge(start, end)))


def test_one_after_another_on_one_connection(site):
    with connect(site) as wire:
        for _ in range(3):
            wire.get("/10m.bin")
            wire.get("/small.txt")
        for _ in range(3):
            assert wire.response().body == CONTENT
            assert wire.response().body == SMALL


def test_a_fifo_is_no_file(site):
    began = time.monotonic()
    assert ask(site, "/fifo.bin").status == 404
    assert time.monotonic() - began < 1


# Clients.


def test_slow_clients(site):
    """Fifty that stop reading take no memory of ours, and the others do not notice."""
    worker = site.workers()[0]
    assert ask(site, "/small.txt").body == SMALL
    before = rss(worker)
    clients = [connect(site) for _ in range(50)]
    for client in clients:
        client.get("/huge.bin")
        client.head()
    assert ask(site, "/small.txt").body == SMALL
    assert holds(site, "huge.bin") == 50
    assert rss(worker) - before < 50 * 100_000
    for client in clients:
        client.close()
    wait_until(lambda: not holds(site, "huge.bin"), "the descriptors to be closed")


def test_who_takes_nothing_is_cut(start):
    site = start("timeouts: {send: 1s}\naccess_log: {path: '-'}")
    with connect(site) as client:
        client.get("/huge.bin")
        client.head()
        began = time.monotonic()
        wait_until(lambda: not holds(site, "huge.bin"), "the file to be closed")
        assert 1 <= time.monotonic() - began < 3
        taken = len(client.rest())
    assert taken < HUGE
    line = wait_until(site.access_log, "the log line")
    assert f'"GET /huge.bin HTTP/1.1" 200 {taken} ' in line


def test_who_takes_little_is_not(start):
    """A window of the kernel's own may last for long; what it moves counts."""
    site = start("timeouts: {send: 1s}")
    with connect(site) as client:
        client.get("/10m.bin")
        body = b""
        client.head()
        began = time.monotonic()
        while time.monotonic() - began < 4:
            body += client.exactly(100_000)
            threading.Event().wait(0.4)  # its pace
        assert body + client.exactly(len(CONTENT) - len(body)) == CONTENT


def test_a_stop_lets_it_finish(start):
    site = start()
    with connect(site) as client:
        client.get("/10m.bin")
        client.head()
        site.signal(signal.SIGTERM)
        site.wait_said("(?i)stop|drain|end")
        assert client.exactly(len(CONTENT)) == CONTENT
        assert client.at_end()
    assert site.wait() == 0


# The file.


@pytest.fixture
def own(tmp_path):
    """A folder with a file that the test may spoil."""
    (tmp_path / "own").mkdir()
    with (tmp_path / "own" / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
    return tmp_path / "own"


def test_cut_short_meanwhile(start, own):
    site = start(root=own)
    with connect(site) as client:
        client.get("/huge.bin")
        client.head()
        os.truncate(own / "huge.bin", 100)
        assert len(client.rest()) < HUGE
    site.wait_said("cannot be sent: the file was cut short")


def test_replaced_meanwhile(start, own):
    site = start(root=own)
    with connect(site) as client:
        client.get("/huge.bin", "Range: bytes=0-99999999")
        client.head()
        (own / "new").write_bytes(b"new" * 50_000_000)
        (own / "new").replace(own / "huge.bin")
        assert receive(client, 100_000_000) == (100_000_000, sha256(bytes(100_000_000)))
