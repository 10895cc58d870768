"""Starting programs for a benchmark, on the CPU they belong to, and ending them whatever happens."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import pinned

START_SECONDS = 20.0
STOP_SECONDS = 5.0


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], cpu: int, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program on one CPU, its output in `log`; it and its children are gone afterwards."""
    with log.open("wb") as output, pinned(cpu):
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program politely, then its whole process group for certain."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it took its children along
    process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path, *,
                     secure: bool = False) -> None:
    """Return once `path` is answered with a 200; raise with the program's own words if it never is."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if _status(port, path, secure=secure) == 200:
            return
        time.sleep(0.05)  # between two looks, not a guess: only a 200 ends this
    words = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} did not answer {path} with 200 on port {port}:\n{words}")


def _status(port: int, path: str, *, secure: bool) -> int:
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=unverified()) if secure else
        http.client.HTTPConnection("127.0.0.1", port, timeout=5))
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def unverified() -> ssl.SSLContext:
    """For a certificate that was made for the occasion."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
