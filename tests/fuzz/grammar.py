"""Requests, answers and chunked bodies to try: made by the grammar, then bent.

`requests()` is right by RFC 9112 and must get through; `streams()` is what attackers send: the same
with wild values, two framings at once, a second request behind the first, and octets changed.
Most choices are right most of the time, so that what is wrong stands alone.
"""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x0c", b"\x1f",
    b"\x7f", b"\x80",
    b"\xa0", b"\xff", b'"', b"\\", b"%", b"#", b"?", b"@", b"0", b"1", b"A", b"_", b"-", b"+", b"0\r\n\r\n",
    b"\r\nContent-Length: 5", b"\r\nTransfer-Encoding: chunked", b"\r\n X",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"PURGE", b"PROPFIND",
    b"M-SEARCH"]
WILD_METHODS = [b"get", b"BREW", b"CONNECT", b"TRACE", b"PRI", b"G@T", b"!#$%&'*+-.^_`|~", b"", b"GET\t",
    b"G\xc3\x89T"]
SEGMENTS = [b"", b".", b"..", b"a", b"b.css", b"%41", b"%2e", b"%2F", b"%5c", b"%0d%0a", b"%C3%A9", b"~u",
    b"@", b"x;y=z",
            b"a:b", b"&", b"(')", b"*", b"!$,+=_-"]
WILD_SEGMENTS = [b"%00", b"%", b"%zz", b"%4", b"\\", b'"', b"<>", b"^`{|}", b"#", b"\x80", b"\xc3\xa9",
    b"\x01", b"\x7f", b" "]
QUERIES = [b"", b"?", b"?a=b&c", b"?%2", b"?/../", b"?a?b", b"?http://x/", b"?q=\"<>`{|}"]
HOSTS = [b"a", b"a.example", b"a.example:8080", b"[2001:db8::1]", b"[::1]:80", b"192.0.2.1:81",
    b"a_b.example", b"a:"]
WILD_HOSTS = [b"", b"a b", b"a/b", b"u@a", b"a:99999", b"a:b", b"[::1", b"[fe80::1%25eth0]", b"a,b", b"\xe4",
    b"a\\b", b"%61"]
WILD_TARGETS = [b"*", b"", b"a", b"a:80", b"//a/b", b"http:/a", b"http://", b"http:///a", b"http://u@a/",
    b"ftp://a/",
                b"http://a#b", b"https://a", b"HTTP://A/%7e", b"/#", b"?", b"/ HTTP/1.1\r\nX: y\r\n\r\nGET /"]
VERSIONS = [b"HTTP/1.1"] * 9 + [b"HTTP/1.0", b"HTTP/1.2"]
WILD_VERSIONS = [b"HTTP/2.0", b"HTTP/1.10", b"HTTP/1.", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b"HTTP/+1.1",
    b"", b"HTTP /1.1"]

FIELDS = [
    (b"Accept", b"*/*"), (b"Cookie", b"a=b; c=d"), (b"cookie", b"e"), (b"X-Empty", b""),
    (b"X-High", b"\x80\xff"),
    (b"Connection", b"keep-alive, x-drop"), (b"X-Drop", b"1"), (b"Connection", b"Content-Length, Host"),
    (b"X_Under", b"1"), (b"Content_Length", b"5"), (b"Via", b"1.0 a, 1.1 b"),
    (b"X-Forwarded-For", b"198.51.100.1"),
    (b"Forwarded", b'for="[::1]:80";proto=https'), (b"X-Real-IP", b"1.2.3.4"), (b"X-Request-ID", b"abc"),
    (b"TE", b"trailers"), (b"Trailer", b"X-Sum"), (b"Keep-Alive", b"timeout=5"),
    (b"Proxy-Connection", b"close"),
    (b"Max-Forwards", b"3"), (b"Range", b"bytes=0-1"), (b"!#$%&'*+-.^`|~9", b"token"), (b"Tab", b"a\tb"),
    (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Upgrade", b"h2c, foo/2"),
    (b"HTTP2-Settings", b"AAMAAABk"),
    (b"Connection", b"close"), (b"Proxy", b"http://x/")]
WILD_FIELDS = [
    b"Content-Length: 5", b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: 0x5",
    b"Content-Length: 1_0",
    b"Content-Length:", b"Content-Length: \xb2", b"Content-Length : 5", b"Content-Length\t: 5",
    b" Content-Length: 5",
    b"Content-Length: -0", b"Content-Length: 5 5", b"Content-Length: 99999999999999999999",
    b"content-length:0",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer\x00-Encoding: chunked", b"Transfer_Encoding: chunked", b"X: y\rTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked", b"X: y\r\n\tfolded", b": empty", b"no colon", b"X\x80: y",
    b"X(y): z", b"X: \0",
    b"X: \x7f", b"X: \x01", b"Host: b", b"Host: a\r\nHost: a", b"Expect: 100-continue", b"Expect: 200-ok",
    b"Upgrade: h2c",
    b"Connection: upgrade, close\r\nUpgrade: websocket", b"Connection: transfer-encoding",
    b"Via: " + b"1.1 proxy, " * 9,
    b"X-Request-ID: a b", b"X-Request-ID: a\r\nX-Request-ID: b", b"Max-Forwards: 0", b"Max-Forwards: x"]

STATUSES = [b"200 OK", b"200 ", b"206 Partial Content", b"302 Found", b"404 Not Found", b"500 W\xe4s",
    b"204 No Content",
            b"304 Not Modified", b"205 Reset Content", b"599 "]
WILD_STATUSES = [b"200", b"101 Switching Protocols", b"100 Continue", b"99 Low", b"600 High", b"2000 Long",
    b"20x", b"",
                 b"200 /run/web.sock", b"200 at 127.0.0.1:8001"]
INTERIMS = [b"", b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: <http://127.0.0.1:8001/a>; rel=preload\r\nServer: x\r\n\r\n"]
ANSWER_FIELDS = [
    b"Content-Type: text/html", b"Content-Type: text/event-stream", b"Set-Cookie: a=b; Domain=localhost",
    b"Set-Cookie: c=d",
    b"Location: http://127.0.0.1:8001/a", b"Location: /b", b"Refresh: 5; url=http://localhost:8001/",
    b"Server: gunicorn",
    b"X-Powered-By: PHP", b"Via: 1.1 x", b"Date: Sun, 06 Nov 1994 08:49:37 GMT", b"ETag: \"\x80\"",
    b"Connection: close",
    b"Connection: keep-alive, X-Drop", b"X-Drop: 1", b"Keep-Alive: timeout=5", b"X-Accel-Redirect: /x",
    b"X-Empty:",
    b"Link: <ws://[::1]:8001/>", b"X-From: 127.0.0.1:8001.", b"Trailer: X-Sum", b"X-Like: 127.0.0.1:80010"]
WILD_ANSWER_FIELDS = [
    b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: +5", b"Content-Length: 5, 5",
    b"Content-Length:",
    b"Content-Length: 5\r\nContent-Length: 6", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\r\n chunked",
    b"X: y\r\n folded",
    b"X : y", b": x", b"no colon", b"X: \0", b"X: y\rz", b"X: y\nServer: z", b"Connection: content-length",
    b"X\x80: y",
    b"Connection: upgrade\r\nUpgrade: websocket", b"Location: a\r\nLocation: b",
    b"Connection: close, transfer-encoding"]

PAYLOADS = st.one_of(st.sampled_from([b"", b"abcde", b"0\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"]),
    st.binary(max_size=40))
EXTENSIONS = [b"", b"", b"", b";a", b";a=b", b';a="b;\\"\xff c"', b";a;b=c;d"]
TRAILERS = [b"", b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-Other: \x80\r\n", b"Content-Length: 5\r\n",
    b"X_Y: z\r\n"]
WILD_CHUNKED = [
    b"5\r\nabcde\r\n0\r\n", b"5\nabcde\n0\n\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"+5\r\nabcde\r\n0\r\n\r\n",
    b"5 \r\nabcde\r\n0\r\n\r\n",
    b" 5\r\nabcde\r\n0\r\n\r\n", b"5_0\r\n", b"-1\r\n", b"\r\n0\r\n\r\n", b"5;\r\nabcde\r\n0\r\n\r\n",
    b"5\r\nabcdeX\r\n0\r\n\r\n",
    b"5\r\nabcde0\r\n\r\n", b"6\r\nabcde\r\n0\r\n\r\n", b"fffffffffffffffff\r\n",
    b"5;a\rb\r\nabcde\r\n0\r\n\r\n", b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    b"0\r\nX : y\r\n\r\n", b"0\r\nX: y\r\n folded\r\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\nX: y\n\r\n",
    b"0\r\n\rX", b"0\r\n\n",
    b"5 ; a = b\r\nabcde\r\n0\r\n\r\n", b"000000000000005\r\nabcde\r\n0\r\n\r\n", b"00\r\n\r\n",
    b"5\r\nabcde\r\n\r\n0\r\n\r\n"]


def mostly(right: list, wild: list, odds: int = 12) -> st.SearchStrategy:
    """One of `right`; one of `wild` once in `odds`."""
    return st.integers(0, odds - 1).flatmap(lambda n: st.sampled_from(wild if n == odds - 1 else right))


@st.composite
def chunked(draw) -> bytes:
    """A valid chunked body."""
    out = b""
    for data in draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4)):
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"%04X"])) % len(data)
        out += size + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + data + b"\r\n"
    return out + draw(st.sampled_from([b"0",
        b"00"])) + draw(st.sampled_from(EXTENSIONS)) + b"\r\n" + draw(st.sampled_from(TRAILERS)) + b"\r\n"


@st.composite
def origin_targets(draw, segments: st.SearchStrategy[bytes]) -> bytes:
    return b"/" + b"/".join(draw(st.lists(segments, max_size=4))) + draw(st.sampled_from(QUERIES))


@st.composite
def targets(draw) -> bytes:
    origin = draw(origin_targets(st.sampled_from(SEGMENTS)))
    return draw(st.sampled_from([b"", b"", b"", b"", b"http://b.example:81", b"https://[::1]"])) + origin


@st.composite
def requests(draw) -> bytes:
    """One request that is right in every way that the proxy promises to serve."""
    body = draw(st.sampled_from(["none", "sized", "chunked"]))
    version = b"HTTP/1.1" if body == "chunked" else draw(st.sampled_from(VERSIONS))
    line = b"%b %b %b" % (draw(st.sampled_from(METHODS)), draw(targets()), version)
    lines = [line, b"Host: " + draw(st.sampled_from(HOSTS)), *draw(valid_fields())]
    payload = b""
    if body == "sized":
        payload = draw(PAYLOADS)
        lines.insert(draw(st.integers(1, len(lines))), b"Content-Length: %d" % len(payload))
    elif body == "chunked":
        payload = draw(chunked())
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from([b"Transfer-Encoding: chunked",
            b"transfer-encoding:CHUNKED "])))
    return b"\r\n".join([*lines, b"", payload])


@st.composite
def valid_fields(draw) -> list[bytes]:
    singletons = {b"x-real-ip", b"x-request-id", b"max-forwards"}
    chosen = draw(st.lists(st.sampled_from(FIELDS), max_size=5,
        unique_by=lambda f: f[0].lower() if f[0].lower() in singletons else f))
    return [name + draw(st.sampled_from([b": ", b":", b":\t "])) + value for name, value in chosen]


@st.composite
def wild_requests(draw) -> bytes:
    """One request with wild parts, two framings or none, and a body that need not fit."""
    method = draw(mostly(METHODS, WILD_METHODS))
    segment = st.one_of(st.sampled_from(SEGMENTS), st.sampled_from(SEGMENTS), st.sampled_from(WILD_SEGMENTS))
    target = draw(st.one_of(targets(), origin_targets(segment), st.sampled_from(WILD_TARGETS)))
    version = draw(mostly(VERSIONS, WILD_VERSIONS))
    host = b"Host: " + draw(mostly(HOSTS, WILD_HOSTS))
    wild = draw(st.lists(st.sampled_from(WILD_FIELDS), max_size=2))
    end = draw(mostly([b"\r\n"], [b"\n", b"\r", b"\r\r\n", b"\r\n\r\n"], 20))
    body = draw(st.one_of(PAYLOADS, chunked(), st.sampled_from(WILD_CHUNKED)))
    framing = draw(st.sampled_from([[], [b"Content-Length: %d" % len(body)],
        [b"Transfer-Encoding: chunked"]]))
    fields = draw(st.permutations([host, *draw(valid_fields()), *framing, *wild]))
    space = draw(mostly([b" "], [b"  ", b"\t", b"", b"\x0b"], 20))
    return end.join([space.join([method, target, version]), *fields]) + b"\r\n\r\n" + body


@st.composite
def answers(draw) -> tuple[bytes, bool]:
    """A response that is right, and whether the end of the connection ends it."""
    status = draw(st.sampled_from(STATUSES))
    framings = ["none"] if status[:3] in (b"204", b"304") else ["sized", "chunked", "until the end"]
    framing = draw(st.sampled_from(framings))
    version = b"HTTP/1.1" if framing == "chunked" else draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1",
        b"HTTP/1.0"]))
    lines = draw(st.lists(st.sampled_from(ANSWER_FIELDS), max_size=5,
        unique_by=lambda line: line.split(b":")[0]))
    body = b"" if framing == "none" else draw(chunked() if framing == "chunked" else PAYLOADS)
    if framing == "sized":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
    head = b"\r\n".join([version + b" " + status, *lines, b"", b""])
    return draw(st.sampled_from(INTERIMS)) + head + body, framing == "until the end" or draw(st.booleans())


@st.composite
def wild_answers(draw) -> bytes:
    """A response with wild parts, and a body that need not fit."""
    version = draw(mostly([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"],
        [b"HTTP/2.0", b"HTTP/1.10", b"ICY", b"http/1.1"]))
    status = draw(mostly(STATUSES, WILD_STATUSES, 6))
    fields = draw(st.lists(st.one_of(st.sampled_from(ANSWER_FIELDS), st.sampled_from(WILD_ANSWER_FIELDS)),
        max_size=4))
    body = draw(st.one_of(PAYLOADS, chunked(), st.sampled_from(WILD_CHUNKED)))
    framing = draw(st.sampled_from([[], [b"Content-Length: %d" % len(body)],
        [b"Transfer-Encoding: chunked"]]))
    lines = draw(st.permutations([*fields, *framing]))
    return draw(st.sampled_from(INTERIMS)) + b"\r\n".join([version + b" " + status, *lines, b"", body])


@st.composite
def bent(draw, whole: st.SearchStrategy[bytes]) -> bytes:
    """`whole` with up to three octets or so put in, taken out or changed."""
    data = draw(whole)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        cut = at + draw(st.sampled_from([0, 0, 1, 1, 2, 9]))
        data = data[:at] + draw(st.one_of(st.just(b""), st.sampled_from(NASTY))) + data[cut:]
    return data


def streams() -> st.SearchStrategy[bytes]:
    """One request after another on a connection, any of them bent."""
    one = st.one_of(requests(), bent(requests()), wild_requests(), bent(wild_requests()))
    return st.lists(one, min_size=1, max_size=3).map(b"".join)


@st.composite
def cuts(draw, data: bytes) -> list[bytes]:
    """`data` in pieces."""
    at = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
