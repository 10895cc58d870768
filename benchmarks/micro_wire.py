"""What reading a head costs: the parsers, the header memo, and other parsers beside them.

    python -m benchmarks.micro_wire

`known` is a section that the memo holds: one slice and one look into a dict, as for every request but
the first two of a client. `new` is one that never came before, so it is parsed and checked.
Every call gets a bytes object of its own, because a socket's bytes have no cached hash.
"""

from __future__ import annotations

import timeit
import tracemalloc
from collections.abc import Callable, Iterator

import h11
import httptools

from benchmarks.browsers import browser_fields, request_head
from proxy.upstream.answer import AnswerMemo
from proxy.upstream.disguise import Disguise
from proxy.wire.h1 import ChunkedDecoder, LineMemo, chunk, last_chunk, parse_request_line
from proxy.wire.headers import HeaderBlock, HeaderMemo, split_fields

ROUNDS = 5
CALLS = 10_000
MOST = 100
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\n"
    b"Connection: keep-alive\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 850\r\n"
    b"Set-Cookie: seen={count}; Path=/\r\n\r\n"
)
CHROME, FIREFOX = (request_head("/articles/7?page=2", browser_fields(client)).encode() for client in (0, 2))

Call = Callable[[bytes], object]


def section(head: bytes) -> bytes:
    """A head without its request line."""
    return head.partition(b"\r\n")[2]


def varied(head: bytes) -> Iterator[bytes]:
    """Sections of one browser, each with another cookie."""
    return numbered(section(head).replace(b"sessionid=", b"sessionid={count}"))


def fresh(data: bytes) -> Iterator[bytes]:
    """The same octets as a new object each time."""
    padded = b" " + data
    while True:
        yield padded[1:]


def numbered(data: bytes) -> Iterator[bytes]:
    """Other octets each time: `{count}` becomes a number."""
    count = 0
    while True:
        count += 1
        yield data.replace(b"{count}", b"%010d" % count)


def cost(call: Call, stream: Iterator[bytes], calls: int = CALLS) -> float:
    """Nanoseconds of one call: the best round, less the stream's own cost."""
    scope = {"call": call, "following": stream.__next__}
    timed = min(timeit.repeat("call(following())", globals=scope, number=calls, repeat=ROUNDS))
    empty = min(timeit.repeat("following()", globals=scope, number=calls, repeat=ROUNDS))
    return (timed - empty) / calls * 1e9


def with_h11(head: bytes) -> object:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    return connection.next_event()


class Fields:
    """What httptools tells of a request."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def with_httptools(head: bytes) -> object:
    told = Fields()
    httptools.HttpRequestParser(told).feed_data(head)
    return told


def heads() -> Iterator[tuple[str, float]]:
    """Request heads: ours in steps, then others'."""
    lines, memo = LineMemo(), HeaderMemo(MOST)
    known = section(CHROME)
    lines.parse(b"GET / HTTP/1.1")
    for _ in range(2):  # what comes a second time is kept
        memo.parse(known)
    yield "request line, known", cost(lines.find, fresh(b"GET / HTTP/1.1"))
    yield "request line, new", cost(parse_request_line, fresh(b"GET /articles/7?page=2 HTTP/1.1"))
    yield "14 fields, known", cost(memo.find, fresh(known))
    yield "14 fields (Chrome), new", cost(memo.parse, varied(CHROME))
    yield "14 fields (Firefox), new", cost(memo.parse, varied(FIREFOX))
    yield "  split and checked", cost(lambda raw: split_fields(raw, MOST), fresh(known))
    fields = split_fields(known, MOST)
    yield "  understood", cost(lambda _: HeaderBlock(fields), fresh(b""))
    yield "whole head, httptools", cost(with_httptools, fresh(CHROME))
    yield "whole head, h11", cost(with_h11, fresh(CHROME), CALLS // 10)


def answers() -> Iterator[tuple[str, float]]:
    """Response heads, as an application server sends them."""
    memo = AnswerMemo(Disguise([("127.0.0.1", 8001)]))
    for _ in range(2):
        memo.parse(ANSWER)
    yield "answer of 6 fields, known", cost(memo.find, fresh(ANSWER))
    yield "answer of 6 fields, new", cost(memo.parse, numbered(ANSWER))


def chunked() -> Iterator[tuple[str, float]]:
    """Chunked bodies of 64 KiB, in chunks of some sizes; nanoseconds for the whole."""
    for size in (16, 1024, 65536):
        body = chunk(bytes(size)) * (65536 // size) + last_chunk(b"")
        yield f"64 KiB in chunks of {size:,}", cost(lambda data: ChunkedDecoder().feed(data), fresh(body), 40)


def remembered() -> float:
    """Octets of memory that one remembered section takes, its own bytes included."""
    sections = [section(request_head("/", browser_fields(client)).encode()) for client in range(500)]
    memo = HeaderMemo(MOST)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for raw in sections * 2:
        memo.parse(bytes(bytearray(raw)))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(sections)


def main() -> None:
    for name, nanoseconds in (*heads(), *answers(), *chunked()):
        print(f"{name:<28}{nanoseconds:>12,.0f} ns")
    print(f"{'memory of a known section':<28}{remembered():>12,.0f} bytes, of {HeaderMemo.COUNT:,} at most")


if __name__ == "__main__":
    main()
