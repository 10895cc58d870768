"""The middleware around a handler, in a real exchange on a fake connection."""

import gzip
import importlib
import json
import sys
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.compress_schema import CompressConfig
from proxy.http.prepared import Form, Kept, ResponseHead
from proxy.middleware import coded_answer
from proxy.middleware.compress import WHOLE, Compress
from proxy.observe.counters import SAVED
from tests.downstream.stage import Producer, Stage
from tests.fakes import FakeClock

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
DECODE = {b"gzip": gzip.decompress, b"br": brotli.decompress, b"zstd": zstd.decompress, None: bytes}
BODY = json.dumps([{"id": number, "name": f"name {number}"} for number in range(200)]).encode()
LONG = b"".join(b"%d: something or other\n" % number for number in range(60_000))
JSON = (b"Content-Type", b"application/json")
TEXT = (b"Content-Type", b"text/plain; charset=utf-8")


class Timer:
    def __init__(self, call):
        self.call, self.cancelled = call, False

    def cancel(self):
        self.cancelled = True


class Client:
    """A connection to a route with `compress`; `handle` is what the handler behind it does."""

    def __init__(self, clock, handle, *, window=None, **config):
        self.handle = handle
        self.stage = Stage(clock, answer=Compress(self, CompressConfig(**config)).handle, window=window)
        self.timers = []
        self.stage.loop.call_later = self._later

    def _later(self, delay, call):
        self.timers.append(Timer(call))
        return self.timers[-1]

    def ring(self):
        """The time of every timer has come."""
        timers, self.timers = self.timers, []
        for timer in timers:
            if not timer.cancelled:
                timer.call()

    def ask(self, accept=b"gzip, br, zstd", *, method=b"GET", fields=b""):
        accept = b"Accept-Encoding: %b\r\n" % accept if accept is not None else b""
        self.stage.send(b"%b / HTTP/1.1\r\nHost: a\r\n%b%b\r\n" % (method, accept, fields))
        self.stage.loop.run()
        return Answer(self.stage.got(), head_only=method == b"HEAD")

    @property
    def exchange(self):
        return self.stage.exchange

    def more(self):
        self.stage.loop.run()
        return chunks(self.stage.got())[0]


def chunks(data):
    """The octets of the chunks that are there, and the trailers once the last one is."""
    body = b""
    while data:
        size, data = data.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return body, data
        body, data = body + data[:int(size, 16)], data[int(size, 16) + 2:]
    return body, None


class Answer:
    def __init__(self, data, *, head_only=False):
        head, self.raw = data.split(b"\r\n\r\n", 1)
        self.lines = head.split(b"\r\n")
        self.pairs = [tuple(line.split(b": ", 1)) for line in self.lines[1:]]
        self.trailers = b"\r\n"
        self.body = self.raw
        if self.all(b"Transfer-Encoding"):
            self.body, self.trailers = chunks(self.raw)
        elif not head_only and self.one(b"Content-Length") is not None:
            assert len(self.raw) == int(self.one(b"Content-Length"))

    def all(self, name):
        return [value for key, value in self.pairs if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) <= 1
        return values[0] if values else None

    @property
    def coding(self):
        return self.one(b"Content-Encoding")

    def decoded(self):
        return DECODE[self.coding](self.body)


def whole(*fields, body=BODY, status=200):
    """A handler that answers at once."""
    head = ResponseHead.make(status, fields, len(body) or None)
    return lambda exchange: exchange.respond(head, body if exchange.method != b"HEAD" else b"")


def pieces(*fields, of=(BODY[:1000], BODY[1000:]), length=None, trailers=b"", stream=False):
    """A handler that answers bit by bit."""
    def handle(exchange):
        exchange.start(ResponseHead.make(200, fields, length), of[0], stream=stream)
        for piece in of[1:]:
            exchange.write(piece)
        exchange.finish(trailers)

    return handle


@pytest.fixture
def client(clock):
    return lambda handle, **config: Client(clock, handle, **config)


# What is compressed.


@pytest.mark.parametrize("accept, coding", [
    (b"gzip", b"gzip"), (b"br", b"br"), (b"zstd", b"zstd"), (b"gzip, br, zstd", b"br"),
    (b"gzip, br;q=0.5", b"gzip"), (b"*", b"br"), (b"deflate", None), (b"identity, gzip;q=0.5", None),
    (b"", None), (None, None)])
@pytest.mark.parametrize("handle", [whole(JSON), pieces(JSON), pieces(JSON, length=len(BODY))])
def test_what_the_client_takes(client, handle, accept, coding):
    answer = client(handle).ask(accept)
    assert answer.coding == coding
    assert answer.decoded() == BODY
    assert answer.one(b"Vary") == b"Accept-Encoding"
    assert coding is None or len(answer.body) < len(BODY) / 2


@pytest.mark.parametrize("fields, kept", [
    ([], False),
    ([(b"Content-Type", b"image/png")], False),
    ([JSON, (b"Content-Encoding", b"gzip")], True),
    ([JSON, (b"Content-Encoding", b"identity")], True),
    ([JSON, (b"cache-control", b"max-age=1, No-Transform")], False),
    ([JSON, (b"Content-Digest", b"sha-256=:eA==:")], True),
    ([JSON, (b"Repr-Digest", b"sha-256=:eA==:")], True),
    ([JSON, (b"Content-Range", b"bytes 0-1/3")], True),
])
@pytest.mark.parametrize("handling", [whole, pieces])
def test_what_is_left_alone(client, handling, fields, kept):
    fields = [*fields, (b"ETag", b'"x"'), (b"Accept-Ranges", b"bytes")]
    answer = client(handling(*fields)).ask()
    assert answer.body == BODY
    assert [pair for pair in answer.pairs if pair in fields] == fields
    assert answer.one(b"Vary") == (b"Accept-Encoding" if kept else None)


def test_a_part_is_left_alone(client):
    part = whole(JSON, (b"ETag", b'"x"'), (b"Content-Range", b"bytes 0-9999/10000"), status=206)
    answer = client(part).ask(fields=b"Range: bytes=0-9999\r\n")
    assert (answer.coding, answer.body, answer.one(b"ETag")) == (None, BODY, b'"x"')


def test_a_client_may_forbid_it(client):
    answer = client(whole(JSON)).ask(fields=b"Cache-Control: no-transform\r\n")
    assert (answer.coding, answer.body) == (None, BODY)


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_is_left_alone(client, status):
    answer = client(whole(JSON, (b"ETag", b'W/"x"'), body=b"", status=status)).ask()
    assert answer.lines[0].startswith(b"HTTP/1.1 %d" % status)
    assert answer.pairs[:-1] == [JSON, (b"ETag", b'W/"x"')]  # and Date
    assert answer.raw == b""


@pytest.mark.parametrize("status", [200, 201, 404, 500])
def test_any_status_with_a_body(client, status):
    assert client(whole(JSON, status=status)).ask().decoded() == BODY


def test_small_ones_are_left_alone(client):
    assert client(whole(JSON, body=BODY[:1023])).ask().coding is None
    assert client(whole(JSON, body=BODY[:1024])).ask().coding == b"br"
    assert client(whole(JSON, body=BODY[:100]), minimum=100).ask().coding == b"br"
    assert client(pieces(JSON, of=(b"ab", b"c"), length=3)).ask().coding is None
    assert client(pieces(JSON, of=(b"ab", b"c"))).ask().decoded() == b"abc"  # nobody knew its length


def test_codings_types_and_level_are_the_routes(client):
    assert client(whole(JSON), codings=["gzip"]).ask().coding == b"gzip"
    assert client(whole(JSON), codings=["gzip"]).ask(b"br").coding is None
    assert client(whole(JSON), types=["text/*"]).ask().coding is None
    quick, slow = client(whole(JSON), level=1).ask(), client(whole(JSON), level=6).ask()
    assert len(slow.body) < len(quick.body)


# What the head says.


@pytest.mark.parametrize("before, after", [
    ([], [b"Accept-Encoding"]),
    ([b"Cookie"], [b"Cookie, Accept-Encoding"]),
    ([b"Cookie , Origin "], [b"Cookie , Origin, Accept-Encoding"]),
    ([b"Cookie", b"Origin"], [b"Cookie, Accept-Encoding", b"Origin"]),
    ([b"accept-ENCODING"], [b"accept-ENCODING"]),
    ([b"Cookie", b"Origin, Accept-Encoding"], [b"Cookie", b"Origin, Accept-Encoding"]),
    ([b"*"], [b"*"]),
    ([b""], [b"Accept-Encoding"]),
])
@pytest.mark.parametrize("accept", [b"gzip", b"identity"])
def test_vary(client, accept, before, after):
    answer = client(whole(JSON, *((b"Vary", value) for value in before))).ask(accept)
    assert answer.all(b"Vary") == after


def test_what_holds_for_the_plain_form_alone_goes(client):
    plain_alone = [(b"Accept-Ranges", b"bytes"), (b"Digest", b"x"), (b"Content-MD5", b"x")]
    fields = (JSON, (b"ETag", b'"x"'), *plain_alone)
    answer = client(whole(*fields)).ask()
    assert answer.one(b"ETag") == b'W/"x"'
    assert answer.decoded() == BODY
    assert not set(plain_alone) & set(answer.pairs)
    plain = client(whole(*fields)).ask(b"identity")
    assert plain.pairs[:len(fields)] == list(fields)


def test_a_weak_tag_stays_as_it_is(client):
    assert client(whole(JSON, (b"etag", b'W/"x"'))).ask().one(b"ETag") == b'W/"x"'


def test_a_304_names_the_form_that_the_client_has(client):
    unchanged = whole((b"ETag", b'"x"'), body=b"", status=304)
    answer = client(unchanged).ask(fields=b'If-None-Match: "a", W/"x"\r\n')
    assert (answer.one(b"ETag"), answer.one(b"Vary")) == (b'W/"x"', b"Accept-Encoding")
    answer = client(unchanged).ask(fields=b'If-None-Match: "x"\r\n')
    assert (answer.one(b"ETag"), answer.one(b"Vary")) == (b'"x"', None)


@pytest.mark.parametrize("length", [len(BODY), None])
def test_head_gets_the_head_of_get(client, length):
    head = ResponseHead.make(200, [JSON, (b"ETag", b'"x"')], length)

    def handle(exchange):
        if exchange.method == b"HEAD":
            exchange.respond(head)
        elif length is None:
            pieces(JSON, (b"ETag", b'"x"'))(exchange)
        else:
            exchange.respond(head, BODY)

    asked = client(handle).ask(method=b"HEAD")
    got = client(handle).ask()
    framing = (b"Content-Length", b"Transfer-Encoding")
    assert asked.raw == b""
    assert asked.pairs == [pair for pair in got.pairs if pair[0] not in framing]
    assert client(handle, minimum=1 << 20).ask(method=b"HEAD").coding == (b"br" if length is None else None)


def test_an_answer_in_pieces_to_head_has_no_body(client):
    answer = client(pieces(JSON)).ask(method=b"HEAD")
    assert (answer.coding, answer.raw) == (b"br", b"")


def test_the_connection_is_kept(client):
    one = client(whole(JSON))
    for _ in range(3):
        assert one.ask().decoded() == BODY
    assert not one.stage.transport.closing
    assert one.exchange.filter is None


def test_an_old_client_has_the_end_of_the_connection(client):
    one = client(pieces(JSON))
    one.stage.send(b"GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    answer = Answer(one.stage.got())
    assert answer.one(b"Transfer-Encoding") is None
    assert answer.decoded() == BODY
    assert one.stage.transport.closing


def test_a_refusal_is_an_answer_like_others(client):
    answer = client(lambda exchange: exchange.refuse(502)).ask()
    assert answer.body == b"502 Bad Gateway\n"
    assert answer.one(b"Vary") == b"Accept-Encoding"


def test_what_others_shall_get_too_is_kept_by_nobody(client):
    """An answer that is sent again without a handler would be sent without us."""
    form = Form(ResponseHead.make(200, [JSON], len(BODY)), BODY, b'"x"', ResponseHead.make(304, (), None))
    one = client(lambda exchange: exchange.respond_kept(Kept(form), form))
    assert one.ask().decoded() == BODY
    assert one.stage.runtime.kept.find(one.exchange.line) is None


# Streams.


def test_trailers_go_through_but_for_digests(client):
    answer = client(pieces(JSON, trailers=b"Repr-Digest: a\r\nX-Took: 3\r\netag: \"y\"\r\n")).ask()
    assert answer.trailers == b"X-Took: 3\r\n\r\n"
    assert answer.decoded() == BODY


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd"])
def test_each_event_goes_out_when_it_comes(client, coding):
    one = client(lambda exchange: exchange.start(
        ResponseHead.make(200, [(b"Content-Type", b"text/event-stream")], None), stream=True))
    answer = one.ask(coding)
    assert (answer.coding, answer.body) == (coding, b"")
    read = {b"gzip": zlib.decompressobj(31).decompress, b"br": brotli.Decompressor().process,
            b"zstd": zstd.ZstdDecompressor().decompress}[coding]
    for number in range(5):
        event = b"data: %d\n\n" % number
        one.exchange.write(event)
        assert read(one.more()) == event
    assert not one.timers
    one.exchange.finish()
    rest, trailers = chunks(one.stage.got())
    assert trailers == b"\r\n"
    assert read(rest) == b""


def test_a_live_stream_is_gzip_where_the_client_takes_it(client):
    events = pieces((b"Content-Type", b"text/event-stream"), of=(b"data: 1\n\n",), stream=True)
    assert client(events).ask(b"br, gzip").coding == b"gzip"
    assert client(events, codings=["br"]).ask(b"br, gzip").coding == b"br"
    assert client(events).ask(b"br, gzip;q=0").coding == b"br"


def test_what_comes_slowly_waits_for_a_moment_only(client):
    one = client(lambda exchange: exchange.start(ResponseHead.make(200, [TEXT], None), b"a little"))
    read = zlib.decompressobj(31).decompress
    assert read(one.ask(b"gzip").body) == b""
    one.ring()
    assert read(one.more()) == b"a little"
    one.exchange.write(b" and ")
    one.exchange.write(b"more")
    assert len(one.timers) == 1
    one.ring()
    assert read(one.more()) == b" and more"
    assert not one.timers  # nothing waits
    one.exchange.write(b".")
    one.exchange.finish()
    assert read(chunks(one.stage.got())[0]) == b"."
    assert all(timer.cancelled for timer in one.timers)


@pytest.fixture
def slow_clock(monkeypatch):
    """Each look at the clock finds it further than a turn may take."""
    clock = FakeClock()

    def later():
        clock.now += 2 * coded_answer.TURN
        return clock.now

    monkeypatch.setattr(coded_answer, "monotonic", later)


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"zstd"])
def test_a_long_body_is_compressed_in_turns(client, slow_clock, coding):
    turns = 0
    one = client(whole(TEXT, body=LONG))
    run = one.stage.loop.run

    def counting():
        nonlocal turns
        turns += run()

    one.stage.loop.run = counting
    answer = one.ask(coding)
    assert answer.one(b"Content-Length") is None
    assert answer.decoded() == LONG
    assert turns >= len(LONG) // coded_answer.PIECE


def test_up_to_a_limit_it_is_one_piece_with_a_length(client):
    answer = client(whole(TEXT, body=LONG[:WHOLE])).ask()
    assert answer.one(b"Transfer-Encoding") is None
    assert answer.decoded() == LONG[:WHOLE]
    assert client(whole(TEXT, body=LONG[:WHOLE + 1])).ask().decoded() == LONG[:WHOLE + 1]


def test_the_producer_waits_while_we_are_behind(client, slow_clock):
    producer = Producer()

    def handle(exchange):
        exchange.responder = producer
        exchange.start(ResponseHead.make(200, [TEXT], None), LONG[:100_000])

    one = client(handle)
    one.stage.transport.feed = one.stage.transport.protocol.data_received  # runs no loop
    loop, one.stage.loop.run = one.stage.loop.run, lambda: 0
    one.ask(b"gzip")
    assert producer.told == ["pause"]
    one.exchange.write(LONG[100_000:120_000])  # was on its way
    one.stage.loop.run = loop
    one.stage.loop.run()
    assert producer.told == ["pause", "resume"]
    one.exchange.finish()
    one.stage.loop.run()
    assert one.exchange.over


def test_a_slow_client_pauses_the_producer(client):
    producer = Producer()

    def handle(exchange):
        exchange.responder = producer
        exchange.start(ResponseHead.make(200, [TEXT], None), stream=True)

    one = client(handle, window=100)
    one.stage.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
    for at in range(0, len(LONG), 10_000):
        if producer.told[-1:] == ["pause"]:
            one.stage.transport.take_all()
        one.exchange.write(LONG[at:at + 10_000])
        waits = one.stage.transport.get_write_buffer_size()
        assert waits < 100_000
    assert producer.told[:2] == ["pause", "resume"]
    one.exchange.finish()
    one.stage.transport.take_all()
    answer = Answer(bytes(one.stage.transport.got))
    assert answer.decoded() == LONG


def test_a_long_body_waits_for_a_slow_client(client, slow_clock):
    """Nothing is coded ahead of what the client takes but for what its connection's buffer holds."""
    noise = b"".join(b"%x" % hash((number, "x")) for number in range(100_000))
    one = client(whole(TEXT, body=noise), window=1000)
    one.stage.runtime.settings.body_file = 0
    one.stage.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
    one.stage.loop.run()
    assert len(one.stage.transport.sent) < len(noise) / 4
    while not one.exchange.over:
        one.stage.transport.take_all()
    assert Answer(bytes(one.stage.transport.got)).decoded() == noise


@given(pieces=st.lists(st.binary(max_size=200), max_size=8), rings=st.integers(0, 255), live=st.booleans(),
       coding=st.sampled_from([b"gzip", b"br", b"zstd"]))
def test_any_pieces_at_any_time(pieces, rings, live, coding):
    one = Client(FakeClock(), lambda exchange: exchange.start(
        ResponseHead.make(200, [TEXT], None), stream=live))
    body = one.ask(coding).body
    for at, piece in enumerate(pieces):
        one.exchange.write(piece)
        if rings >> at & 1:
            one.ring()
    one.exchange.finish()
    rest, trailers = chunks(one.stage.got())
    assert trailers == b"\r\n"
    assert DECODE[coding](body + rest) == b"".join(pieces)


# Ends.


def test_when_the_client_leaves_the_producer_is_told_and_all_is_freed(client):
    producer = Producer()

    def handle(exchange):
        exchange.responder = producer
        exchange.start(ResponseHead.make(200, [TEXT], None), b"begun")

    one = client(handle)
    one.ask()
    timer = one.timers[0]
    one.stage.transport.fail()
    assert producer.told == ["gone"]
    assert timer.cancelled
    assert one.exchange.filter is one.exchange.responder is None
    one.exchange.write(b"late")
    one.exchange.finish()


def test_when_the_endpoint_fails_the_answer_is_cut(client, slow_clock):
    def handle(exchange):
        exchange.start(ResponseHead.make(200, [TEXT], None), LONG[:100_000])
        exchange.abort()

    one = client(handle)
    answer = one.ask()
    assert answer.trailers is None  # no last chunk
    assert one.stage.transport.closing
    one.ring()
    assert one.exchange.filter is None


def test_calls_out_of_order_are_defects(client):
    one = client(lambda exchange: None)
    one.stage.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
    exchange, filter_ = one.exchange, one.exchange.filter
    with pytest.raises(AssertionError):
        filter_.write(exchange, b"x")
    with pytest.raises(AssertionError):
        filter_.finish(exchange, b"")
    exchange.start(ResponseHead.make(200, [TEXT], None))
    with pytest.raises(AssertionError):
        exchange.filter.respond(exchange, ResponseHead.make(200, (), 0), b"")
    with pytest.raises(AssertionError):
        exchange.filter.start(exchange, ResponseHead.make(200, (), 0), b"", stream=False)


@pytest.mark.parametrize("size", [2_000, 400_000])
def test_what_is_spared_is_counted(client, size):
    asker = client(whole(JSON, body=b"a" * size))
    answer = asker.ask(b"gzip")
    cells = asker.stage.runtime.counters.route("").cells
    assert cells[SAVED] == size - len(answer.body)
