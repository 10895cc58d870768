"""Input made to be slow, 64 KiB of it at each parser: none may take longer than its length explains.

A pattern that backtracks takes minutes for such input, and a loop that looks back takes many
seconds; what is right takes milliseconds. The bound is processor time, and generous.
"""

from __future__ import annotations

import time

import pytest

from proxy.errors import RequestError, UpstreamError
from proxy.http.peer import forwarded_chain
from proxy.upstream.answer import parse_answer
from proxy.upstream.disguise import Disguise
from proxy.wire.h1 import ChunkedDecoder, parse_request_line
from proxy.wire.headers import HeaderMemo
from tests.fuzz.through import Way

SIZE = 65536
SECONDS = 5.0
DISGUISES = [
    Disguise([("127.0.0.1", 8001), ("app.internal", 80), ("2001:db8::1", 8002)]),
    Disguise([("/run/web.sock", None)]),
    Disguise([(f"10.0.0.{number}", 8000) for number in range(200)]),
]


def filled(pattern, before=b"", after=b""):
    """`pattern` again and again up to the size."""
    return before + pattern * (SIZE // len(pattern)) + after


def takes_its_time(call, *args):
    before = time.process_time()
    try:
        call(*args)
    except (RequestError, UpstreamError):
        pass
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize(
    "unit",
    [b"a", b" ", b"/", b"//", b"../", b"./", b"%2e%2e/", b"%2f", b"%5c", b"\\", b"\\..", b"%", b"%0", b"?",
        b"@", b":", b"[", b"a.", b"/.a",
     b"%25", b"HTTP/", b"~", b"\x80"],
)
def test_request_lines(unit):
    for line in (filled(unit), filled(unit, b"GET ", b" HTTP/1.1"), filled(unit, b"GET /", b" HTTP/1.1"),
                 filled(unit, b"GET http://", b"/ HTTP/1.1"), filled(unit, b"GET http://a/", b"\n"),
                 filled(unit, b"CONNECT ", b":80 HTTP/1.1"), filled(unit, b"GET / HTTP/1.")):
        takes_its_time(parse_request_line, line)


@pytest.mark.parametrize(
    "unit",
    [b"a", b" ", b"\t", b" \t", b":", b",", b", ", b"a,", b";", b"=", b'"', b"\\", b'\\"', b'="', b'a="',
        b'="\\', b"for=", b"for=a,", b'for="',
     b"1", b"1.", b"h2c,", b"chunked,", b"gzip, ", b"close,", b"1.1 proxy", b"\x80", b"a:\r\n", b"%", b"%4",
     b"1.2.3.4,", b"::1, "],
)
def test_header_sections(unit):
    names = [b"", b"A:", b"Connection:", b"Connection: upgrade\r\nUpgrade:", b"Transfer-Encoding:",
        b"Content-Length:", b"Host:", b"Via:",
             b"Expect:", b"X-Request-ID:", b"Forwarded:", b"X-Forwarded-For:", b"Cookie:"]
    for name in names:
        for end in (b"\r\n\r\n", b"\x01\r\n\r\n", b" \r\n\r\n"):
            takes_its_time(HeaderMemo(100).parse, filled(unit, name, end))


@pytest.mark.parametrize("unit", [b"a", b"a=", b'a="', b'"', b'for="', b"for=1.2.3.4,", b"for=x,", b'\\"',
    b'a="\\"', b"=,", b";for="])
def test_chains(unit):
    for name in (b"Forwarded: ", b"X-Forwarded-For: "):
        block = HeaderMemo(1).parse(filled(unit, name, b"\r\n\r\n"))
        takes_its_time(forwarded_chain, block)


@pytest.mark.parametrize(
    "unit",
    [b"0", b"f", b";", b";a", b";a=", b';a="', b';a="\\', b'\\"', b" ", b"\t;", b"; ", b" ; a = b",
        b"1\r\na\r\n", b"1;a\r\nb\r\n", b"a:b\r\n",
     b"X: \r\n", b"\r", b"\r\n", b"\n", b"\0"],
)
def test_chunked_bodies(unit):
    for before in (b"", b"1", b"1;", b'1;a="', b"0\r\n", b"0\r\nX:"):
        body = filled(unit, before)
        takes_its_time(lambda data: ChunkedDecoder().feed(data), body)
        takes_its_time(drip, body[:20000])


def drip(body):
    decoder = ChunkedDecoder()
    for at in range(len(body)):
        decoder.feed(body[at:at + 1])


@pytest.mark.parametrize(
    "unit",
    [b"a", b"/", b"//", b"http:", b"http://", b"https://127.0.0.1:800", b"127.0.0.1:8001", b"127.", b":8001",
        b":8000 ", b";", b"; ", b"; domain=",
     b";domain=.", b"; Domain=localhost", b"localhost:8001", b"localhost", b"//app.internal", b"[",
     b"[::1]:8001", b"/run/web.soc",
     b"/run/web.sock", b"10.0.0.1", b" "],
)
def test_response_heads(unit):
    for disguise in DISGUISES:
        for before in (b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nLocation: ",
            b"HTTP/1.1 200 OK\r\nA: /run/web.sock :8000 "):
            takes_its_time(answer, filled(unit, before, b"\r\n\r\n"), disguise)


def answer(raw, disguise):
    disguise.rewrite(parse_answer(raw, disguise), b"http", b"a.example")


@pytest.mark.parametrize(
    "before", [b"GET /", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50])
def test_a_head_in_packets_of_one_octet(before):
    data = filled(b"a", before)[:32000]
    takes_its_time(Way().feed, *(data[at:at + 1] for at in range(len(data))))
