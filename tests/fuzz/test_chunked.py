"""Chunked bodies, held against h11 and llhttp, and against every other way to cut them up."""

from __future__ import annotations

from hypothesis import strategies as st

from proxy.errors import RequestError
from proxy.wire.h1 import ChunkedDecoder
from tests.fuzz.allowed import is_allowed
from tests.fuzz.cases import cases
from tests.fuzz.grammar import bent, chunked, cuts
from tests.fuzz.readers import by_h11, by_llhttp
from tests.fuzz.words import WILD_CHUNKED

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
BODIES = st.one_of(bent(chunked()), bent(st.sampled_from(WILD_CHUNKED)),
    st.tuples(chunked(), chunked()).map(b"".join))


def decoded(pieces):
    """Payload, trailers and what followed; None when refused, "more" when not whole."""
    decoder, payload, rest = ChunkedDecoder(), b"", b""
    try:
        for piece in pieces:
            if decoder.done:
                rest += piece
            else:
                payload += decoder.feed(piece)
    except RequestError:
        return None
    return (payload, decoder.trailers, decoder.rest + rest) if decoder.done else "more"


@cases(chunked(), st.binary(max_size=10))
def test_a_right_body_is_what_others_read(body, rest):
    payload, _, left = decoded([body + rest])
    assert left == rest
    # Not each takes every trailer that is right.
    readings = [read(HEAD + body + rest).messages for read in (by_h11, by_llhttp)]
    assert any(readings)
    assert all(messages[0].body == payload for messages in readings if messages)


@cases(BODIES)
def test_a_body_is_never_taken_that_both_others_refuse(body):
    outcome = decoded([body])
    if isinstance(outcome, tuple):
        readings = by_h11(HEAD + body), by_llhttp(HEAD + body)
        bodies = [reading.messages[0].body for reading in readings if reading.messages]
        assert bodies or is_allowed(HEAD + body)
        assert all(theirs == outcome[0] for theirs in bodies)


@cases(st.data())
def test_the_cuts_between_packets_mean_nothing(data):
    body = data.draw(BODIES)
    whole = decoded([body])
    assert decoded([body[at:at + 1] for at in range(len(body))]) == whole
    assert decoded(data.draw(cuts(body))) == whole
    for at in range(1, len(body)):
        assert decoded([body[:at], body[at:]]) == whole
