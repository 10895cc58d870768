"""The load of large bodies: a few clients, each moving one whole body after another.

Threads over bare sockets with large reads, because wrk reads 8 KiB at a time and would be
the slowest of all. Every transfer is checked: the status, and to the octet how much came.
"""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from dataclasses import dataclass, field

from benchmarks.browsers import browser_fields
from benchmarks.wrk import Answers

BODY = 10 * 2**20
CLIENTS = 4
_PIECE = 2**18
_FAILURES = 20  # after so many a client gives up


@dataclass(frozen=True)
class Transfers:
    """Bodies of 10 MB, downwards or upwards."""

    path: str
    upload: bool = False


@dataclass
class _Client:
    port: int
    transfers: Transfers
    number: int
    end: float
    times: list[float] = field(default_factory=list)
    errors: int = 0

    def run(self) -> None:
        """Move one body, and more until the time is over; each one is finished."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._timed(connection)
        while time.monotonic() < self.end and self.errors < _FAILURES:
            self._timed(connection)
        connection.close()

    def _timed(self, connection: http.client.HTTPConnection) -> None:
        started = time.monotonic()
        try:
            whole = self._move(connection)
        except (OSError, http.client.HTTPException):
            whole = False
            connection.close()  # the next request opens it again
        if whole:
            self.times.append(time.monotonic() - started)
        else:
            self.errors += 1

    def _move(self, connection: http.client.HTTPConnection) -> bool:
        """One transfer; whether it was whole."""
        body = _UPLOAD if self.transfers.upload else None
        fields = dict(browser_fields(self.number))
        connection.request("POST" if body else "GET", self.transfers.path, body, fields)
        answer = connection.getresponse()
        received = _drain(answer)
        return answer.status == 200 and (body is not None or received == BODY)


_UPLOAD = bytes(BODY)


def _drain(answer: http.client.HTTPResponse) -> int:
    piece = bytearray(_PIECE)
    total = 0
    while got := answer.readinto(piece):
        total += got
    return total


def run(transfers: Transfers, port: int, seconds: float) -> Answers:
    """Move bodies for some time and count them."""
    started = time.monotonic()
    clients = [_Client(port, transfers, number, started + seconds) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(taken for client in clients for taken in client.times)
    errors = sum(client.errors for client in clients)
    return Answers(len(times), time.monotonic() - started, errors, _ms(times, 50), _ms(times, 99))


def _ms(times: list[float], percent: int) -> float:
    """A percentile, in milliseconds, of times in seconds; with few of them p99 is the longest."""
    if len(times) < 2:
        return times[0] * 1e3 if times else 0.0
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] * 1e3
