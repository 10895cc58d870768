"""What requests, answers and bodies are made of: what is right, and what attackers write instead."""

from __future__ import annotations

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

# The parts of a request that may be wild, those more often that decide where it ends.
REQUEST_PARTS = ["field", "field", "field", "framing", "framing", "target", "body", "method", "version",
    "host",
                 "ends", "spaces"]
FRAMINGS = [b"Content-Length: 5", b"content-length: 5", b"Content-Length: 0", b"Content-Length: 6",
            b"Transfer-Encoding: chunked", b"transfer-encoding: chunked", b"Transfer-Encoding: identity"]
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
