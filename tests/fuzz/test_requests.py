"""What the proxy makes of requests, held against what h11 and llhttp make of them.

A difference between two readers of the same octets is what request smuggling is made of
(RFC 9112 section 11.2). Known and allowed differences stand in `tests/fuzz/allowed.py`.
"""

from __future__ import annotations

import re

from hypothesis import note
from hypothesis import strategies as st

from tests.fuzz.allowed import is_allowed
from tests.fuzz.cases import cases
from tests.fuzz.grammar import cuts, requests, streams
from tests.fuzz.readers import by_h11, by_llhttp
from tests.fuzz.through import Way
from tests.fuzz.words import METHODS

_OUR_ID = re.compile(rb"\r\nX-Request-ID: [0-9a-f]{24}(?=\r\n)")


@cases(requests())
def test_a_right_request_gets_through(data):
    way = Way().feed(data)
    assert len(way.forwarded) == 1, way.answered


@cases(streams())
def test_nothing_is_accepted_that_both_others_refuse(data):
    # RFC 9112 section 2.2: one empty line before a request is passed over. h11 does not; llhttp does, but it
    # does not know every method, so between them a request could seem refused by both.
    readings = by_h11(data.removeprefix(b"\r\n")), by_llhttp(data)
    for number, _ in Way().feed(data).forwarded:
        note(f"request {number}: {readings}")
        assert any(number < len(reading.messages) for reading in readings) or is_allowed(data)


@cases(streams())
def test_a_request_means_to_the_proxy_what_it_means_to_others(data):
    way = Way().feed(data)
    assert b"HTTP/1.1 500 " not in way.answered
    for reading in by_h11(data), by_llhttp(data):
        for number, octets in way.forwarded:
            if number < len(reading.messages) and not has_upgraded_body(reading.messages[:number + 1]):
                theirs, ours = reading.messages[number], by_h11(octets).messages[0]
                assert (theirs.method, theirs.target, theirs.body) == (ours.method,
                    way.accepted[number].target.raw, ours.body)


@cases(streams(), st.booleans())
def test_what_is_forwarded_is_one_request_to_everybody(data, collect):
    way = Way(collect=collect).feed(data)
    for number, octets in way.forwarded:
        exchange = way.accepted[number]
        readers = [by_h11, by_llhttp] if exchange.method in METHODS else [by_h11]
        for read in readers:
            reading = read(octets)
            note(f"{read.__name__}: {octets!r} {reading}")
            assert not reading.refused
            assert not reading.rest
            (message,) = reading.messages
            assert (message.method, message.target) == (exchange.method, exchange.target.path_query)
            assert message.values(b"host") == [exchange.host]
            assert len(message.values(b"x-real-ip")) == len(message.values(b"x-request-id")) == 1
            assert len(message.values(b"content-length") + message.values(b"transfer-encoding")) <= 1
            assert not any(b"_" in name for name, _ in message.fields)


@cases(st.data())
def test_the_cuts_between_packets_mean_nothing(data):
    octets = data.draw(streams())
    whole = sent(Way().feed(octets))
    for pieces in (data.draw(cuts(octets)), [octets[at:at + 1] for at in range(len(octets))]):
        assert sent(Way().feed(*pieces)) == whole


def sent(way):
    """What the endpoint got, but for the request ids."""
    return [_OUR_ID.sub(b"", octets) for _, octets in way.forwarded]


def has_upgraded_body(messages):
    """llhttp takes the body of a request that offers an upgrade for the new protocol's octets.

    Others, and RFC 9110 section 7.8, have the body first; we offer no upgrade with a body.
    """
    framing = {b"content-length", b"transfer-encoding"}
    names = ({name.lower() for name, _ in message.fields} for message in messages)
    return any(b"upgrade" in fields and fields & framing for fields in names)
