import logging
import os
import re
import signal
import threading

import pytest

from proxy.config.log_schema import ErrorLog
from proxy.observe import logs, seldom
from proxy.observe.outlet import Outlet
from tests.observe.made import read_now

LOG = logging.getLogger("proxy.worker")


@pytest.fixture
def error_log(tmp_path):
    """Sets the log up; afterwards logging is as it was."""
    root, ours = logging.getLogger(), logging.getLogger("proxy")
    levels = root.level, ours.level

    def set_up(path=tmp_path / "error.log", level="info", rotate=None):
        logs.setup(ErrorLog.model_construct(path=str(path), level=level, rotate=rotate))
        return path

    yield set_up
    for handler in logs.own_handlers():
        root.removeHandler(handler)
        handler.close()
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_a_line_says_when_how_bad_who_and_what(error_log):
    path = error_log()
    LOG.warning("it is %s", "late")
    line = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d warning proxy\.worker\[{os.getpid()}\]: it is late\n"
    assert re.fullmatch(line, path.read_text())


def test_control_characters_cannot_make_a_second_line(error_log):
    path = error_log()
    LOG.error("path %s", "a\r\nb\x1b[31m\x85\u2028é")
    assert path.read_text().endswith(": path a\\r\\nb\\x1b[31m\\x85\\u2028é\n")
    assert len(path.read_bytes().splitlines()) == 1


def test_a_traceback_is_indented(error_log):
    path = error_log()
    try:
        raise ValueError("one\n2026-11-22 00:00:00 error proxy[1]: forged")
    except ValueError:
        LOG.exception("it failed")
    first, *rest = path.read_text().splitlines()
    assert first.endswith("it failed")
    assert any("ValueError: one" in line for line in rest)
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("level, kept", [("debug", "debug info"), ("info", "info"), ("error", "")])
def test_the_level_is_for_our_records(error_log, level, kept):
    path = error_log(level=level)
    LOG.debug("debug")
    LOG.info("info")
    logging.getLogger("asyncio").info("a library's")
    assert [line.split()[-1] for line in path.read_text().splitlines()] == kept.split()


def test_a_dash_is_stderr(error_log, capfd):
    error_log(path="-")
    LOG.error("here")
    assert capfd.readouterr().err.endswith(": here\n")
    logs.reopen()
    LOG.error("still here")
    assert capfd.readouterr().err.endswith(": still here\n")


def test_reopen_writes_to_the_new_file(error_log, tmp_path):
    path = error_log()
    LOG.error("old")
    path.rename(tmp_path / "error.log.1")
    LOG.error("still the old file")
    logs.reopen()
    LOG.error("new")
    assert len((tmp_path / "error.log.1").read_text().splitlines()) == 2
    assert path.read_text().endswith(": new\n")


def test_what_cannot_be_reopened_stays(error_log, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    error_log(folder / "error.log")
    kept = tmp_path / "moved"
    folder.rename(kept)
    logs.reopen()
    assert "the error log stays the old file" in (kept / "error.log").read_text()


def test_a_full_disk_stops_nobody(error_log):
    error_log("/dev/full")
    LOG.error("lost")
    assert len(logs.own_handlers()) == 1


def test_a_pipe_that_nobody_reads_stops_nobody(error_log):
    """What was lost is counted, and told once somebody reads again."""
    out, fd = os.pipe()
    error_log("-")
    handler, = logs.own_handlers()
    handler._out.close()
    handler._out = Outlet("-", fd)
    try:
        count = 0
        while not handler._lost:
            LOG.error("lost?")
            count += 1
        for _ in range(9):
            LOG.error("lost")
        read = read_now(out).splitlines()
        LOG.error("after")
        told, after = read_now(out).splitlines()
    finally:
        for one in (out, fd):
            os.close(one)
    assert len(read) == count - 1
    assert told.endswith(b": 10 records before this line were lost: the log could not be written")
    assert after.endswith(b": after")


def test_what_is_said_is_a_line_in_one_piece(capfd, monkeypatch):
    """Workers, and another program after an upgrade, write to the same place."""
    written = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or write(fd, data))
    logs.say("ready: all")
    assert written == [b"ready: all\n"]
    assert capfd.readouterr().err == "ready: all\n"


@pytest.mark.parametrize("reads", [True, False])
def test_who_reads_late_hears_it_and_who_does_not_holds_nobody_up(monkeypatch, reads):
    out, fd = os.pipe()
    monkeypatch.setattr(logs, "STDERR", fd)
    monkeypatch.setattr(logs, "HEARING", 30.0 if reads else 0.0)
    outlet = Outlet("-", fd)
    while outlet.write(b"x" * 4095 + b"\n") == (0, ""):
        pass
    reader = threading.Timer(0.05, os.read, (out, 65536))
    if reads:
        reader.start()
    logs.say("ready: all")
    reader.cancel()
    read = read_now(out)
    assert read.count(b"ready: all\n") == reads, read[-99:]
    outlet.close()
    for one in (out, fd):
        os.close(one)


def test_a_folder_that_is_missing_is_an_error(error_log, tmp_path):
    with pytest.raises(FileNotFoundError):
        error_log(tmp_path / "none" / "error.log")
    assert logs.own_handlers() == []


def test_setting_up_again_replaces(error_log, tmp_path):
    first = error_log()
    second = error_log(tmp_path / "second.log")
    LOG.error("once")
    assert first.read_text() == ""
    assert len(second.read_text().splitlines()) == 1


def test_what_lasts_is_told_seldom(error_log, monkeypatch):
    path = error_log()
    now = 1000.0
    monkeypatch.setattr(seldom, "monotonic", lambda: now)
    warner = logs.Seldom(LOG)
    for _ in range(3):
        warner.warn("no room: %s", "full")
    now += seldom.PAUSE
    for _ in range(2):
        warner.warn("no room: %s", "still")
    told = [line.partition("]: ")[2] for line in path.read_text().splitlines()]
    assert told == ["no room: full", "no room: still (2 times more since the last such line)"]


def test_a_crash_is_told_in_the_log_also_after_a_rotation(error_log, tmp_path):
    pid = os.fork()
    if pid == 0:
        try:
            error_log()
            logs.begin_child()
            (tmp_path / "error.log").rename(tmp_path / "old")
            logs.reopen()
            os.abort()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in (tmp_path / "error.log").read_text()
