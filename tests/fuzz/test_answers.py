"""What clients get of endpoints' responses, read by h11's client.

Whatever an endpoint says, a client reads one response, whole, or sees that it was cut; and no
response says what clients must not know.
"""

from __future__ import annotations

import re

import h11
from hypothesis import note
from hypothesis import strategies as st

from tests.fuzz.cases import cases
from tests.fuzz.grammar import answers, bent, cuts, wild_answers
from tests.fuzz.readers import answer_by_h11
from tests.fuzz.through import Way

REQUESTS = st.sampled_from([
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"])
WILD = st.one_of(bent(answers().map(lambda answer: answer[0])), wild_answers(), bent(wild_answers()))
HIDDEN = re.compile(rb"(?im)^(?:server|x-powered-by|via|x-accel-.*|keep-alive|trailer):")
ENDPOINT = re.compile(rb"(?i)(?<![\w.-])(?:127\.0\.0\.1|localhost|\[::1\]):8001(?![\w-])")


def told(request, pieces, *, ends):
    """The way an answer went, and what the client reads of it: None when it sees a cut."""
    way = Way(answer=pieces, ends=ends).feed(request)
    note(f"the client got {way.answered!r}, closed: {way.client.closed}, cut: {way.client.cut}")
    return way, read(way.answered, request, way.client)


def read(octets, request, transport):
    if transport.cut:
        return None
    try:
        return answer_by_h11(octets, request.split()[0].decode(), closed=transport.closed)
    except h11.RemoteProtocolError:
        assert transport.closed, "neither whole nor cut"
        return None


@cases(answers(), REQUESTS, st.data())
def test_a_right_answer_gets_through(answer, request, data):
    octets, ends = answer
    meant, body, _ = answer_by_h11(octets, request.split()[0].decode(), closed=ends)
    way, seen = told(request, data.draw(cuts(octets)), ends=ends)
    assert seen is not None
    assert (seen[0].status_code, bytes(seen[0].reason), seen[1]) == (meant.status_code, bytes(meant.reason),
        body)
    assert len(way.forwarded) == 1


@cases(WILD, REQUESTS)
def test_whatever_an_endpoint_says_the_client_reads_one_answer_or_a_cut(octets, request):
    way, seen = told(request, [octets], ends=True)
    if not is_ours(seen):
        response, body, rest = seen
        assert rest == b"", "octets behind the answer"
        means_the_same(octets, request, response, body)
    for head in way.answered.split(b"\r\n\r\n"):
        if head.startswith(b"HTTP/1.1 "):
            assert not HIDDEN.search(head)
            assert not ENDPOINT.search(head)


def means_the_same(octets, request, response, body):
    """Where h11 takes the endpoint's octets for a response, it is the one that went on."""
    try:
        meant, theirs, _ = answer_by_h11(octets, request.split()[0].decode(), closed=True)
    except h11.RemoteProtocolError:
        return
    assert (meant.status_code, theirs) == (response.status_code, body)


@cases(WILD, st.data())
def test_the_cuts_between_packets_mean_nothing(octets, data):
    """But for this: what is wrong is a 502 while nothing has gone to the client, and a cut from then on."""
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    _, whole = told(request, [octets], ends=True)
    for pieces in (data.draw(cuts(octets)), [octets[at:at + 1] for at in range(len(octets))]):
        _, seen = told(request, pieces, ends=True)
        if is_ours(whole) or is_ours(seen):
            assert is_ours(whole)
            assert is_ours(seen)
        else:
            assert (seen[0].status_code, seen[1]) == (whole[0].status_code, whole[1])


def is_ours(seen):
    return seen is None or seen[0].status_code == 502
