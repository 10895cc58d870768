"""What counting costs: nanoseconds for what a request adds to the lists, and what others' rows take to read.

    python -m benchmarks.micro_counting
"""

from __future__ import annotations

import timeit
from time import monotonic, process_time

from proxy.observe.board import Board
from proxy.observe.counters import Counters

ROUNDS = 9
TIMES = 20_000


class Exchange:
    __slots__ = ("received", "route", "sent", "started", "status", "uncoded")

    def __init__(self):
        self.route = "shop"
        self.status = 200
        self.sent = 1024
        self.received = self.uncoded = 0
        self.started = monotonic() - 0.003


def cost(what, **scope):
    """Nanoseconds of CPU: the best round."""
    best = min(timeit.repeat(what, timer=process_time, globals=scope, number=TIMES, repeat=ROUNDS))
    return best / TIMES * 1e9


def rows():
    board = Board(8, shared=False)
    counters = Counters(board.row(board.take()))
    now = monotonic()
    yield "an exchange ends", cost("ended(exchange, now)", ended=counters.ended, exchange=Exchange(), now=now)
    tally = counters.endpoint("web", "127.0.0.1:8001")
    yield "an endpoint answers", cost("tally.answered(200, 0.003)", tally=tally)
    route = counters.route("static")
    yield "a kept answer", cost("hit(len(body))", hit=route.hit, body=b"x")
    yield "... and its part of the tick", cost("sum(hits)", hits=[1024] * 1000) / 1000
    yield "in flight, on the board", cost("cells[77] = 3", cells=counters.row.cells)
    cells = counters.row.cells
    yield "a tick with nothing new, per name", cost("write(cells)", write=tally.write, cells=cells)


def main():
    for label, nanoseconds in rows():
        print(f"{label:<36}{nanoseconds:>8.0f} ns")


if __name__ == "__main__":
    main()
