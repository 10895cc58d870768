"""Large bodies in memory: to each client as fast as that takes them."""

import random

import brotli

from proxy.handlers.slices import SLICE, TURN, send_body
from proxy.handlers.static_cache import LARGEST
from proxy.http.prepared import ResponseHead
from tests.downstream.stage import GET, Stage, frozen
from tests.fakes import FakeExchange, FakeLoop
from tests.handlers.sites import ask, make_static

BODY = random.Random(5).randbytes(LARGEST + 2 * SLICE + 17)


def sent(body=BODY, **options):
    exchange = FakeExchange(loop=FakeLoop(), **options)
    send_body(exchange, ResponseHead.make(200, (), len(body)), body)
    return exchange


def test_a_small_one_goes_out_at_once():
    answer = sent(BODY[:LARGEST])
    assert (answer.finished, answer.streamed, answer.body) == (True, False, BODY[:LARGEST])


def test_a_fast_client_gets_all_of_it():
    answer = sent()
    assert (answer.finished, answer.streamed, answer.body) == (True, True, BODY)


def test_a_slow_client_holds_a_slice():
    answer = sent(window=1)
    sizes = [len(answer.body)]
    while not answer.finished:
        answer.drain()
        sizes.append(len(answer.body))
    assert sizes == [SLICE, 2 * SLICE, 3 * SLICE, 4 * SLICE, len(BODY)]
    assert answer.body == BODY


def test_a_client_that_leaves_ends_it():
    answer = sent(window=1)
    answer.leave()
    answer.responder.resume()
    assert (len(answer.body), answer.late) == (SLICE, [])


def test_a_client_that_takes_everything_does_not_starve_the_others():
    answer = sent(BODY * 4)
    assert len(answer.body) == TURN * SLICE
    answer.loop.run()
    assert (answer.finished, answer.body) == (True, BODY * 4)


def test_head_has_no_body():
    answer = sent(method=b"HEAD")
    assert (answer.finished, answer.streamed, answer.body) == (True, False, b"")


def test_a_compressed_form_goes_out_in_slices_each_time(site):
    text = random.Random(3).randbytes(LARGEST).hex().encode() * 2
    (site / "large.js").write_bytes(text)
    static, fields = make_static(site), [(b"Accept-Encoding", b"br")]
    for _ in range(2):
        answer = ask(static, b"/large.js", fields, window=1)
        assert (answer.streamed, len(answer.body)) == (True, SLICE)
        while not answer.finished:
            answer.drain()
        assert brotli.decompress(bytes(answer.body)) == text


def test_a_connection_holds_no_more_than_a_slice(monkeypatch):
    place = Stage(frozen(monkeypatch), window=1000, answer=lambda exchange: send_body(
        exchange, ResponseHead.make(200, (), len(BODY)), BODY))
    place.send(GET)
    transport, most = place.transport, 0
    while len(transport.got) < len(BODY):
        most = max(most, transport.get_write_buffer_size())
        transport.take(50_000)
    assert SLICE - 1000 <= most <= SLICE + 65536
    assert transport.got.endswith(b"\r\n\r\n" + BODY)
