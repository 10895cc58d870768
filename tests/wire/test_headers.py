import pytest

from proxy.errors import RequestError
from proxy.wire.headers import (
    TO_CLIENT,
    TO_ENDPOINT,
    FieldMemo,
    HeaderBlock,
    HeaderMemo,
    parse_field,
    split_fields,
)

# A value for those fields that do not take any.
RIGHT = {b"Content-Length": b"5", b"Transfer-Encoding": b"chunked", b"Expect": b"100-continue"}


def block_of(*lines):
    return HeaderMemo(100).parse(b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def refusal(*lines):
    with pytest.raises(RequestError) as refused:
        block_of(*lines)
    return refused.value.status


# The grammar of a section (RFC 9112 section 5).


@pytest.mark.parametrize(
    "line, pair",
    [
        (b"A: b", (b"A", b"b")),
        (b"A:b", (b"A", b"b")),
        (b"A:", (b"A", b"")),
        (b"A: ", (b"A", b"")),
        (b"A:\t \t", (b"A", b"")),
        (b"A: \t b \t", (b"A", b"b")),
        (b"A: b ", (b"A", b"b")),
        (b"A: b\t", (b"A", b"b")),
        (b"A: b c\td", (b"A", b"b c\td")),
        (b"A: b: c", (b"A", b"b: c")),
        (b"A::", (b"A", b":")),
        (b"A: \x80\xff", (b"A", b"\x80\xff")),
        (b"!#$%&'*+-.^_`|~9aZ: x", (b"!#$%&'*+-.^_`|~9aZ", b"x")),
    ],
)
def test_a_field_is_a_name_a_colon_and_a_value_without_the_space_around_it(line, pair):
    name, value = pair
    for _ in range(3):  # parsed, parsed and remembered, remembered
        (key, taken, forwarded, _kind), = split_fields(line + b"\r\n\r\n", 1)
        assert (key, taken, forwarded) == (name.lower(), value, b"%b: %b\r\n" % pair)
    # ... also between others.
    between = split_fields(b"X: y\r\n" + line + b"\r\nX: y\r\n\r\n", 3)
    assert [field[1] for field in between] == [b"y", value, b"y"]


def test_a_section_may_be_empty():
    assert split_fields(b"\r\n", 0) == []


@pytest.mark.parametrize(
    "line",
    [
        b"A : b", b"A\t: b", b" A: b", b"\tA: b", b": b", b":", b"A", b"", b"A b: c", b"A\x80: b", b"A(: b",
        b"A,B: c", b"A\"B\": c", b"A/: b",
        b"A@: b", b"A[: b", b"A{: b", b"A\x7f: b", b"A\0: b", b"A\r: b", b"A: b\0", b"A: \0", b"A: b\x01c",
        b"A: \x0b", b"A: b\x0c", b"A: \x1f",
        b"A: \x7f", b"A: b\r", b"A: \r", b"A: b\rC: d", b"A: b\r\r", b"A: b\n", b"A: b\nC: d", b"\nA: b",
        b"\rA: b", b"A: b\n\n", b"A:\r\r\n b",
        b"A: b\r\n c", b"A: b\r\n\tc", b"A:\r\n b", b"A: b\r\n ", b"A: b\r\n\r", b"A: b\n c",
    ],
)
def test_a_section_outside_the_grammar_is_400(line):
    for section in (b"%b\r\n\r\n", b"X: y\r\n%b\r\n\r\n", b"%b\r\nX: y\r\n\r\n", b"X:y\r\n%b\r\n\r\n"):
        with pytest.raises(RequestError) as refused:
            split_fields(section % line, 100)
        assert refused.value.status == 400


def test_every_octet_of_a_name_and_of_a_value_is_judged():
    token = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    value = b"\t" + bytes({*range(32, 256)} - {127})
    for octet in range(256):
        assert is_taken(b"A%cB: c\r\n\r\n" % octet) == (octet in token + b":")
        assert is_taken(b"A: b%cc\r\n\r\n" % octet) == (octet in value)


def is_taken(section):
    try:
        return bool(split_fields(section, 1))
    except RequestError:
        return False


def test_fields_are_counted():
    assert len(split_fields(b"A: b\r\n" * 100 + b"\r\n", 100)) == 100
    with pytest.raises(RequestError) as refused:
        split_fields(b"A: b\r\n" * 101 + b"\r\n", 100)
    assert refused.value.status == 431


# What a section says of the body (RFC 9112 section 6).


@pytest.mark.parametrize("value, length",
                         [(b"0", 0), (b"5", 5), (b"007", 7), (b" 5 ", 5), (b"9" * 18, 10**18 - 1)])
def test_content_length(value, length):
    block = block_of(b"Content-Length:" + value)
    assert (block.length, block.chunked) == (length, False)


@pytest.mark.parametrize(
    "value",
    [b"", b"+5", b"-5", b"-0", b"5_0", b"0x5", b"5.0", b"5e1", b"5,5", b"5, 5", b"5 5", b"5;", b'"5"',
        b"\xb2", b"\xd9\xa5", b"five", b"5\x80",
     b"9" * 19, b"0" * 19, b"1" * 5000],
)
def test_a_content_length_that_is_no_number_of_octets_is_400(value):
    assert refusal(b"Content-Length: " + value) == 400


@pytest.mark.parametrize("first, second", [(b"5", b"5"), (b"5", b"6"), (b"", b"5"), (b"0", b"")])
def test_two_content_lengths_are_400_even_when_they_agree(first, second):
    assert refusal(b"Content-Length: " + first, b"content-length: " + second) == 400


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"TRANSFER-encoding:CHUNKED",
    b"Transfer-Encoding: \tChunked "])
def test_chunked(line):
    block = block_of(line)
    assert (block.chunked, block.length) == (True, None)


@pytest.mark.parametrize("value", [b"gzip, chunked", b"gzip ,\tchunked", b"deflate,chunked",
    b"x-foo, Chunked"])
def test_a_coding_before_chunked_is_501(value):
    assert refusal(b"Transfer-Encoding: " + value) == 501


@pytest.mark.parametrize(
    "value",
    [b"", b"identity", b"gzip", b"xchunked", b"chunkedx", b"chunked, chunked", b"chunked,", b", chunked",
        b"chunked, gzip", b"chunked;q=1",
     b'"chunked"', b"chun ked", b"chunked chunked", b"\xffchunked", b"chunked\xa0", b"c\x80hunked",
     b"gzip; a, chunked", b"'chunked'"],
)
def test_any_other_transfer_coding_is_400(value):
    assert refusal(b"Transfer-Encoding: " + value) == 400


def test_two_transfer_encodings_are_400():
    assert refusal(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") == 400
    assert refusal(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked") == 400
    assert refusal(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") == 400


def test_both_framings_are_400_in_either_order():
    assert refusal(b"Content-Length: 5", b"Transfer-Encoding: chunked") == 400
    assert refusal(b"Transfer-Encoding: chunked", b"Content-Length: 5") == 400
    assert refusal(b"Transfer-Encoding: chunked", b"Content-Length: 0") == 400


def test_connection_cannot_take_the_framing_away():
    block = block_of(b"Connection: content-length", b"Content-Length: 5")
    assert block.length == 5
    assert block_of(b"Connection: transfer-encoding", b"Transfer-Encoding: chunked").chunked
    assert refusal(b"Connection: content-length", b"Content-Length: 5", b"Transfer-Encoding: chunked") == 400


def test_a_name_with_an_underscore_frames_nothing():
    block = block_of(b"Content_Length: 5", b"Transfer_Encoding: chunked")
    assert (block.length, block.chunked, block.lines) == (None, False, b"")


# Other fields that this hop reads.


@pytest.mark.parametrize(
    "name", [b"Host", b"Content-Length", b"Transfer-Encoding", b"Authorization", b"Content-Type", b"Expect",
        b"Max-Forwards", b"X-Request-ID", b"X-Real-IP"]
)
def test_a_field_that_can_only_be_there_once(name):
    value = RIGHT.get(name, b"a")
    assert refusal(name + b": " + value, b"X: y", name.upper() + b": " + value) == 400


def test_host_is_as_it_was_sent():
    assert block_of(b"Host: A.Example:8080").host == b"A.Example:8080"
    assert block_of(b"X: y").host is None


@pytest.mark.parametrize("value", [b"", b"a b", b"a/b", b"u@a", b"a, b", b"a:99999", b"a:b", b"[::1", b"\xe4",
    b"a\\b", b"http://a"])
def test_a_host_that_is_none_is_400(value):
    assert refusal(b"Host: " + value) == 400


@pytest.mark.parametrize(
    "lines, close, keep_alive",
    [
        ([b"X: y"], False, False),
        ([b"Connection: close"], True, False),
        ([b"Connection: Keep-Alive"], False, True),
        ([b"Connection: x, CLOSE ,\ty"], True, False),
        ([b"Connection: keep-alive", b"Connection: close"], True, True),
        ([b"Connection: closed"], False, False),
        ([b"Connection:"], False, False),
    ],
)
def test_connection_says_whether_to_close(lines, close, keep_alive):
    block = block_of(*lines)
    assert (block.close, block.keep_alive) == (close, keep_alive)


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"])
def test_expect(value):
    assert block_of(b"Expect: " + value).expect
    assert not block_of(b"X: y").expect


@pytest.mark.parametrize("value", [b"", b"200-ok", b"100-continue, x", b"100-continue;a", b"100"])
def test_another_expectation_is_417(value):
    assert refusal(b"Expect: " + value) == 417


@pytest.mark.parametrize(
    "lines, offered",
    [
        ([b"Connection: Upgrade", b"Upgrade: websocket"], b"websocket"),
        ([b"Connection: keep-alive, UPGRADE", b"Upgrade: WebSocket , foo/2"], b"WebSocket, foo/2"),
        ([b"Connection: Upgrade", b"Upgrade: a", b"Upgrade: b"], b"a, b"),
        ([b"Connection: Upgrade", b"Upgrade: h2c"], b""),
        ([b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: H2C, websocket", b"HTTP2-Settings: AAMAAABk"],
            b"websocket"),
        ([b"Connection: Upgrade", b"Upgrade: h2c/1"], b""),
        ([b"Connection: Upgrade", b"Upgrade: ,h2c , ,"], b""),
        ([b"Connection: Upgrade"], b""),
        ([b"Upgrade: websocket"], b""),  # RFC 9110 section 7.8: only with its connection option
        ([b"Connection: keep-alive", b"Upgrade: websocket"], b""),
    ],
)
def test_upgrade_is_what_connection_offers_but_never_h2c(lines, offered):
    block = block_of(*lines)
    assert block.upgrade == offered
    assert block.lines == b""


@pytest.mark.parametrize("value", [b"abc", b"A-z_0.9:/+=@", b"a" * 128, b"4bf92f3577b34da6a3ce929d0e0e4736"])
def test_a_usable_request_id_is_kept(value):
    assert block_of(b"X-Request-ID: " + value).request_id == value


@pytest.mark.parametrize("value", [b"", b"a b", b"a" * 129, b"a,b", b'"a"', b"<a>", b"\x80", b"a;b",
    b"${jndi}", b"a%0a"])
def test_any_other_request_id_is_made_anew(value):
    block = block_of(b"X-Request-ID: " + value)
    assert block.request_id == b""
    assert block.lines == b""


def test_a_message_that_came_through_again_and_again_is_a_loop():
    assert block_of(b"Via: " + b", ".join([b"1.1 proxy"] * 7)).get(b"via").count(b"proxy") == 7
    assert refusal(b"Via: " + b", ".join([b"1.1 proxy"] * 8)) == 508
    assert refusal(*[b"Via: 1.1 proxy"] * 8) == 508
    assert block_of(b"Via: " + b", ".join([b"1.1 other"] * 50)).lines == b""


@pytest.mark.parametrize("name", [b"If-Match", b"if-none-match", b"If-Modified-Since", b"If-Unmodified-Since",
    b"If-Range", b"RANGE"])
def test_a_conditional_request_is_noticed_and_goes_on(name):
    block = block_of(name + b": x")
    assert block.conditional
    assert block.lines == name + b": x\r\n"
    assert not block_of(b"If: x").conditional


def test_get_joins_the_lines_of_a_field():
    block = block_of(b"A: 1", b"B: x", b"a: 2", b"Cookie: c=1", b"COOKIE: d=2", b"A:")
    assert block.get(b"a") == b"1, 2, "
    assert block.get(b"cookie") == b"c=1; d=2"  # RFC 9113 section 8.2.3: with a semicolon
    assert block.get(b"b") == b"x"
    assert block.get(b"c") is None


# What goes on to the endpoint.


def test_end_to_end_fields_go_on_in_order_and_as_spelled():
    block = block_of(b"Accept:  */*  ", b"x-LOWER: 1", b"Cookie: a", b"Cookie: b", b"X-No:", b"X-High: \xff")
    assert block.lines == (
        b"Accept: */*\r\nx-LOWER: 1\r\nCookie: a\r\nCookie: b\r\nX-No: \r\nX-High: \xff\r\n")


OURS = """
    Keep-Alive Proxy-Connection TE Trailer Transfer-Encoding Upgrade HTTP2-Settings Proxy-Authorization
    Proxy Host Content-Length Expect Via Forwarded X-Real-IP X-Request-ID X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Anything X_Under
    X_Forwarded_For _ Content_Type X-Sendfile-Type X-Accel-Mapping
"""


@pytest.mark.parametrize(
    "name",
    OURS.split(),
)
def test_what_is_of_this_hop_or_ours_to_say_never_goes_on(name):
    value = RIGHT.get(name.encode(), b"a")
    for spelled in (name, name.lower(), name.upper()):
        assert block_of(b"A: b", spelled.encode() + b": " + value, b"C: d").lines == b"A: b\r\nC: d\r\n"


def test_fields_that_connection_lists_go_no_further():
    block = block_of(b"X-Drop: 1", b"Connection: close, X-DROP,\tx-none", b"x-drop: 2", b"X-Drop-Not: 3",
        b"Connection: Cookie", b"Cookie: a")
    assert block.lines == b"X-Drop-Not: 3\r\n"
    assert block.get(b"cookie") == b"a"  # but this hop may read them


def test_connection_cannot_take_away_what_this_hop_reads():
    block = block_of(b"Connection: host, x-request-id, via, x-forwarded-for, upgrade",
                     b"Host: a", b"X-Request-ID: id", b"Via: 1.0 b", b"X-Forwarded-For: 192.0.2.1",
                     b"Upgrade: websocket")
    assert (block.host, block.request_id, block.upgrade) == (b"a", b"id", b"websocket")
    assert (block.get(b"via"), block.get(b"x-forwarded-for")) == (b"1.0 b", b"192.0.2.1")


def test_a_block_is_made_of_fields():
    assert HeaderBlock([parse_field(b"Host: a"), parse_field(b"A: b")]).lines == b"A: b\r\n"


# The memo.


def test_a_section_is_remembered_the_second_time():
    memo = HeaderMemo(100)
    raw = b"Host: a\r\nA: b\r\n\r\n"
    first = memo.parse(raw)
    assert memo.find(raw) is None
    second = memo.parse(raw)
    assert memo.find(raw) is second
    assert (first.lines, first.host, first.close) == (second.lines, second.host, second.close)
    assert (first.shared, second.shared) == (False, True)


def test_only_the_very_same_octets_are_found():
    memo = HeaderMemo(100)
    for _ in range(2):
        memo.parse(b"Host: a\r\n\r\n")
    assert memo.find(b"Host: a\r\n\r\n") is not None
    for other in (b"host: a\r\n\r\n", b"Host:a\r\n\r\n", b"Host: a \r\n\r\n", b"Host: b\r\n\r\n"):
        assert memo.find(other) is None


def test_a_refusal_is_never_remembered():
    memo = HeaderMemo(100)
    for _ in range(3):
        with pytest.raises(RequestError):
            memo.parse(b"Host: a b\r\n\r\n")
        assert memo.find(b"Host: a b\r\n\r\n") is None


def test_a_long_section_is_parsed_each_time():
    memo = HeaderMemo(100)
    raw = b"A: " + b"b" * HeaderMemo.LARGEST + b"\r\n\r\n"
    for _ in range(3):
        assert len(memo.parse(raw).lines) == len(raw) - 2
    assert memo.find(raw) is None


def test_the_memo_is_bounded_and_goes_on_when_full():
    memo = HeaderMemo(100)
    sections = [b"A: %d\r\n\r\n" % number for number in range(HeaderMemo.COUNT + 3)]
    for raw in sections:
        memo.parse(raw)
        memo.parse(raw)
    kept = [raw for raw in sections if memo.find(raw) is not None]
    assert kept == sections[-3:]
    assert all(memo.find(raw).lines == raw[:-2] for raw in kept)


def test_sections_that_never_repeat_push_nothing_out():
    memo = HeaderMemo(100)
    for _ in range(2):
        memo.parse(b"A: b\r\n\r\n")
    for number in range(3 * HeaderMemo.COUNT):
        memo.parse(b"A: %d\r\n\r\n" % number)
    assert memo.find(b"A: b\r\n\r\n") is not None


def test_lines_are_remembered_within_bounds():
    memo = FieldMemo()
    long = b"A: " + b"x" * memo.LARGEST
    for line in (long, b"A: b"):
        first = memo.parse(line)
        assert memo.find(line) is None  # a line that never repeats pushes nothing out
        assert memo.parse(line) == first
    assert memo.find(long) is None
    assert memo.find(b"A: b") == (b"a", b"b", b"A: b\r\n", TO_ENDPOINT | TO_CLIENT)
    for number in range(memo.COUNT):
        for _ in range(2):
            memo.parse(b"X-%d: y" % number)
    assert memo.find(b"A: b") is None  # it began anew
    assert memo.find(b"X-%d: y" % (memo.COUNT - 1)) is not None
