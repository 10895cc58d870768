"""What `Static.handle` costs for a small file that is in memory, without the exchange.

    python -m benchmarks.micro_static

The exchange does nothing, so this is the handler's own share: lookup, tests, one call.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from proxy.config.schema import StaticConfig
from proxy.handlers.static import Static
from proxy.handlers.static_cache import Shelf
from proxy.http.exchange import Exchange
from proxy.http.prepared import ResponseHead
from proxy.wire.headers import HeaderBlock, parse_field
from proxy.wire.target import parse_target

CALLS = 500_000
ROUNDS = 5
PATH = "css/site.css"


def _nothing(*_: object) -> None:
    pass


# Whatever the contract asks for is there and does nothing, what will be added to it too.
Deaf = type("Deaf", (Exchange,), {"__slots__": (), **dict.fromkeys(Exchange.__abstractmethods__, _nothing)})


class Silent(Deaf):
    """As an exchange, but answering nobody; `head` is what it would have said, unless that was kept."""

    __slots__ = ("head",)
    loop = asyncio.new_event_loop()

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.method = b"GET"
        self.target = parse_target(self.method, b"/static/" + PATH.encode())
        self.headers = HeaderBlock(parse_field(b"%b: %b" % pair) for pair in fields)
        self.started = time.monotonic()
        self.head: ResponseHead | None = None

    def respond(self, head: ResponseHead, body: bytes = b"") -> None:
        self.head = head
        self.loop.stop()

    def refuse(self, status: int, *, close: bool = False) -> None:
        raise RuntimeError(f"refused with {status}")

    def respond_kept(self, *_: object) -> None:
        pass


def answered(static: Static, exchange: Silent) -> bytes:
    """The head of an answer, waited for where the disk is so slow that a thread does it."""
    exchange.head = None
    static.handle(exchange)
    while exchange.head is None:
        exchange.loop.run_forever()
    return exchange.head.lines


def cost(handle: Callable[[Exchange], None], exchange: Exchange, calls: int) -> float:
    """Nanoseconds of one call: the best round, since what disturbs only ever adds."""
    scope = {"handle": handle, "exchange": exchange}
    return min(timeit.repeat("handle(exchange)", globals=scope, number=calls, repeat=ROUNDS)) / calls * 1e9


def rows(root: Path) -> Iterator[tuple[str, float]]:
    config = StaticConfig(root=root, max_age="1h")
    static, forgetful = Static(config, b"/static/", Shelf()), Static(config, b"/static/", Shelf(room=0))
    plain = Silent()  # no time goes by for it: what the first request puts into memory stays fresh
    etag = re.search(rb"ETag: (.+)\r\n", answered(static, plain))[1]
    known, part = Silent((b"If-None-Match", etag)), Silent((b"Range", b"bytes=0-99"))
    yield "an empty call", cost(_nothing, plain, CALLS)
    yield "hot 1 KiB file", cost(static.handle, plain, CALLS)
    yield "304 by If-None-Match", cost(static.handle, known, CALLS // 10)
    yield "206 of 100 octets", cost(partial(answered, static), part, CALLS // 10)
    yield "not in memory", cost(partial(answered, forgetful), plain, CALLS // 200)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, PATH)
        file.parent.mkdir()
        file.write_bytes(b"x" * 1024)
        for name, nanoseconds in rows(Path(folder)):
            print(f"{name:28} {nanoseconds:8.0f} ns")


if __name__ == "__main__":
    main()
