"""What `Static.handle` costs for a small file that is in memory, without the exchange.

    python benchmarks/micro_static.py

The exchange does nothing, so this is the handler's own share: lookup, tests, one call.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from proxy.handlers.static import Static
from proxy.wire.headers import HeaderBlock, parse_field
from proxy.wire.target import parse_target

CALLS = 1_000_000
ROUNDS = 5


class Silent:
    """As an exchange, but answering nobody."""

    __slots__ = ("headers", "method", "started", "target")

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self.method = b"GET"
        self.target = parse_target(self.method, b"/static/css/site.css")
        self.headers = HeaderBlock(parse_field(b"%b: %b" % pair) for pair in fields)
        self.started = time.monotonic()

    def respond(self, head, body=b""):
        pass


def measure(name: str, handle, exchange, calls: int) -> None:
    """The best of some rounds: what disturbs only ever adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.perf_counter()
        for _ in range(calls):
            handle(exchange)
        best = min(best, time.perf_counter() - before)
    print(f"{name:28} {best / calls * 1e9:8.0f} ns")


def forgetful(static: Static):
    """The handler, finding its shelf empty each time."""
    def handle(exchange) -> None:
        static._shelf.drop(static._entries[exchange.target.path])
        static.handle(exchange)
    return handle


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        file = Path(root, "css", "site.css")
        file.parent.mkdir()
        file.write_bytes(b"x" * 1024)
        config = SimpleNamespace(root=root, max_age=3600, index=[], follow_symlinks=False, hidden=False)
        static = Static(config, b"/static/")
        plain = Silent([(b"Host", b"a.example")])
        static.handle(plain)
        etag = next(iter(static._entries.values())).about.etag
        measure("an empty call", lambda _: None, plain, CALLS)
        measure("respond alone", lambda exchange: exchange.respond(None, b""), plain, CALLS)
        measure("hot 1 KiB file", static.handle, plain, CALLS)
        measure("304 by If-None-Match", static.handle, Silent([(b"If-None-Match", etag)]), CALLS // 10)
        measure("206 of 100 octets", static.handle, Silent([(b"Range", b"bytes=0-99")]), CALLS // 10)
        measure("not in memory", forgetful(static), plain, CALLS // 200)


if __name__ == "__main__":
    main()
