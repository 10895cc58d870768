from email import message_from_bytes
from email.policy import HTTP

from hypothesis import given
from hypothesis import strategies as st

from proxy.handlers.multipart import multipart
from proxy.handlers.ranges import Answer, parse_ranges

BODY = bytes(range(256)) * 8


def laid_out(spans, content_type=b"image/png", body=BODY):
    """The response's body, and what says how long it is."""
    parts = multipart(spans, len(body), content_type)
    sent = b"".join(head + body[start:end] for head, start, end in parts.parts) + parts.end
    return parts, sent


def read_back(parts, sent):
    """A stranger's view of it: (Content-Type, Content-Range, octets) of each part."""
    message = message_from_bytes(b"Content-Type: " + parts.content_type + b"\r\n\r\n" + sent, policy=HTTP)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    return message.get_payload()


@given(st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 40)), min_size=1, max_size=16))
def test_length_is_known_before(wanted):
    field = b"bytes=" + b",".join(b"%d-%d" % (first, first + more) for first, more in wanted)
    spans = parse_ranges(field, len(BODY))
    assert spans is not Answer.UNSATISFIABLE
    if spans is not Answer.WHOLE:
        parts, sent = laid_out(spans)
        assert parts.length == len(sent)
        assert len(read_back(parts, sent)) == len(spans)


def test_each_part_says_what_it_is():
    body = b"".join(b"%04d" % number for number in range(500))
    parts, sent = laid_out([(400, 405), (0, 4)], b"text/css; charset=utf-8", body)
    first, second = read_back(parts, sent)
    assert first["Content-Range"] == "bytes 400-404/2000"
    assert second["Content-Range"] == "bytes 0-3/2000"
    assert sent.count(b"\r\nContent-Type: text/css; charset=utf-8\r\n") == 2
    assert first.get_payload(decode=True) == body[400:405]
    assert second.get_payload(decode=True) == b"0000"


def test_octets_are_those_of_rfc_2046():
    parts, sent = laid_out([(0, 1), (255, 256)])
    boundary = parts.content_type.removeprefix(b"multipart/byteranges; boundary=")
    assert sent == (
        b"--%(b)b\r\nContent-Type: image/png\r\nContent-Range: bytes 0-0/2048\r\n\r\n\x00"
        b"\r\n--%(b)b\r\nContent-Type: image/png\r\nContent-Range: bytes 255-255/2048\r\n\r\n\xff"
        b"\r\n--%(b)b--\r\n" % {b"b": boundary})


def test_boundary_is_another_each_time():
    boundaries = {multipart([(0, 1), (500, 501)], 2048, b"a/b").content_type for _ in range(50)}
    assert len(boundaries) == 50
