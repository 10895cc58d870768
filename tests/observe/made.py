"""Exchanges that have ended, and what a log has written of them."""

from tests.fakes import FakeExchange


def exchange_of(target=b"/a?b", fields=(), **changes):
    exchange = FakeExchange(target, fields, client="192.0.2.7", started=100.0)
    exchange.version = 11
    exchange.status, exchange.sent = 200, 5
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


def lines_of(log):
    log.flush()
    with open(log._path, "rb") as file:
        return file.read().splitlines()
