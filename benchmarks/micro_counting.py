"""What counting costs: nanoseconds for what a request adds to lists, and for looks at other workers' rows.

A pick makes a look every 2 ms at most (6 ms with 100 endpoints), however many requests there are.

    python -m benchmarks.micro_counting
"""

from __future__ import annotations

import timeit
from time import monotonic, process_time

from proxy.observe.board import Board
from proxy.observe.counters import Counters
from proxy.upstream.endpoint import Endpoint
from proxy.upstream.flights import Flights
from proxy.upstream.idle import IdleLimit

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


def sharing(count, others):
    """A pool's flights before so many endpoints, beside so many other workers."""
    board = Board(16, shared=False)
    flights = Flights("web", Counters(board.row(board.take())), None)
    endpoints = [Endpoint(f"10.0.0.{place}:80", "10.0.0.1", 80, 1, IdleLimit(60.0), 8)
                 for place in range(count)]
    flights.adopt(endpoints)
    for _ in range(others):
        board.take()
    return flights, endpoints


def shared_rows():
    flights, endpoints = sharing(3, 1)
    scope = {"enter": flights.enter, "leave": flights.leave, "endpoint": endpoints[0]}
    yield "enter and leave an endpoint", cost("enter(endpoint); leave(endpoint)", **scope)
    yield "whether a look is due", cost("now >= flights.look_at", flights=flights, now=-1.0)
    for count, others in ((3, 1), (3, 7), (100, 1), (100, 7)):
        flights, _ = sharing(count, others)
        yield f"a look at {count} endpoints, {others} others", cost("look(0.0)", look=flights.look)
    flights, endpoints = sharing(3, 1)
    flights.look(0.0)
    endpoints[0].most = 10
    yield "claim and leave, with a limit", cost("claim(endpoint); leave(endpoint)", claim=flights.claim,
                                                leave=flights.leave, endpoint=endpoints[0])


def main():
    for label, nanoseconds in (*rows(), *shared_rows()):
        print(f"{label:<36}{nanoseconds:>8.0f} ns")


if __name__ == "__main__":
    main()
