import json
import logging
import os
import re
from types import SimpleNamespace

import pytest

from proxy.clock import WALL
from proxy.observe import access_log
from proxy.observe.access_log import BATCH, LONGEST, AccessLog, escape
from tests.fakes import FakeExchange

STAMP = rb"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"


@pytest.fixture
def opened(tmp_path):
    """Makes logs, and closes their files."""
    made = []

    def make(form="combined", path=None):
        made.append(AccessLog(str(path or tmp_path / "access.log"), form))
        return made[-1]

    yield make
    for log in made:
        if log._fd > 2:
            os.close(log._fd)


def exchange_of(target=b"/a?b", fields=(), **changes):
    exchange = FakeExchange(target, fields, client="192.0.2.7", started=100.0)
    exchange.version = 11
    exchange.status, exchange.sent = 200, 5
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


def lines_of(log):
    log.flush()
    with open(log._path, "rb") as file:
        return file.read().splitlines()


# The two forms.

def test_combined(opened):
    log = opened()
    log.ended(exchange_of(fields=[(b"Referer", b"http://r/"), (b"User-Agent", b"curl")]), 101.0)
    log.ended(exchange_of(version=10), 101.0)
    first, second = lines_of(log)
    assert re.fullmatch(
        rb'192\.0\.2\.7 - - ' + STAMP + rb' "GET /a\?b HTTP/1\.1" 200 5 "http://r/" "curl"', first)
    assert second.endswith(b' "GET /a?b HTTP/1.0" 200 5 "-" "-"')


def test_the_stamp_is_made_once_a_second(opened, monkeypatch):
    log = opened()
    first = log._time()
    assert log._time() is first
    monkeypatch.setattr(WALL, "second", WALL.second + 60)
    assert log._time() != first


def test_json(opened):
    log = opened("json")
    log.ended(exchange_of(
        fields=[(b"Referer", b"http://r/"), (b"User-Agent", b"c\xe4rl"), (b"Content-Length", b"7")],
        route="r", pool="p", endpoint="e", attempts=2, timings=[100.010, 100.250]), 100.5)
    line, = lines_of(log)
    record = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert record == {
        "client": "192.0.2.7", "method": "GET", "host": "a.example", "target": "/a?b", "version": "1.1",
        "status": 200, "bytes": 5, "request_bytes": 7, "request_id": "request-1", "route": "r", "pool": "p",
        "endpoint": "e", "attempts": 2, "referer": "http://r/", "user_agent": "c\u00e4rl",
        "total_ms": 500.0, "queued_ms": 10.0, "head_ms": 250.0}


def test_json_names_the_attempts_that_failed(opened):
    log = opened("json")
    trail = [("127.0.0.1:8001", "connect: refused", 100.001), ("127.0.0.1:8002", "HTTP 503", 100.25)]
    for each in (trail, [], None):
        log.ended(exchange_of(trail=each, attempts=3), 101.0)
    first, *others = [json.loads(line) for line in lines_of(log)]
    assert first["failed_attempts"] == [
        {"endpoint": "127.0.0.1:8001", "why": "connect: refused", "after_ms": 1.0},
        {"endpoint": "127.0.0.1:8002", "why": "HTTP 503", "after_ms": 250.0}]
    assert not any("failed_attempts" in record for record in others)


def test_what_an_endpoint_sent_breaks_no_line(opened):
    """The reason of a failed attempt may quote it."""
    log = opened("json")
    log.ended(exchange_of(trail=[("a:1", "head: not HTTP: 'x\n\x1b[31m\u20ac\ud800'", 100.5)]), 101.0)
    line, = lines_of(log)
    assert line.isascii()
    assert b"\x1b" not in line
    assert "not HTTP" in json.loads(line)["failed_attempts"][0]["why"]


@pytest.mark.parametrize("timings, there", [(None, set()), ([], set()), ([100.01], {"queued_ms"})])
def test_json_without_what_never_happened(opened, timings, there):
    log = opened("json")
    log.ended(exchange_of(timings=timings, version=10), 101.0)
    record = json.loads(lines_of(log)[0])
    assert {"queued_ms", "head_ms"} & set(record) == there
    assert (record["version"], record["request_bytes"]) == ("1.0", 0)


def test_what_was_no_request(opened):
    combined, as_json = opened(), opened("json", path=opened()._path + ".json")
    for log in (combined, as_json):
        log.refused("192.0.2.7", 400, b'G"T\x16 /' + b"x" * 500 + b"\r\nsecret: 1")
    line, = lines_of(combined)
    assert re.fullmatch(rb'192\.0\.2\.7 - - ' + STAMP + rb' "G\\x22T\\x16 /x{94}" 400 0 "-" "-"', line)
    record = json.loads(lines_of(as_json)[0])
    assert (record["client"], record["status"], record["refused"][:6]) == ("192.0.2.7", 400, 'G"T\x16 /')
    assert len(record["refused"]) == 100


# Nothing that a client sends breaks, forges or drives.

@pytest.mark.parametrize("value, written", [
    (b"plain ~!", b"plain ~!"), (b'a"b', b"a\\x22b"), (b"a\\b", b"a\\x5cb"),
    (b"\r\n\t\0", b"\\x0d\\x0a\\x09\\x00"),
    (b"\x1b[2J\x7f\x80\xff", b"\\x1b[2J\\x7f\\x80\\xff"), (b"", b""),
    (b"a" * LONGEST, b"a" * LONGEST), (b"a" * (LONGEST + 1), b"a" * LONGEST + b"...")])
def test_escape(value, written):
    assert escape(value) == written


@pytest.mark.parametrize("form", ["combined", "json"])
def test_every_octet_stays_in_its_line(opened, form):
    """CVE-2020-7694."""
    log = opened(form)
    everything = bytes(range(256))
    fields = {b"referer": everything, b"user-agent": everything}
    headers = SimpleNamespace(get=fields.get, length=None)
    log.ended(exchange_of(headers=headers, method=b"M" * 99), 101.0)
    line, = lines_of(log)
    assert re.fullmatch(rb"[\x20-\x7e]+", line)
    if form == "json":
        assert json.loads(line)["referer"].encode("latin-1") == everything
    else:
        assert line.count(b'"') == 6


# When it is written.

def test_lines_wait_for_each_other(opened):
    log = opened()
    log.ended(exchange_of(), 101.0)
    assert os.path.getsize(log._path) == 0
    log.tick(50.0)
    written = os.path.getsize(log._path)
    assert written > 0
    log.ended(exchange_of(), 101.0)
    log.tick(50.9)
    assert os.path.getsize(log._path) == written
    log.tick(51.0)
    assert os.path.getsize(log._path) == 2 * written
    log.tick(60.0)
    assert os.path.getsize(log._path) == 2 * written


def test_many_lines_do_not_wait(opened):
    log = opened()
    line = len(log._combined_line(exchange_of(), 101.0))
    for _ in range(BATCH // line):
        log.ended(exchange_of(), 101.0)
    assert os.path.getsize(log._path) == 0
    log.ended(exchange_of(), 101.0)
    assert os.path.getsize(log._path) == (BATCH // line + 1) * line


def test_a_write_that_takes_a_part_is_gone_on_with(opened, monkeypatch):
    log = opened()
    write = os.write
    monkeypatch.setattr(access_log.os, "write", lambda fd, data: write(fd, bytes(data[:7])))
    log.ended(exchange_of(), 101.0)
    line, = lines_of(log)
    assert line.endswith(b'"-"')


# Rotation.

def test_reopen_after_a_rename(opened, tmp_path):
    log = opened()
    log.ended(exchange_of(b"/old"), 101.0)
    os.rename(log._path, tmp_path / "access.log.1")
    log.reopen()
    log.ended(exchange_of(b"/new"), 101.0)
    assert b"/new" in lines_of(log)[0]
    assert b"/old" in (tmp_path / "access.log.1").read_bytes()


def test_several_processes_append(opened):
    one, two = opened(), opened()
    one.ended(exchange_of(b"/one"), 101.0)
    two.ended(exchange_of(b"/two"), 101.0)
    one.flush()
    assert len(lines_of(two)) == 2


def test_a_log_that_others_may_not_read(opened):
    old = os.umask(0)
    try:
        assert os.stat(opened()._path).st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


# When it cannot be written.

def test_a_full_disk_drops_lines_and_says_so_now_and_then(opened, monkeypatch, caplog):
    log = opened()

    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(access_log.os, "write", full)
    for _ in range(3):
        log.ended(exchange_of(), 101.0)
        log.flush()
    assert log._dropped == 3
    record, = caplog.records
    assert record.levelno == logging.WARNING
    assert "No space left" in record.message
    for _ in range(10_000):
        log.ended(exchange_of(), 101.0)
    log.flush()
    assert len(caplog.records) == 2
    monkeypatch.undo()
    log.ended(exchange_of(b"/after"), 101.0)
    assert b"/after" in lines_of(log)[0]


class Pipe:
    """A log that goes to a pipe."""

    def __init__(self, log):
        self.out, fd = os.pipe()
        os.close(log._fd)
        log._fd, log._careful = fd, True
        self.log = log

    def read(self):
        os.set_blocking(self.out, False)
        data = b""
        try:
            while piece := os.read(self.out, 65536):
                data += piece
        except BlockingIOError:
            pass
        return data

    def close(self):
        os.close(self.out)


@pytest.fixture
def pipe(opened):
    pipe = Pipe(opened())
    yield pipe
    pipe.close()


def test_a_pipe_that_nobody_reads_stops_nobody(pipe, caplog):
    log = pipe.log
    log.flush()
    count = 0
    while not log._dropped:
        log.ended(exchange_of(), 101.0)
        count += 1
    assert "does not keep up" in caplog.text
    log.flush()
    read = pipe.read()
    assert read.endswith(b"\n")
    assert read.count(b"\n") + log._dropped == count
    log.ended(exchange_of(b"/after"), 101.0)
    log.flush()
    assert b"/after" in pipe.read()


def test_a_line_that_is_longer_than_a_pipe_takes_at_once(pipe):
    long = exchange_of(fields=[(b"Referer", b"\x80" * LONGEST), (b"User-Agent", b"x")])
    pipe.log.ended(long, 101.0)
    pipe.log.ended(exchange_of(b"/after"), 101.0)
    pipe.log.flush()
    first, second = pipe.read().splitlines()
    assert len(first) > 4 * LONGEST
    assert b"/after" in second


def test_a_pipe_whose_reader_is_gone(opened, caplog):
    pipe = Pipe(opened())
    pipe.close()
    pipe.log.ended(exchange_of(), 101.0)
    pipe.log.flush()
    assert pipe.log._dropped == 1
    assert "Broken pipe" in caplog.text


def test_a_pipe_with_a_high_number(pipe):
    """select() knows no descriptor above 1023; a busy worker has them."""
    fd = os.dup(pipe.log._fd)
    high = 1500
    os.dup2(fd, high)
    os.close(fd)
    os.close(pipe.log._fd)
    pipe.log._fd = high
    pipe.log.ended(exchange_of(), 101.0)
    pipe.log.flush()
    assert pipe.read().endswith(b'"-"\n')


def test_standard_output_is_written_with_care():
    out, fd = os.pipe()
    kept = os.dup(1)
    os.dup2(fd, 1)
    try:
        log = AccessLog("-", "combined")
        log.ended(exchange_of(), 101.0)
        log.reopen()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(fd)
    with open(out, "rb") as file:
        assert b"GET /a?b" in file.read()
    assert (log._careful, log._fd) == (True, 1)


def test_standard_output_that_is_closed(monkeypatch):
    def closed(fd):
        raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr(access_log.os, "fstat", closed)
        assert AccessLog("-", "combined")._careful
