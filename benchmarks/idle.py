"""Connections that have asked once and are now kept alive in silence, as browsers leave them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.browsers import browser_fields, request_head

CONNECTIONS = 1000


@contextmanager
def idle_connections(port: int, path: str, count: int = CONNECTIONS) -> Iterator[None]:
    """Hold `count` connections open, each after one answered request."""
    with ExitStack() as stack:
        for number in range(count):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            link.sendall(request_head(path, browser_fields(number)).encode())
            _read_answer(link)
        yield


def _read_answer(link: socket.socket) -> None:
    """Take a small answer off a connection: its head, and as much as Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(link)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"an idle connection was answered {head[:40]!r}")
    left = _length(head) - len(body)
    while left > 0:
        left -= len(_receive(link))


def _receive(link: socket.socket) -> bytes:
    data = link.recv(65536)
    if not data:
        raise RuntimeError("an idle connection was closed")
    return data


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"no Content-Length in {head!r}")
