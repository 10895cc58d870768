"""Python reads this at its start (PYTHONPATH): what lies in a folder `slow` is on a disk that takes its time.

SLOW_SECONDS is what each open, stat and read of such a file takes, in whichever thread it is made.
CACHE says what the page cache tells about them: `empty`, or `mute` where the file system cannot tell.
"""

import errno
import os
import threading

SECONDS = float(os.environ["SLOW_SECONDS"])
CACHE = os.environ["CACHE"]
real = {name: getattr(os, name) for name in ("open", "preadv", "pread", "sendfile", "fstat")}


def is_slow(fd):
    return b"/slow/" in os.fsencode(os.readlink(f"/proc/self/fd/{fd}"))


def wait():
    threading.Event().wait(SECONDS)


def slow_open(path, *args, **options):
    fd = real["open"](path, *args, **options)
    if is_slow(fd):
        wait()
    return fd


def preadv(fd, buffers, offset, flags=0):
    if flags and is_slow(fd):
        raise OSError(errno.EOPNOTSUPP, "mute") if CACHE == "mute" else BlockingIOError
    return real["preadv"](fd, buffers, offset, flags)


def pread(fd, size, offset):
    if is_slow(fd):
        wait()
    return real["pread"](fd, size, offset)


def sendfile(out, fd, offset, count):
    if is_slow(fd):
        wait()
    return real["sendfile"](out, fd, offset, count)


os.open, os.preadv, os.pread, os.sendfile = slow_open, preadv, pread, sendfile
