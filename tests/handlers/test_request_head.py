import re

import pytest

from proxy.handlers import request_head
from proxy.handlers.request_head import seed_request_ids
from tests.handlers.stage import HELLO


async def test_a_request_id_is_made_where_there_is_none(setting):
    s = setting()
    ids = []
    for _ in range(2):
        exchange = await s.handle(request_id=b"")
        s.remote.serve(HELLO)
        ids.append(exchange.request_id)
        assert s.remote.request.count(b"X-Request-ID: %b\r\n" % ids[-1]) == 1
    assert len(set(ids)) == 2
    assert all(re.fullmatch(rb"[0-9a-f]{24}", one) for one in ids)


def test_processes_have_request_ids_of_their_own():
    before = request_head._id_prefix
    seed_request_ids()
    assert request_head._id_prefix != before


@pytest.mark.parametrize("method, sent, passed", [
    (b"OPTIONS", b"7", b"6"), (b"TRACE", b"1", b"0"), (b"OPTIONS", b"0", b"0"), (b"GET", b"7", b"7")])
async def test_max_forwards_counts_down(setting, method, sent, passed):
    """RFC 9110 section 7.6.2."""
    s = setting()
    await s.handle(b"/", [(b"Max-Forwards", sent)], method=method)
    assert b"Max-Forwards: " + passed in s.remote.lines
    s.remote.serve(HELLO)


async def test_a_body_of_no_octets_is_said_to_be_so(setting):
    s = setting()
    await s.handle(b"/", [(b"Content-Length", b"0")], method=b"POST")
    assert s.remote.request.endswith(b"Content-Length: 0\r\n\r\n")
    s.remote.serve(HELLO)
