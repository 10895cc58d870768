"""Starts the supervisor as a process of its own and talks to it; every wait has a deadline."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 15.0


class Proxy:
    """A running `python -m MODULE FILE ...`."""

    def __init__(self, *words, env=None):
        self.unread = b""
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def line(self, pattern):
        """The next line of stderr that has the pattern in it; AssertionError where none comes."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\n" in self.unread:
                line, self.unread = self.unread.split(b"\n", 1)
                self.lines.append(line.decode())
                if re.search(pattern, self.lines[-1]):
                    return self.lines[-1]
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            assert data, f"no line has {pattern!r}: {self.lines}"
            self.unread += data

    def ready(self):
        return self.line(r"^ready: ")

    def signal(self, number):
        os.kill(self.process.pid, number)

    def status(self):
        """The exit status; stderr is read to its end."""
        status = self.process.wait(PATIENCE)
        self.lines += (self.unread + self.process.stderr.read()).decode().splitlines()
        self.unread = b""
        return status

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.status()


def fake(file, kind="FakePlane", env=None):
    return Proxy("-m", "tests.process.fake_plane", file, kind, env=env)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Client:
    """One connection that sends a line and reads lines."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(PATIENCE)
        try:
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise
        self.file = self.sock.makefile("rwb")

    def send(self, line):
        self.file.write(line)
        self.file.flush()

    def receive(self):
        return self.file.readline()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(address, line=b"pid\n"):
    """The two numbers of an answer: the worker's pid, how often it reopened its logs."""
    with Client(address) as client:
        client.send(line)
        pid, reopened = client.receive().split()
        return int(pid), int(reopened)


def wait_until(is_true):
    """For what cannot be waited on otherwise: a file that another process makes."""
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def wait_for_end(pid):
    """Until a process that is not our child has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"process {pid} still runs"
    finally:
        os.close(descriptor)
