import fcntl
import gzip
import os
import re
import threading
from datetime import datetime

import pytest

from proxy.observe import rotation
from proxy.observe.rotation import Rotation, claimed


@pytest.fixture
def file(tmp_path):
    return tmp_path / "access.log"


def made(file, **options):
    return Rotation(str(file), **{"size": 100, "age": None, "keep": 7, "compress": True, **options})


def turn(rotated):
    return rotated.turn(os.stat(rotated.path))


def tidy(rotated):
    """In a thread, for it lowers its own priority."""
    found = []
    thread = threading.Thread(target=lambda: found.append(rotated.tidy()))
    thread.start()
    thread.join()
    return found[0]


def others(file):
    return sorted(path.name for path in file.parent.iterdir() if path != file)


def local(*when):
    return datetime(*when).timestamp()


# When.

def test_a_full_file_is_due(file):
    for octets, due in ((0, False), (99, False), (100, True)):
        file.write_bytes(b"x" * octets)
        assert made(file).due(os.stat(file), 0) is due


@pytest.mark.parametrize("age, before, after", [
    (86400, (2026, 11, 21, 23, 59, 59), (2026, 11, 22, 0, 0, 0)),
    (3600, (2026, 11, 22, 7, 59, 59), (2026, 11, 22, 8, 0, 0)),
    (7 * 86400, (2026, 11, 22, 23, 59, 59), (2026, 11, 23, 0, 0, 0)),  # a Monday
])
def test_periods_begin_where_people_expect_it(file, monkeypatch, age, before, after):
    rotated = made(file, size=None, age=age)
    file.write_bytes(b"x")
    os.utime(file, (local(*before), local(*before)))
    found = os.stat(file)
    period = rotated.period(found)
    monkeypatch.setattr(rotation.time, "time", lambda: local(*before))
    assert not rotated.due(found, period)
    monkeypatch.setattr(rotation.time, "time", lambda: local(*after))
    assert rotated.due(found, period)


def test_an_empty_file_is_of_now_and_never_old(file):
    file.touch()
    os.utime(file, (0, 0))
    rotated = made(file, size=None, age=3600)
    assert rotated.period(os.stat(file)) == rotated._period(rotation.time.time())
    assert not rotated.due(os.stat(file), 0)


# Turning.

def test_a_turn_gives_the_file_a_new_name_and_begins_another(file):
    file.write_bytes(b"old\n")
    file.chmod(0o604)
    rotated = made(file)
    before = os.stat(file)
    assert turn(rotated)
    (name,) = others(file)
    assert re.fullmatch(r"access\.log-\d{8}-\d{6}", name)
    assert (file.parent / name).read_bytes() == b"old\n"
    assert (file.read_bytes(), os.stat(file).st_mode & 0o777) == (b"", 0o604)
    assert rotated.moved(before)
    assert not rotated.turn(before), "somebody has done it"


def test_turns_of_one_second_have_names_of_their_own(file, monkeypatch):
    monkeypatch.setattr(rotation.time, "strftime", lambda form: "20261122-080116")
    rotated = made(file, keep=2)
    for number in range(12):
        file.write_text(str(number))
        assert turn(rotated)
    names = [f"access.log-20261122-080116{end}" for end in ("", *(f"-{count}" for count in range(2, 13)))]
    assert others(file) == sorted(names)
    assert tidy(rotated)
    assert sorted(gzip.decompress(path.read_bytes()) for path in file.parent.glob("*.gz")) == [b"10", b"11"]


def test_one_turns_at_a_time(file):
    file.write_bytes(b"x")
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        assert not turn(made(file))
    finally:
        os.close(folder)
    assert turn(made(file))


def test_a_file_that_is_gone_is_moved(file):
    file.touch()
    before = os.stat(file)
    file.unlink()
    assert made(file).moved(before)


def test_who_opened_what_was_put_aside_this_moment_is_told(file):
    file.write_bytes(b"x")
    rotated = made(file)
    with file.open() as early, file.open() as late:
        assert claimed(rotated.path, early.fileno())
        turn(rotated)
        assert not claimed(rotated.path, late.fileno())


# What becomes of old ones.

def test_old_files_are_packed_with_their_time_and_rights(file):
    file.write_bytes(b"line\n" * 1000)
    file.chmod(0o600)
    os.utime(file, (1e9, 1e9))
    rotated = made(file)
    turn(rotated)
    (name,) = others(file)
    assert tidy(rotated)
    (packed,) = others(file)
    assert packed == f"{name}.gz"
    found = os.stat(file.parent / packed)
    assert (found.st_mtime, found.st_mode & 0o777) == (1e9, 0o600)
    assert gzip.decompress((file.parent / packed).read_bytes()) == b"line\n" * 1000


def test_nothing_is_packed_that_somebody_writes_to(file):
    file.write_bytes(b"x")
    rotated = made(file)
    with file.open("ab") as writer:
        assert claimed(rotated.path, writer.fileno())
        turn(rotated)
        assert not tidy(rotated)
        assert not list(file.parent.glob("*.gz"))
    assert tidy(rotated)
    assert len(list(file.parent.glob("*.gz"))) == 1


def test_only_ones_own_old_files_are_touched(file):
    strangers = ["access.log.1", "access.log-2026", "my-access.log-20261122-080116",
                 "access.log-20261122-080116.bak"]
    ours = [f"access.log-20261122-{clock:06}" for clock in (80000, 90000, 100000, 110000)]
    for name in (*strangers, *ours[1:], f"{ours[0]}.gz"):
        (file.parent / name).write_text(name)
    assert tidy(made(file, keep=2, compress=False))
    assert others(file) == sorted([*strangers, *ours[2:]])


def test_keep_none_and_keep_all(file):
    old = file.parent / "access.log-20261122-080116"
    old.touch()
    assert tidy(made(file, keep=None, compress=False))
    assert old.exists()
    assert tidy(made(file, keep=0))
    assert not others(file)


def test_what_another_process_puts_aside_meanwhile_is_not_removed(file, monkeypatch):
    (file.parent / "access.log-20261122-080116").write_bytes(b"old\n")
    fresh = file.parent / "access.log-20261122-080117"
    listed = os.listdir

    def and_then_another_turned(folder):
        names = listed(folder)
        fresh.write_bytes(b"new\n")
        return names

    monkeypatch.setattr(rotation.os, "listdir", and_then_another_turned)
    for keep in (None, 1, 0):
        fresh.unlink(missing_ok=True)
        assert tidy(made(file, keep=keep, compress=False))
        assert fresh.exists()


def test_what_a_crash_has_left(file):
    """The half-made `.gz` of a file, and one whose file is gone."""
    old = file.parent / "access.log-20261122-080116"
    old.write_bytes(b"line\n")
    (file.parent / f"{old.name}.gz.part").write_bytes(b"half")
    assert tidy(made(file))
    assert others(file) == [f"{old.name}.gz"]
    assert gzip.decompress((file.parent / f"{old.name}.gz").read_bytes()) == b"line\n"


def test_a_full_disk_leaves_the_file_as_it_is(file, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    old = file.parent / "access.log-20261122-080116"
    old.write_bytes(b"line\n")
    monkeypatch.setattr(rotation.shutil, "copyfileobj", full)
    monkeypatch.setattr(rotation, "_be_modest", lambda: None)
    with pytest.raises(OSError, match="No space"):
        made(file).tidy()
    assert others(file) == [old.name]
