"""Exchanges that have ended, and what a log has written of them."""

import os

from proxy.observe.past import entry_of
from tests.fakes import FakeExchange


def exchange_of(target=b"/a?b", fields=(), **changes):
    exchange = FakeExchange(target, fields, client="192.0.2.7", started=100.0)
    exchange.version, exchange.why = 11, ""
    exchange.status, exchange.sent = 200, 5
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


def entry(*request, now=101.0, **changes):
    """Of such an exchange that is over."""
    return entry_of(exchange_of(*request, **changes), now)


def lines_of(log):
    log.flush()
    with open(log._out.path, "rb") as file:
        return file.read().splitlines()


def read_now(fd):
    """What a pipe has, without waiting for more."""
    os.set_blocking(fd, False)
    data = b""
    try:
        while piece := os.read(fd, 65536):
            data += piece
    except BlockingIOError:
        pass
    return data
