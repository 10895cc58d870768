"""How many files this process may hold open, and how many connections that makes."""

from __future__ import annotations

import errno
import os
import resource

PER_CONNECTION = 2  # the client's, and the endpoint's or a file's
RESERVED = 64       # listeners, logs, the loop's own, files being served
NEARLY = 0.9        # of what was asked for: no reason to trouble anybody
FEWEST = 8          # with fewer a proxy is of no use; let the accept fail and say so
NONE_LEFT = frozenset((errno.EMFILE, errno.ENFILE))  # what lasts until something is closed


def raise_limit() -> None:
    """Take what the system grants: the soft limit is mostly 1024, for programs that still use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass  # an unlimited hard limit, which the kernel's own may still be below


def is_scarce(fd: int) -> bool:
    """Whether nearly all descriptors are taken, as this one's number tells: the system gives the lowest."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and fd >= soft - RESERVED


def free(most: int) -> int:
    """How many, of so many, could be opened now; 3 us for each that is."""
    found: list[int] = []
    try:
        while len(found) < most:
            found.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass  # that was the last one
    for fd in found:
        os.close(fd)
    return len(found)


def connection_capacity(limit_connections: int) -> int:
    """How many clients a worker can serve at once, of the `limits.connections` asked for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limit_connections
    return min(limit_connections, max(FEWEST, (soft - RESERVED) // PER_CONNECTION))


def shortage(limit_connections: int) -> str | None:
    """What to tell the operator where the limit on open files is too low; None where it is not."""
    capacity = connection_capacity(limit_connections)
    if capacity >= limit_connections * NEARLY:
        return None
    needed = limit_connections * PER_CONNECTION + RESERVED
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"limits.connections is {limit_connections} and needs {needed} open files, the system allows {soft} "
        f"(ulimit -Hn): each worker serves at most {capacity} connections at once, more wait to be accepted"
    )
