import pytest

from proxy.errors import UpstreamError
from proxy.upstream.answer import MOST_FIELDS, AnswerMemo, parse_answer
from proxy.upstream.disguise import Disguise

NOTHING = Disguise([])


def head_of(*lines, status=b"HTTP/1.1 200 OK", disguise=NOTHING):
    return parse_answer(b"".join(line + b"\r\n" for line in (status, *lines)) + b"\r\n", disguise)


def fields_of(head):
    return head.lines.split(b"\r\n")[1:-1]


def refused(*lines, status=b"HTTP/1.1 200 OK"):
    with pytest.raises(UpstreamError) as error:
        head_of(*lines, status=status)
    return error.value.phase, error.value.status


# The status line.


@pytest.mark.parametrize(
    "line, status, sent",
    [
        (b"HTTP/1.1 200 OK", 200, b"HTTP/1.1 200 OK"),
        (b"HTTP/1.0 404 Not Found", 404, b"HTTP/1.1 404 Not Found"),
        (b"HTTP/1.1 200 ", 200, b"HTTP/1.1 200 "),
        (b"HTTP/1.1 200", 200, b"HTTP/1.1 200 "),  # RFC 9112 section 4: the space is not optional
        (b"HTTP/1.1 599 W\xe4s\tist das", 599, b"HTTP/1.1 599 W\xe4s\tist das"),
        (b"HTTP/1.1 103 Early Hints", 103, b"HTTP/1.1 103 Early Hints"),
    ],
)
def test_a_status_line_becomes_ours(line, status, sent):
    head = head_of(status=line)
    assert (head.status, head.lines) == (status, sent + b"\r\n")


@pytest.mark.parametrize(
    "line",
    [b"", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 20", b"HTTP/1.1 2000", b"HTTP/1.1 099", b"HTTP/1.1 600",
        b"HTTP/1.1 999", b"HTTP/1.1  200 OK",
     b"HTTP/1.1\t200 OK", b" HTTP/1.1 200 OK", b"HTTP/2.0 200 OK", b"HTTP/1.2 200 OK", b"HTTP/2 200",
     b"http/1.1 200 OK", b"HTTP/1.1 +20 OK",
     b"HTTP/1.1 2 0 OK", b"HTTP/1.1 \xb200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 O\rK",
     b"HTTP/1.1 200 O\nX: y",
     b"HTTP/1.1 200 \x7f", b"GET / HTTP/1.1", b"ICY 200 OK", b"<html>"],
)
def test_any_other_status_line_is_the_endpoints_failure(line):
    assert refused(status=line) == ("head", 502)


@pytest.mark.parametrize("line", [b"A : b", b" A: b", b"A", b": b", b"A: b\nC: d", b"A: b\r\n c", b"A: \0",
    b"A: b\rc", b"\xe4: b"])
def test_a_field_outside_the_grammar_is_the_endpoints_failure(line):
    assert refused(line) == ("head", 502)


def test_fields_are_counted():
    assert len(fields_of(head_of(*[b"A: b"] * MOST_FIELDS))) == MOST_FIELDS
    assert refused(*[b"A: b"] * (MOST_FIELDS + 1)) == ("head", 502)


# What goes on to the client.


def test_end_to_end_fields_go_on_in_order_and_as_spelled():
    head = head_of(b"Content-Type:a/b ", b"set-cookie: a", b"Set-Cookie: b", b"X-No:", b"ETag: \"\xff\"")
    assert fields_of(head) == [
        b"Content-Type: a/b", b"set-cookie: a", b"Set-Cookie: b", b"X-No: ", b"ETag: \"\xff\""]


HIDDEN = """
    Server X-Powered-By Via Proxy-Authenticate Connection Keep-Alive Proxy-Connection TE Trailer Upgrade
    X-Accel-Redirect X-Accel-Buffering X-Accel-Expires X-Accel-Charset X-Accel-Limit-Rate X-Sendfile
    X-Sendfile-Type Proxy
"""


@pytest.mark.parametrize(
    "name",
    HIDDEN.split(),
)
def test_what_is_of_this_hop_or_hidden_never_goes_on(name):
    for spelled in (name, name.lower(), name.upper()):
        assert fields_of(head_of(b"A: b", spelled.encode() + b": x", b"C: d")) == [b"A: b", b"C: d"]


def test_fields_that_connection_lists_go_no_further():
    head = head_of(b"X-Drop: 1", b"Connection: X-DROP ,\tdate", b"Date: now", b"connection: etag", b"ETag: a",
        b"A: b")
    assert fields_of(head) == [b"A: b"]
    assert not head.dated


def test_a_date_of_the_applications_is_kept():
    assert head_of(b"Date: Sun, 06 Nov 1994 08:49:37 GMT").dated
    assert not head_of(b"X-Date: x").dated


# A file in place of the body.


@pytest.mark.parametrize("line, wish", [
    (b"X-Accel-Redirect: /p/a%20b", ("X-Accel-Redirect", b"/p/a%20b")),
    (b"x-sendfile:/a b", ("X-Sendfile", b"/a b")),
    (b"X-Sendfile-Type: x", None), (b"X-Sendfile:", None), (b"X-Accel-Redirect: ", None)])
def test_a_file_that_shall_be_sent(line, wish):
    head = head_of(line, b"Content-Length: 0")
    assert head.file_wish == wish
    assert wish is None or head.file_wish.is_path == (wish[0] == "X-Sendfile")


@pytest.mark.parametrize("status", [201, 204, 302, 304, 404, 500])
def test_only_a_success_has_one(status):
    assert head_of(b"X-Sendfile: /a", status=b"HTTP/1.1 %d X" % status).file_wish is None


@pytest.mark.parametrize("name", [b"X-Accel-Redirect", b"X-Sendfile"])
def test_two_files_are_none_that_one_can_rely_on(name):
    assert refused(name + b": /a", name + b": /b") == ("head", 502)


# What it says of the body.


@pytest.mark.parametrize("value, length", [(b"0", 0), (b"5", 5), (b"007", 7)])
def test_content_length_is_written_anew_behind_the_rest(value, length):
    head = head_of(b"content-length: " + value, b"A: b")
    assert (head.length, head.chunked) == (length, False)
    assert fields_of(head) == [b"A: b", b"Content-Length: %d" % length]


@pytest.mark.parametrize("value", [b"", b"+5", b"-5", b"5_0", b"0x5", b"5,5", b"5, 5", b"5 5", b"\xb2",
    b"9" * 19, b"5;"])
def test_a_content_length_that_is_no_number_of_octets_is_the_endpoints_failure(value):
    assert refused(b"Content-Length: " + value) == ("head", 502)


@pytest.mark.parametrize("status", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching Protocols"])
def test_a_length_where_no_body_can_be_goes_no_further(status):
    head = head_of(b"Content-Length: 5", b"A: b", status=status)
    assert (head.length, fields_of(head)) == (None, [b"A: b"])


def test_a_304_says_the_length_that_a_200_would_have():
    head = head_of(b"Content-Length: 5", status=b"HTTP/1.1 304 Not Modified")
    assert (head.length, fields_of(head)) == (5, [b"Content-Length: 5"])


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" CHUNKED\t"])
def test_chunked_is_read_and_goes_no_further(value):
    head = head_of(b"Transfer-Encoding: " + value, b"A: b")
    assert (head.chunked, head.length, fields_of(head)) == (True, None, [b"A: b"])


@pytest.mark.parametrize("value", [b"", b"identity", b"gzip", b"gzip, chunked", b"chunked, chunked",
    b"xchunked", b"chunked;q=1", b"\x80chunked"])
def test_any_other_transfer_coding_is_the_endpoints_failure(value):
    assert refused(b"Transfer-Encoding: " + value) == ("head", 502)


def test_framing_that_cannot_be_relied_on_is_the_endpoints_failure():
    assert refused(b"Transfer-Encoding: chunked", b"Content-Length: 5") == ("head", 502)
    assert refused(b"Content-Length: 0", b"Transfer-Encoding: chunked") == ("head", 502)
    old = b"HTTP/1.0 200 OK"  # RFC 9112 section 6.1
    assert refused(b"Transfer-Encoding: chunked", status=old) == ("head", 502)


@pytest.mark.parametrize("name, value", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"),
    (b"Content-Type", b"a/b"), (b"Location", b"/a")])
def test_a_field_that_can_only_be_there_once(name, value):
    assert refused(name + b": " + value, b"X: y", name.lower() + b": " + value) == ("head", 502)


def test_no_length_and_no_chunks_means_until_the_end():
    head = head_of(b"A: b")
    assert (head.length, head.chunked) == (None, False)


# What it says of the connection.


@pytest.mark.parametrize(
    "version, lines, close",
    [
        (b"1.1", [], False),
        (b"1.1", [b"Connection: close"], True),
        (b"1.1", [b"Connection: keep-alive, CLOSE"], True),
        (b"1.0", [], True),
        (b"1.0", [b"Connection: Keep-Alive"], False),
        (b"1.0", [b"Connection: keep-alive", b"Connection: close"], True),
        (b"1.1", [b"Connection: closed"], False),
    ],
)
def test_whether_the_endpoint_will_close(version, lines, close):
    assert head_of(*lines, status=b"HTTP/" + version + b" 200 OK").close is close


def test_upgrade_is_what_connection_says():
    switch = b"HTTP/1.1 101 Switching Protocols"
    head = head_of(b"Connection: Upgrade", b"Upgrade: WebSocket", b"Sec-WebSocket-Accept: x", status=switch)
    assert (head.upgrade, fields_of(head)) == (b"websocket", [b"Sec-WebSocket-Accept: x"])
    assert head_of(b"Upgrade: websocket", status=switch).upgrade == b""


@pytest.mark.parametrize(
    "line, stream",
    [
        (b"Content-Type: text/event-stream", True),
        (b"content-type: Text/Event-Stream; charset=utf-8", True),
        (b"X-Accel-Buffering: no", True),
        (b"x-accel-buffering: NO", True),
        (b"X-Accel-Buffering: yes", False),
        (b"Content-Type: text/plain", False),
        (b"A: text/event-stream", False),
    ],
)
def test_what_is_to_be_passed_on_at_once(line, stream):
    assert head_of(line).stream is stream


# The memo.


def test_a_head_is_remembered_the_second_time():
    memo = AnswerMemo(NOTHING)
    raw = b"HTTP/1.1 200 OK\r\nServer: x\r\nA: b\r\n\r\n"
    first = memo.parse(raw)
    assert memo.find(raw) is None
    second = memo.parse(raw)
    assert memo.find(raw) is second
    assert first.lines == second.lines == b"HTTP/1.1 200 OK\r\nA: b\r\n"
    assert memo.find(raw.replace(b"200", b"201")) is None


def test_the_memo_is_bounded_in_count_and_size():
    memo = AnswerMemo(NOTHING)
    heads = [b"HTTP/1.1 200 OK\r\nA: %d\r\n\r\n" % number for number in range(AnswerMemo.COUNT + 3)]
    for raw in heads:
        memo.parse(raw)
        memo.parse(raw)
    assert [raw for raw in heads if memo.find(raw)] == heads[-3:]
    long = b"HTTP/1.1 200 OK\r\nA: " + b"b" * AnswerMemo.LARGEST + b"\r\n\r\n"
    memo.parse(long)
    memo.parse(long)
    assert memo.find(long) is None


def test_a_bad_head_is_never_remembered():
    memo = AnswerMemo(NOTHING)
    for _ in range(3):
        with pytest.raises(UpstreamError):
            memo.parse(b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n")
        assert memo.find(b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n") is None
