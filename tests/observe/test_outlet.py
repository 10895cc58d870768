import errno
import fcntl
import os
import pty
import socket
import termios

import pytest

from proxy.observe import outlet
from proxy.observe.outlet import PIECE, SLOW, Outlet
from tests.observe.made import read_now

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def opened(tmp_path):
    """Makes outlets, and closes them."""
    made = []

    def make(path=tmp_path / "a.log", standard=-1):
        made.append(Outlet(str(path), standard))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def pipe(opened):
    """An outlet, and what reads from it."""
    out, fd = os.pipe()
    yield opened("-", fd), out
    os.close(out)
    os.close(fd)


# A reader that does not read.


@pytest.fixture(params=["anew", "poll"])
def way(request, monkeypatch):
    """How it is written: through a description of our own, or where that cannot be had."""
    if request.param == "poll":
        monkeypatch.setattr(outlet, "ANEW", os.O_WRONLY | os.O_DIRECTORY)


def test_a_pipe_that_nobody_reads(way, pipe):
    one, out = pipe
    written = 0
    while not (lost := one.write(LINE))[1]:
        written += 1
    assert lost == (1, SLOW)
    assert read_now(out) == LINE * written
    assert one.write(LINE * 2) == (0, "")
    assert read_now(out) == LINE * 2


def test_what_we_were_given_stays_as_it_was(pipe):
    one, _ = pipe
    one.write(LINE)
    assert os.get_blocking(one.fd)


def test_somebody_else_takes_the_room_that_was_just_there(pipe):
    """Two workers and one pipe: both are told that there is room, one of them has it."""
    one, _ = pipe
    other = os.open(f"/proc/self/fd/{one.fd}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(BlockingIOError):
            while True:
                os.write(other, LINE)
    finally:
        os.close(other)
    assert one.write(LINE * 3) == (3, SLOW)


def test_a_part_of_what_a_pipe_has_no_room_for(way, pipe):
    """Whole lines, and those that are lost are counted."""
    one, out = pipe
    count = 2000
    lost, why = one.write(LINE * count)
    assert why == SLOW
    assert read_now(out) == LINE * (count - lost)


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, 3 * PIECE])
def test_long_lines(way, pipe, size):
    one, out = pipe
    assert one.write(b"a" * size + b"\nb\n") == (0, "")
    assert read_now(out) == b"a" * size + b"\nb\n"


def test_a_long_line_that_was_cut_short_does_not_run_into_the_next_one(way, pipe):
    one, out = pipe
    while one.write(b"a" * 3 * PIECE + b"\n") == (0, ""):
        pass
    read_now(out)
    assert one.write(b"b\n") == (0, "")
    assert read_now(out) in (b"b\n", b"\nb\n")


def test_a_pipe_with_a_high_number(way, opened, pipe):
    """select() knows no descriptor above 1023; a busy worker has them."""
    one, out = pipe
    high = os.dup2(one.fd, 1500)
    try:
        assert opened("-", high).write(LINE) == (0, "")
    finally:
        os.close(high)
    assert read_now(out) == LINE


def test_a_socket_that_nobody_reads(opened):
    """Such as systemd gives; it cannot be opened anew."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = opened("-", ours.fileno())
        while not one.write(LINE)[1]:
            pass
        assert ours.getblocking()
        read = read_now(theirs.fileno())
        one.write(b"after\n")
        assert (read + read_now(theirs.fileno())).endswith(b"\nafter\n")


def test_a_terminal_that_was_told_to_stop(opened):
    """Ctrl-S."""
    keyboard, screen = pty.openpty()
    try:
        one = opened("-", screen)
        termios.tcflow(screen, termios.TCOOFF)
        assert one.write(LINE) == (1, SLOW)
        termios.tcflow(screen, termios.TCOON)
        assert one.write(LINE) == (0, "")
        assert os.get_blocking(screen)
    finally:
        os.close(keyboard)
        os.close(screen)


def test_a_stream_that_is_closed(opened):
    out, fd = os.pipe()
    os.close(out)
    os.close(fd)
    assert opened("-", fd).write(LINE) == (1, f"[Errno {errno.EBADF}] {os.strerror(errno.EBADF)}")


def test_a_named_pipe_that_nobody_reads_yet(opened, tmp_path):
    """Nobody is waited for; who comes finds what it had room for."""
    os.mkfifo(tmp_path / "pipe")
    one = opened(tmp_path / "pipe")
    written = 0
    while not (lost := one.write(LINE))[1]:
        written += 1
    assert lost == (1, SLOW)
    out = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert read_now(out) == LINE * written
    assert one.write(LINE) == (0, "")
    os.close(out)
    assert one.write(LINE) == (0, "")


def test_a_socket_is_no_file(opened, tmp_path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
            opened(tmp_path / "socket")


def test_what_comes_after_the_end_goes_nowhere(opened, tmp_path):
    one = opened()
    one.close()
    with (tmp_path / "other").open("wb"):  # which has the number now
        assert one.write(LINE)[0] == 1
    assert (tmp_path / "other").read_bytes() == b""


# Files.


class Disk:
    """Takes so many octets more."""

    def __init__(self, monkeypatch):
        self.room = 10**9
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd, data):
        if data and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self._write(fd, bytes(data[:self.room]))
        self.room -= taken
        return taken


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


@pytest.mark.parametrize("room, there, lost", [
    (0, b"", 2), (1, b"\n", 2), (40, b"x" * 39 + b"\n", 2), (99, b"x" * 98 + b"\n", 2),
    (100, LINE, 1), (160, LINE + b"x" * 59 + b"\n", 1), (200, LINE * 2, 0),
])
def test_a_disk_that_is_full_in_the_middle_of_a_line(opened, disk, tmp_path, room, there, lost):
    """Another worker may write the next line: so the part ends where it ends, and at once."""
    one, other = opened(), opened()
    other.write(b"first\n")
    disk.room = room
    assert one.write(LINE * 2)[0] == lost
    assert (tmp_path / "a.log").read_bytes() == b"first\n" + there
    disk.room = 10**9
    other.write(b"other\n")
    one.write(b"after\n")
    assert (tmp_path / "a.log").read_bytes() == b"first\n" + there + b"other\nafter\n"


def test_a_line_of_another_worker_after_the_part_of_ours(opened, disk, monkeypatch, tmp_path):
    one, other = opened(), opened()
    lseek = os.lseek

    def late(fd, *args):
        disk.room = 10**9
        other.write(b"other\n")
        disk.room = 0
        return lseek(fd, *args)

    monkeypatch.setattr(os, "lseek", late)
    disk.room = 40
    assert one.write(LINE)[0] == 1
    assert (tmp_path / "a.log").read_bytes() == b"x" * 39 + b"\nother\n"


def test_a_part_that_is_not_found_again(opened, disk, monkeypatch, tmp_path):
    """Then this worker at least begins a new line."""
    one = opened()
    monkeypatch.setattr(os, "lseek", lambda *args: 7)
    disk.room = 40
    assert one.write(LINE)[0] == 1
    disk.room = 10**9
    assert one.write(b"after\n") == (0, "")
    assert (tmp_path / "a.log").read_bytes() == b"x" * 40 + b"\nafter\n"


def test_room_comes_back_at_once(opened, disk, monkeypatch, tmp_path):
    one = opened()
    cut = outlet._cut

    def freed(*args):
        disk.room = 10**9
        return cut(*args)

    monkeypatch.setattr(outlet, "_cut", freed)
    disk.room = 40
    assert one.write(LINE) == (0, "")
    assert (tmp_path / "a.log").read_bytes() == b"x" * 39 + b"\n" + LINE


def test_whoever_writes_to_a_file_says_so(opened, tmp_path):
    """Also where nothing of its own puts it aside: who packs it may be of another configuration."""
    one = opened()
    with (tmp_path / "a.log").open() as packer:
        with pytest.raises(BlockingIOError):
            fcntl.flock(packer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        one.close()
        fcntl.flock(packer, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_system_without_locks(opened, monkeypatch, tmp_path):
    def refuse(fd, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert opened().write(LINE) == (0, "")
