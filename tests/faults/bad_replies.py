r"""Replies of a broken or hostile origin: what it sends, and what a client may get for it.

`@` stands for the request's mark and `#` for the length of `@\n` (below ten, so the same in hex): even a
bad answer shows to whom it belongs. In `BROKEN` nothing may arrive that looks whole; in `SURPLUS` the
answer is whole and what follows it belongs to nobody.
"""

H = b"HTTP/1.1 200 OK\r\nX-Mark: @\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nX-Mark: evil\r\nContent-Length: 4\r\n\r\nevil"

BROKEN = {
    "short-length": [H + b"Content-Length: 50\r\n\r\n@", 0.01, "close"],
    "short-length-reset": [H + b"Content-Length: 50\r\n\r\n@", 0.01, "reset"],
    "short-length-half-close": [H + b"Content-Length: 50\r\n\r\n@", "half_close"],
    "chunks-cut": [H + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0.01, "close"],
    "chunks-half-close": [H + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "half_close"],
    "chunk-bad-size": [H + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n"],
    "chunk-size-sign": [H + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"],
    "chunk-no-crlf": [H + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"],
    "chunk-huge": [H + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello"],
    "lengths-differ": [H + b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello"],
    "length-invalid": [H + b"Content-Length: 5x\r\n\r\nhello"],
    "length-negative": [H + b"Content-Length: -5\r\n\r\nhello"],
    "length-plus": [H + b"Content-Length: +5\r\n\r\nhello"],
    "coding-unknown": [H + b"Transfer-Encoding: frob\r\n\r\nhello", 0.01, "close"],
    "space-before-colon": [H + b"X-A : 1\r\nContent-Length: 2\r\n\r\nok"],
    "bare-cr": [H + b"X-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\nok"],
    "nul": [H + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\nok"],
    "no-colon": [H + b"garbage\r\nContent-Length: 2\r\n\r\nok"],
    "not-http": [b"hello, I am not HTTP\r\n\r\n", "close"],
    "binary": [bytes(range(256)) * 4, "close"],
    "tls-alert": [b"\x15\x03\x01\x00\x02\x02\x46", "close"],
    "nothing": ["close"],
    "reset": ["reset"],
    "half-close": ["half_close"],
    "half-a-head": [b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-", 0.01, "close"],
    "status-of-two-digits": [b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", "close"],
    "status-of-letters": [b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok", "close"],
    "version-3": [b"HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "close"],
    "unasked-101": [b"HTTP/1.1 101 Go\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nevil", 0.01, "close"],
    "flood-of-1xx": [b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" * 300 + H + b"Content-Length: 2\r\n\r\nok"],
    "huge-head": [H + b"X-Huge: " + b"h" * 300_000 + b"\r\n\r\n"],
    "many-fields": [H + b"X-F: v\r\n" * 20_000 + b"\r\n"],
}

# An answer that nobody asked for, on a connection that waits.
UNASKED = [H + b"Content-Length: #\r\n\r\n@\n", 0.05, EVIL]

SURPLUS = {
    "surplus": [H + b"Content-Length: #\r\n\r\n@\nSURPLUS"],
    "two-answers": [H + b"Content-Length: #\r\n\r\n@\n" + EVIL],
    "answer-behind-204": [b"HTTP/1.1 204 No Content\r\nX-Mark: @\r\n\r\n" + EVIL],
    "two-answers-in-chunks": [H + b"Transfer-Encoding: chunked\r\n\r\n#\r\n@\n\r\n0\r\n\r\n" + EVIL],
}
