"""What the access log costs an exchange: nanoseconds of one that ended, writing to /dev/null included.

    python -m benchmarks.micro_access_log

`known` is a target that came before, `new` one that never did, `new, query` one with three parameters.
Options that are off cost nothing: the log itself stands where the selection would.
"""

from __future__ import annotations

import itertools
import timeit
from types import SimpleNamespace

from benchmarks.browsers import browser_fields, request_head
from proxy.config.log_schema import AccessLog
from proxy.observe.past import entry_of
from proxy.runtime.build_log import open_log, select
from proxy.wire.headers import HeaderBlock, split_fields
from proxy.wire.target import parse_target

ROUNDS = 5
CALLS = 20_000
CASES = {
    "combined": {},
    "combined, nothing redacted": {"redact": {"query": []}},
    "combined, slow": {"slow": "1s"},
    "combined, sample 10%": {"sample": "10%"},
    "combined, skip a path": {"skip": {"path": "/ping"}},
    "combined, skip a path and 404": {"skip": {"path": "/ping", "status": 404}},
    "combined, rotate": {"rotate": True},
    "json": {"format": "json"},
    "json, two headers": {"format": "json", "headers": ["Accept-Language", "Accept"]},
    "json, sample 10%": {"format": "json", "sample": "10%"},
}
TARGETS = {
    "known": itertools.repeat(b"/articles/7?page=2"),
    "new": (b"/articles/%d" % number for number in itertools.count()),
    "new, query": (b"/articles/7?page=%d&sort=date&q=shoes" % number for number in itertools.count()),
}


def fields():
    section = request_head("/", browser_fields(0)).encode().partition(b"\r\n")[2]
    return HeaderBlock(split_fields(section[:-4], 100))


def exchanges(targets, block):
    """As many as are asked for, with targets made beforehand: they are not the log's work."""
    made = [SimpleNamespace(
        client="192.0.2.7", method=b"GET", host=b"www.example.com",
        target=parse_target(b"GET", next(targets)), headers=block, version=11,
        status=200, sent=1024, started=100.0, request_id=b"0123456789abcdef",
        route="route 1", pool="web", endpoint="127.0.0.1:8001", attempts=1, trail=None, peer=None, why="",
        body_length=0,
        timings=[100.001, 100.01]) for _ in range(CALLS)]
    return iter(made)


def cost(options, targets, block):
    """The best round, less the loop around it."""
    config = AccessLog(path="/dev/null", **options)
    log = open_log(config)
    log._out._is_file = True  # as it mostly is
    scope = {"ended": select(config, log).ended, "entry_of": entry_of,
             "make": lambda: exchanges(targets, block).__next__}
    timed, empty = (
        min(timeit.repeat(what, "next_exchange = make()", globals=scope, number=CALLS, repeat=ROUNDS))
        for what in ("ended(entry_of(next_exchange(), 100.02))", "next_exchange()"))
    log.close()
    return (timed - empty) / CALLS * 1e9


def main():
    block = fields()
    print(f"{f'ns per exchange, best of {ROUNDS}':<32}", *(f"{name:>12}" for name in TARGETS), sep="")
    for name, options in CASES.items():
        costs = (cost(options, targets, block) for targets in TARGETS.values())
        print(f"{name:<32}", *(f"{found:>12.0f}" for found in costs), sep="")


if __name__ == "__main__":
    main()
