import logging
import os

import pytest

from proxy.observe.access_log import BATCH, AccessLog
from proxy.observe.log_lines import LONGEST, Combined
from proxy.observe.outlet import Outlet
from proxy.observe.redact import Redaction
from tests.observe.made import entry, lines_of, read_now

# When it is written.

def test_lines_wait_for_each_other(opened):
    log = opened()
    log.ended(entry())
    assert os.path.getsize(log._out.path) == 0
    log.tick(50.0)
    written = os.path.getsize(log._out.path)
    assert written > 0
    log.ended(entry())
    log.tick(50.9)
    assert os.path.getsize(log._out.path) == written
    log.tick(51.0)
    assert os.path.getsize(log._out.path) == 2 * written
    log.tick(60.0)
    assert os.path.getsize(log._out.path) == 2 * written


def test_many_lines_do_not_wait(opened):
    log = opened()
    for _ in range(BATCH - 1):
        log.ended(entry())
    assert os.path.getsize(log._out.path) == 0
    log.refused("192.0.2.7", 400, b"x")
    log.ended(entry(b"/after"))
    with open(log._out.path, "rb") as file:
        lines = file.readlines()
    assert len(lines) == BATCH
    assert lines[-1].endswith(b'"x" 400 0 "-" "-"\n')


# Rotation.

def test_reopen_after_a_rename(opened, tmp_path):
    log = opened()
    log.ended(entry(b"/old"))
    os.rename(log._out.path, tmp_path / "access.log.1")
    log.reopen()
    log.ended(entry(b"/new"))
    assert b"/new" in lines_of(log)[0]
    assert b"/old" in (tmp_path / "access.log.1").read_bytes()


def test_several_processes_append(opened):
    one, two = opened(), opened()
    one.ended(entry(b"/one"))
    two.ended(entry(b"/two"))
    one.flush()
    assert len(lines_of(two)) == 2


def test_a_log_that_others_may_not_read(opened):
    old = os.umask(0)
    try:
        assert os.stat(opened()._out.path).st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


# When it cannot be written.

def test_a_full_disk_drops_lines_and_says_so_now_and_then(opened, monkeypatch, caplog):
    log = opened()

    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        log.ended(entry())
        log.flush()
    assert log._dropped == 3
    record, = caplog.records
    assert record.levelno == logging.WARNING
    assert "No space left" in record.message
    monkeypatch.undo()
    log.ended(entry(b"/after"))
    assert b"/after" in lines_of(log)[0]


def test_a_file_that_cannot_be_reopened(opened, tmp_path, caplog):
    log = opened()
    log._out.path = str(tmp_path / "none" / "access.log")
    log.reopen()
    assert "the access log stays the old file" in caplog.text
    log._out.path = str(tmp_path / "access.log")
    log.ended(entry(b"/after"))
    assert b"/after" in lines_of(log)[0]


class Pipe:
    """A log that goes to a pipe, as standard output may be."""

    def __init__(self, log):
        self.out, self.fd = os.pipe()
        log._out = Outlet("-", self.fd)
        self.log = log

    def read(self):
        return read_now(self.out)

    def close(self):
        os.close(self.out)
        self.log._out.close()
        os.close(self.fd)


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
        log.ended(entry())
        count += 1
    assert "does not keep up" in caplog.text
    log.flush()
    read = pipe.read()
    assert read.endswith(b"\n")
    assert read.count(b"\n") + log._dropped == count
    log.ended(entry(b"/after"))
    log.flush()
    assert b"/after" in pipe.read()


def test_a_line_that_is_longer_than_a_pipe_takes_at_once(pipe):
    pipe.log.ended(entry(fields=[(b"Referer", b"\x80" * LONGEST), (b"User-Agent", b"x")]))
    pipe.log.ended(entry(b"/after"))
    pipe.log.flush()
    first, second = pipe.read().splitlines()
    assert len(first) > 4 * LONGEST
    assert b"/after" in second


def test_a_pipe_whose_reader_is_gone(pipe, caplog):
    nobody = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nobody, pipe.out)
    os.close(nobody)
    pipe.log.ended(entry())
    pipe.log.flush()
    assert pipe.log._dropped == 1
    assert "Broken pipe" in caplog.text


def test_standard_output_is_written_with_care():
    out, fd = os.pipe()
    kept = os.dup(1)
    os.dup2(fd, 1)
    try:
        log = AccessLog("-", Combined(Redaction()))
        log.ended(entry())
        log.reopen()
        assert os.get_blocking(1), "it is others', too"
        log.close()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(fd)
    with open(out, "rb") as file:
        assert b"GET /a?b" in file.read()
