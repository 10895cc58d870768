"""Requests that two parsers could read in two ways, each with a second request hidden in it.

The outer request is marked `attack`. The hidden one is marked `smuggled` and asks for /smuggled; it is
never legal as a request of its own, so an origin that sees it has been fooled. Where the outer one is
good (a body that looks like a request) it may arrive, as one request.
"""

HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\nX-Mark: smuggled\r\n\r\n"
POST = b"POST /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: attack\r\n"
GET = b"GET /load HTTP/1.1\r\nHost: a.example\r\nX-Mark: attack\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
IN_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)


def _length(value, body=b"hello" + HIDDEN):
    return POST + b"Content-Length: " + value + b"\r\n\r\n" + body


def _coding(line, body=HIDDEN):
    return POST + line + b"\r\nContent-Length: 0\r\n\r\n" + body


def _chunk(body):
    return POST + CHUNKED + b"\r\n" + body + HIDDEN


def _sized(fields, body):
    return POST + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


ATTACKS = {
    "cl-plus": _length(b"+5"),
    "cl-minus": _length(b"-5"),
    "cl-hex": _length(b"0x5"),
    "cl-underscore": _length(b"0_5"),
    "cl-comma": _length(b"5,"),
    "cl-list": _length(b"5, 6"),
    "cl-empty": _length(b""),
    "cl-arabic-digit": _length("\u0665".encode()),
    "cl-superscript": _length(b"\xb2"),
    "cl-vertical-tab": _length(b"\x0b5"),
    "cl-fraction": _length(b"5.0"),
    "cl-letter": _length(b"x"),
    "cl-nul": _length(b"5\0"),
    "cl-over-2-64": _length(b"18446744073709551621"),
    "cl-5000-digits": _length(b"0" * 5000 + b"5"),
    "cl-differ": _length(b"5\r\nContent-Length: 6"),
    "cl-fold": POST + b"X-A: y\r\n\tContent-Length: 5\r\n\r\n" + HIDDEN,
    "cl-space-colon": POST + b"Content-Length : 0\r\n\r\n" + HIDDEN,
    "cl-hides-request": _sized(b"", HIDDEN),
    "cl-te": POST + b"Content-Length: %d\r\n" % (15 + len(HIDDEN)) + CHUNKED + b"\r\n" + HELLO + HIDDEN,
    "te-cl": POST + CHUNKED + b"Content-Length: 4\r\n\r\n" + IN_CHUNK,
    "te-te": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + HELLO + HIDDEN,
    "te-twice": POST + CHUNKED + CHUNKED + b"\r\n" + HELLO + HIDDEN,
    "te-identity": _coding(b"Transfer-Encoding: identity"),
    "te-gzip": _coding(b"Transfer-Encoding: chunked, gzip"),
    "te-semicolon": _coding(b"Transfer-Encoding: chunked;q=1"),
    "te-empty": _coding(b"Transfer-Encoding: "),
    "te-vertical-tab": _coding(b"Transfer-Encoding: \x0bchunked"),
    "te-nul": _coding(b"Transfer-Encoding: chunked\0"),
    "te-bare-cr": _coding(b"Transfer-Encoding: chunked\rX: y"),
    "te-kelvin": _coding("Transfer-Encoding: chun\u212aed".encode()),
    "te-quoted": _coding(b'Transfer-Encoding: "chunked"'),
    "te-space-colon": _coding(b"Transfer-Encoding : chunked"),
    "te-fold": _coding(b"Transfer-Encoding:\r\n chunked"),
    "te-underscore": _sized(b"Transfer_Encoding: chunked\r\n", IN_CHUNK),
    "te-http10": POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + HELLO + HIDDEN,
    "te-connection": POST + CHUNKED + b"Connection: Transfer-Encoding\r\n\r\n" + IN_CHUNK,
    "te-in-a-get": GET + CHUNKED + b"\r\n" + IN_CHUNK,
    "chunk-0x": _chunk(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk-plus": _chunk(b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk-underscore": _chunk(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "chunk-no-size": _chunk(b"\r\nhello\r\n0\r\n\r\n"),
    "chunk-not-hex": _chunk(b"g\r\nhello\r\n0\r\n\r\n"),
    "chunk-over-2-64": _chunk(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk-junk-behind": _chunk(b"5\r\nhelloXX0\r\n\r\n"),
    "chunk-size-lf": _chunk(b"5\nhello\r\n0\r\n\r\n"),
    "chunk-ext-lf": _chunk(b"5;a\nhello\r\n0\r\n\r\n"),
    "chunk-ext-cr": _chunk(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "chunk-ext-flood": _chunk(b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"),
    "chunk-trailer-no-colon": _chunk(b"5\r\nhello\r\n0\r\nbroken\r\n\r\n"),
    "chunk-trailer-lf": _chunk(b"5\r\nhello\r\n0\r\n\n"),
    "lf-only": GET.replace(b"\r\n", b"\n") + b"X-A: 1\n\n" + HIDDEN,
    "lf-then-crlf": GET + b"X-A: 1\n\r\n" + HIDDEN,
    "bare-cr": GET + b"X-A: a\r\r\n" + HIDDEN,
    "cr-cr-lf": GET + b"X-A: a\r\r\n\r\r\n" + HIDDEN,
    "name-with-space": GET + b"X Y: 1\r\n\r\n" + HIDDEN,
    "no-name": GET + b": v\r\n\r\n" + HIDDEN,
    "no-colon": GET + b"broken\r\n\r\n" + HIDDEN,
    "host-missing": GET.replace(b"Host: a.example\r\n", b"") + b"\r\n" + HIDDEN,
    "host-twice": GET + b"Host: b.example\r\n\r\n" + HIDDEN,
    "two-spaces": GET.replace(b"GET ", b"GET  ") + b"\r\n" + HIDDEN,
    "target-with-space": GET.replace(b"/load", b"/lo ad") + b"\r\n" + HIDDEN,
    "target-with-crlf": GET.replace(b"/load", b"/load%0d%0a") + b"Connection: close\r\n\r\n" + HIDDEN,
    "version-2": GET.replace(b"1.1", b"2.0") + b"\r\n" + HIDDEN,
    "h2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "expect-unknown": _sized(b"Expect: y 100-continue\r\n", HIDDEN),
    "upgrade-refused": GET + b"Connection: close, Upgrade\r\nUpgrade: foo/1\r\n\r\n" + HIDDEN,
    "close-and-more": GET + b"Connection: close\r\n\r\n" + HIDDEN,
    "http10-and-more": GET.replace(b"1.1", b"1.0") + b"\r\n" + HIDDEN,
    "connect": b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\nConnection: close\r\n\r\n" + HIDDEN,
    "short-body": _length(b"5000"),
}
