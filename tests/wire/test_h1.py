import pytest

from proxy.errors import RequestError
from proxy.wire.h1 import ChunkedDecoder, LineMemo, chunk, last_chunk, parse_request_line


def status_of(call, *args):
    with pytest.raises(RequestError) as refused:
        call(*args)
    return refused.value.status


# Request lines.


@pytest.mark.parametrize(
    "line, method, target, version",
    [
        (b"GET / HTTP/1.1", b"GET", b"/", 11),
        (b"POST /a?b HTTP/1.0", b"POST", b"/a?b", 10),
        (b"OPTIONS * HTTP/1.1", b"OPTIONS", b"*", 11),
        (b"CONNECT a.example:443 HTTP/1.1", b"CONNECT", b"a.example:443", 11),
        (b"GET http://a.example/b HTTP/1.1", b"GET", b"http://a.example/b", 11),
        (b"get / HTTP/1.1", b"get", b"/", 11),  # methods are case-sensitive (RFC 9110 section 9.1): not ours
        (b"!#$%&'*+-.^_`|~09az / HTTP/1.1", b"!#$%&'*+-.^_`|~09az", b"/", 11),
        (b"GET / HTTP/1.2", b"GET", b"/", 11),  # RFC 9110 section 6.2
        (b"GET / HTTP/1.9", b"GET", b"/", 11),
    ],
)
def test_a_request_line_is_method_target_and_version(line, method, target, version):
    parsed = parse_request_line(line)
    assert (parsed.method, parsed.target.raw, parsed.version) == (method, target, version)


def test_only_head_is_head_only():
    assert parse_request_line(b"HEAD / HTTP/1.1").head_only
    assert not parse_request_line(b"GET / HTTP/1.1").head_only
    assert not parse_request_line(b"head / HTTP/1.1").head_only


@pytest.mark.parametrize("version", [b"2.0", b"0.9", b"3.0", b"2.1", b"9.9"])
def test_another_major_version_is_505(version):
    assert status_of(parse_request_line, b"GET / HTTP/" + version) == 505


def test_the_preface_of_http_2_is_505():
    assert status_of(parse_request_line, b"PRI * HTTP/2.0") == 505


@pytest.mark.parametrize(
    "line",
    [
        b"", b"GET", b"GET /", b"GET / ", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1", b"GET\x0b/ HTTP/1.1", b"GET /a b HTTP/1.1", b"/ HTTP/1.1",
        b" / HTTP/1.1",
        b"GET / http/1.1", b"GET / Http/1.1", b"GET / HTTP", b"GET / HTTP/", b"GET / HTTP/1",
        b"GET / HTTP/1.", b"GET / HTTP/.1",
        b"GET / HTTP/1.10", b"GET / HTTP/11.1", b"GET / HTTP/1.1.1", b"GET / HTTP/+1.1", b"GET / HTTP/1.x",
        b"GET / HTTP/1,1",
        b"GET / HTTP/\xb2.0", b"GET / HTTPS/1.1", b"GET / HTTP /1.1", b"GET / XHTTP/1.1", b"G@T / HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"G\x00T / HTTP/1.1", b"G\xc3\x89T / HTTP/1.1", b"GET: / HTTP/1.1", b'"GET" / HTTP/1.1',
        b"GET /\n HTTP/1.1", b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r", b"\nGET / HTTP/1.1", b"GET /\r HTTP/1.1", b"GET /\0 HTTP/1.1",
        b"GET /#a HTTP/1.1", b"\x16\x03\x01\x02\x00",
    ],
)
def test_anything_else_is_400(line):
    assert status_of(parse_request_line, line) == 400


def test_the_memo_finds_a_line_that_was_parsed_and_nothing_like_it():
    memo = LineMemo()
    assert memo.find(b"GET / HTTP/1.1") is None
    line = memo.parse(b"GET / HTTP/1.1")
    assert memo.find(b"GET / HTTP/1.1") is line
    assert memo.find(b"GET / HTTP/1.0") is None


def test_the_memo_remembers_no_refusal_and_nothing_long():
    memo = LineMemo()
    assert status_of(memo.parse, b"GET  / HTTP/1.1") == 400
    assert memo.find(b"GET  / HTTP/1.1") is None
    long = b"GET /" + b"a" * LineMemo.LARGEST + b" HTTP/1.1"
    assert memo.parse(long).target.raw == b"/" + b"a" * LineMemo.LARGEST
    assert memo.find(long) is None


def test_the_memo_is_bounded():
    memo = LineMemo()
    lines = [b"GET /%d HTTP/1.1" % number for number in range(LineMemo.COUNT + 5)]
    for line in lines:
        memo.parse(line)
    assert sum(memo.find(line) is not None for line in lines) == 5  # it started over
    assert memo.find(lines[-1]) is not None


# Chunked bodies.


def decoded(pieces):
    """Payload, trailers and what followed, or the status of the refusal."""
    decoder = ChunkedDecoder()
    payload, rest = b"", b""
    try:
        for piece in pieces:
            if decoder.done:
                rest += piece
            else:
                payload += decoder.feed(piece)
    except RequestError as error:
        return error.status
    return (payload, decoder.trailers, decoder.rest + rest) if decoder.done else "more"


def every_way(body):
    """What comes out of `body` whole, octet by octet, and cut in two at each place; it must be one thing."""
    outcomes = {decoded([body]), decoded([body[at:at + 1] for at in range(len(body))])}
    outcomes |= {decoded([body[:at], body[at:]]) for at in range(1, len(body))}
    assert len(outcomes) == 1, outcomes
    return outcomes.pop()


@pytest.mark.parametrize(
    "body, payload",
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nabcde\r\n0\r\n\r\n", b"abcde"),
        (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
        (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"0003\r\nabc\r\n000\r\n\r\n", b"abc"),
        (b"000000000000003\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
        (b"3\r\n\x00\xff\n\r\n0\r\n\r\n", b"\x00\xff\n"),
    ],
)
def test_the_payload_of_a_chunked_body(body, payload):
    assert every_way(body) == (payload, b"", b"")


@pytest.mark.parametrize("rest", [b"G", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n"])
def test_what_follows_the_body_is_left_alone(rest):
    assert every_way(b"1\r\na\r\n0\r\n\r\n" + rest) == (b"a", b"", rest)
    assert every_way(b"1\r\na\r\n0\r\nX: y\r\n\r\n" + rest) == (b"a", b"X: y\r\n", rest)


@pytest.mark.parametrize(
    "extension",
    [b";a", b";a=b", b";a=\"b\"", b";a=\"\"", b";a=\"b;c=\\\"d\\\\\"", b";a=\"\xff\t\"", b";a;b=c;d=\"e\"",
        b" ; a = b", b"\t;\ta"],
)
def test_extensions_are_read_past(extension):
    assert every_way(b"3" + extension + b"\r\nabc\r\n0" + extension + b"\r\n\r\n") == (b"abc", b"", b"")


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"g", b"0x3", b"-3", b"+3", b"3.0", b"3_0", b"3 ", b" 3", b"\t3", b"3\t", b"\xb3", b"3h",
        b"3 3", b"3,3", b"1" * 16,
        b"f" * 17, b"0" * 16, b"3;", b"3;;a", b"3; ", b"3;a b", b"3;a=", b"3;a=;b", b"3;=b", b"3;a=\"b",
        b"3;a=\"b\"c", b"3;a=\"\x01\"",
        b"3;a=\"\\\x01\"", b"3;\x80", b"3;a=\x80", b"3;a\rb", b"3;a\nb", b"3;a\0", b"3\r", b"3\n", b"\n3",
        b"\0",
    ],
)
def test_a_malformed_chunk_line_is_400(line):
    assert every_way(line + b"\r\nabc\r\n0\r\n\r\n") == 400


@pytest.mark.parametrize(
    "body",
    [
        b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nab\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r0\r\n\r\n",
        b"3\r\nabc\r\r\n0\r\n\r\n", b"3\r\nabc \r\n0\r\n\r\n", b"3\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\n\r\n",
        b"\r\n3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n\r\n0\r\n\r\n",
    ],
)
def test_chunks_end_exactly_where_they_say_in_crlf(body):
    assert every_way(body) == 400


@pytest.mark.parametrize("body", [b"", b"3", b"3\r", b"3\r\n", b"3\r\nab", b"3\r\nabc", b"3\r\nabc\r",
    b"3\r\nabc\r\n", b"0", b"0\r\n", b"0\r\n\r",
                                  b"0\r\nX: y", b"0\r\nX: y\r\n", b"0\r\nX: y\r\n\r"])
def test_a_body_that_is_not_whole_waits_for_more(body):
    assert every_way(body) == "more"


@pytest.mark.parametrize(
    "trailers, kept",
    [
        (b"X-Sum: 1\r\n", b"X-Sum: 1\r\n"),
        (b"X-Sum:1\r\nETag: \"a\" \r\n", b"X-Sum: 1\r\nETag: \"a\"\r\n"),
        (b"Server-Timing: a\r\nContent-Digest: b\r\n", b"Server-Timing: a\r\nContent-Digest: b\r\n"),
        (b"Content-Length: 3\r\n", b""),
        (b"transfer-ENCODING: chunked\r\nX: y\r\n", b"X: y\r\n"),
        (b"X: y\r\nHost: b\r\n", b"X: y\r\n"),
    ],
)
def test_trailers_are_kept_without_what_only_a_header_may_say(trailers, kept):
    assert every_way(b"0\r\n" + trailers + b"\r\n") == (b"", kept, b"")


NOT_IN_TRAILERS = """
    Transfer-Encoding Content-Length Content-Type Content-Encoding Content-Range Content-Location Host
    Connection Keep-Alive TE Trailer Upgrade Authorization Proxy Proxy-Authorization Proxy-Connection
    Set-Cookie Set-Cookie2 Cookie Cache-Control Expect Max-Forwards Pragma Range Via Forwarded Age Expires
    Date Location Retry-After Vary Warning If-Match If-None-Match If-Modified-Since X-Forwarded-For
    X-Forwarded-Host X-Real-IP X-Request-ID X_Under Server X-Powered-By X-Accel-Redirect X-Sendfile
    Refresh Link
"""


@pytest.mark.parametrize(
    "name",
    NOT_IN_TRAILERS.split(),
)
def test_no_trailer_says(name):
    for spelled in (name, name.lower(), name.upper()):
        assert decoded([b"0\r\n%b: x\r\n\r\n" % spelled.encode()]) == (b"", b"", b"")


@pytest.mark.parametrize(
    "trailer",
    [b" X: y", b"X : y", b"X\t: y", b": y", b"X", b"X\x80: y", b"X: \0", b"X: \x01", b"X: \x7f", b"X: y\rZ",
        b"X: y\nZ: a", b"X: y\r\n z", b"X(: y"],
)
def test_malformed_trailers_are_400(trailer):
    assert every_way(b"0\r\n" + trailer + b"\r\n\r\n") == 400


def test_trailers_are_bounded_in_number():
    most = ChunkedDecoder.TRAILER_FIELDS
    assert decoded([b"0\r\n" + b"X: y\r\n" * most + b"\r\n"]) == (b"", b"X: y\r\n" * most, b"")
    assert decoded([b"0\r\n" + b"X: y\r\n" * (most + 1) + b"\r\n"]) == 431


LINE, OVERHEAD = ChunkedDecoder.LONGEST_LINE, ChunkedDecoder.OVERHEAD


@pytest.mark.parametrize("length, status", [(LINE, None), (LINE + 1, 431), (LINE * 20, 431)])
def test_a_chunk_line_is_bounded_however_it_comes(length, status):
    line = b"1;" + b"a" * (length - 2)
    body = line + b"\r\na\r\n0\r\n\r\n"
    expected = status or (b"a", b"", b"")
    assert decoded([body]) == expected
    for cut in (1, length - 1, length, length + 1, length + 2):
        assert decoded([body[:cut], body[cut:]]) == expected


@pytest.mark.parametrize("length, status", [(OVERHEAD, None), (OVERHEAD + 1, 431), (OVERHEAD * 5, 431)])
def test_a_trailer_section_is_bounded_however_it_comes(length, status):
    trailer = b"X: " + b"y" * (length - 3)
    body = b"0\r\n" + trailer + b"\r\n\r\n"
    expected = status or (b"", trailer + b"\r\n", b"")
    assert decoded([body]) == expected
    for cut in (1, 3, 4, len(body) - 5, len(body) - 4, len(body) - 3, len(body) - 2, len(body) - 1):
        assert decoded([body[:cut], body[cut:]]) == expected


def test_a_flood_of_extensions_is_refused_over_the_whole_body():
    piece = b"1;" + b"a" * 1022 + b"\r\nx\r\n"  # CVE-2023-39326: little payload in much framing
    assert decoded([piece * 16 + b"0\r\n\r\n"]) == (b"x" * 16, b"", b"")
    assert decoded([piece * 17 + b"0\r\n\r\n"]) == 431
    assert decoded([piece] * 17) == 431


def test_plain_chunks_may_be_as_many_as_they_like():
    assert decoded([b"1\r\nx\r\n" * 20000 + b"0\r\n\r\n"]) == (b"x" * 20000, b"", b"")


def test_one_chunk_may_be_long():
    data = bytes(range(256)) * 4096
    pieces = [b"%x\r\n" % len(data), *(data[at:at + 65536] for at in range(0, len(data), 65536)),
        b"\r\n0\r\n\r\n"]
    assert decoded(pieces) == (data, b"", b"")


def test_garbage_is_refused_before_a_line_ends():
    for part in (b"3;a\nb", b"3;a\0", b"3\rx", b"0\r\nX: y\nZ"):
        assert decoded([part]) == 400


class Looks:
    """In the place of a pattern: counts the octets that are searched."""

    def __init__(self):
        self.octets = 0

    def search(self, data, at):
        self.octets += len(data) - at


def test_framing_that_comes_octet_by_octet_is_looked_at_once(monkeypatch):
    looks = Looks()
    monkeypatch.setattr("proxy.wire.h1._BAD_LINE_END", looks)
    framing = b"0\r\nX: " + b"y" * (OVERHEAD - 3)
    assert decoded([framing[at:at + 1] for at in range(len(framing))]) == "more"
    assert looks.octets < 3 * len(framing)


def test_what_is_written_is_read_again():
    written = chunk(b"a" * 300) + chunk(b"b") + last_chunk(b"X: y\r\n")
    assert decoded([written]) == (b"a" * 300 + b"b", b"X: y\r\n", b"")
    assert last_chunk(b"") == b"0\r\n\r\n"
