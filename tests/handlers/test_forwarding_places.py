"""Forwarding with limits, a queue and a cookie, and what each attempt is counted as."""

import asyncio

import pytest

from proxy.http.body import Body
from proxy.upstream.ejection import Ejection
from proxy.upstream.endpoint import Order
from proxy.upstream.queue import Queue
from proxy.upstream.retry import Retry
from proxy.upstream.rules import PoolRules
from proxy.upstream.sticky import Sticky
from tests.handlers.stage import HELLO, NO_ROOM, REFUSED, RETRY_ON, SWITCH, settle, streaming

BAD = b"HTTP/1.1 %d Bad\r\nContent-Length: 3\r\n\r\nbad"


def rules(size=9, timeout=5.0, **options):
    return PoolRules(retry=Retry(2, RETRY_ON, 0.2), queue=Queue(size, timeout), **options)


# Full endpoints.

async def test_nobody_is_kept_waiting_without_a_queue(setting):
    s = setting(count=1, most=1)
    first = await s.handle()
    second = await s.handle()
    assert (second.status, second.field(b"retry-after"), second.refused) == (503, b"1", None)
    s.remote.serve(HELLO)
    assert first.finished


@pytest.mark.parametrize("pieces", [[HELLO], [HELLO[:-1], HELLO[-1:]]])
async def test_the_next_request_on_the_connection_finds_the_place_free(setting, pieces):
    """It may begin inside the call that ends the first one's answer."""
    s = setting(count=1, most=1)
    exchange = await s.handle()
    answered, nexts = exchange.__class__.respond, []

    class Pipelining(exchange.__class__):
        def respond(self, head, body=b""):
            answered(self, head, body)
            nexts.append(s.ask())

        def finish(self, trailers=b""):
            super().finish(trailers)
            nexts.append(s.ask())

    exchange.__class__ = Pipelining
    s.remote.serve(*pieces)
    s.remote.serve(HELLO)
    assert [one.status for one in nexts] == [200]


# The queue.

@pytest.mark.parametrize("end", [
    lambda s, first: s.remotes[0].serve(HELLO),
    lambda s, first: s.remotes[0].serve(HELLO[:-1], HELLO[-1:]),
    lambda s, first: s.remotes[0].end(),
    lambda s, first: s.remotes[0].connection.expired(),
    lambda s, first: s.remotes[0].serve(b"nonsense"),
    lambda s, first: first.leave()])
async def test_a_place_that_gets_free_is_the_next_ones(setting, end):
    s = setting(count=1, most=1, rules=rules())
    first = await s.handle(method=b"POST")  # which does not wait for another attempt
    second = await s.handle(method=b"POST", body_length=4, collected=Body(b"body"))
    third = await s.handle()
    assert (len(s.pool.queue), s.in_flight) == (2, [1])
    end(s, first)
    await settle()
    assert (len(s.pool.queue), s.in_flight) == (1, [1])
    s.remote.serve(HELLO)
    await settle()
    s.remote.serve(HELLO)
    assert (second.status, third.status) == (200, 200)


async def test_who_takes_the_place_of_a_retried_attempt_keeps_its_connection(setting):
    """The connection was discarded as still busy: with the request of the one who had just taken it."""
    s = setting(count=2, most=1, rules=rules())
    s.pool.order(s.endpoints[1].name, Order.DRAIN)
    first = await s.handle()
    waiting = await s.handle()
    s.endpoints[1].order = Order.READY  # back this moment
    s.remotes[0].serve(BAD % 503)
    assert s.in_flight == [1, 1]
    s.remotes[0].serve(HELLO)
    assert waiting.status == 200
    await settle()
    s.remotes[1].serve(HELLO)
    assert (first.status, s.asked) == (200, [1, 2])


async def test_a_full_queue_answers_at_once(setting):
    s = setting(count=1, most=1, rules=rules(size=1))
    first = await s.handle()
    second = await s.handle()
    third = await s.handle()
    assert (second.status, third.status, third.field(b"retry-after")) == (0, 503, b"1")
    s.remote.serve(HELLO)
    s.remote.serve(HELLO)
    assert (first.status, second.status) == (200, 200)


async def test_who_waits_too_long_is_told_so(setting):
    s = setting(count=1, most=1, rules=rules(timeout=5.0))
    first = await s.handle()
    second = await s.handle()
    s.pool.queue.expire(second.started + 60)
    assert (second.status, second.field(b"retry-after")) == (503, b"1")
    s.remote.serve(HELLO)
    assert first.finished


async def test_an_urgent_route_is_served_before_others(setting):
    s = setting(count=1, most=1, rules=rules(size=1))
    first, second = await s.handle(), await s.handle()
    s.handler.urgent = True
    health = await s.handle()
    s.handler.urgent = False
    s.remote.serve(HELLO)
    assert (health.attempts, second.attempts) == (1, 0)
    s.remote.serve(HELLO)
    s.remote.serve(HELLO)
    assert (first.status, second.status, health.status) == (200, 200, 200)


async def test_a_client_that_leaves_waits_no_longer(setting):
    s = setting(count=1, most=1, rules=rules())
    first = await s.handle()
    second = await s.handle()
    second.leave()
    assert len(s.pool.queue) == 0
    s.remote.serve(HELLO)
    assert (first.finished, second.status, s.in_flight) == (True, 0, [0])


async def test_time_in_the_queue_is_no_time_of_the_endpoint(setting):
    """Without a log the time of the head would do; not for one that has waited."""
    s = setting(count=1, most=1, rules=rules(timeout=600.0))
    await s.handle()
    second = await s.handle()
    second.started -= 300.0
    s.remote.serve(HELLO)
    assert s.remote.connection.deadline > second.started + 350
    s.remote.serve(HELLO)
    assert second.finished


async def test_who_waits_for_an_endpoint_that_is_down(setting):
    s = setting(count=2, rules=rules())
    for endpoint in s.endpoints:
        s.refusals[endpoint] = REFUSED
    first = await s.handle(method=b"POST")
    second = await s.handle()
    assert (first.attempts, second.attempts, len(s.pool.queue)) == (2, 0, 2)
    del s.refusals[s.endpoints[1]]
    s.pool.connected(s.endpoints[1])
    await settle()
    for remote in s.remotes:
        remote.serve(HELLO)
    assert (first.status, second.status, s.asked) == (200, 200, [2, 2])


async def test_one_at_a_time_tries_whether_an_endpoint_is_back(setting):
    s = setting(count=2, most=1, rules=rules())
    for endpoint in s.endpoints:
        s.refusals[endpoint] = REFUSED
    exchanges = [await s.handle() for _ in range(3)]
    before = [exchange.attempts for exchange in exchanges]
    s.pool._tick(s.loop.time())
    await settle()
    assert [exchange.attempts for exchange in exchanges] == [before[0] + 1, *before[1:]]
    assert len(s.pool.queue) == 3
    for exchange in exchanges:
        exchange.leave()


async def test_what_is_cut_off_when_a_total_outage_begins_waits_as_the_others_do(setting):
    """No connect has failed yet, then all do: it was lost where those that came a moment later were not."""
    s = setting(count=3, rules=rules())
    exchange = await s.handle()
    for endpoint in s.endpoints:
        s.refusals[endpoint] = REFUSED
    later = s.ask()
    s.remote.end()
    await settle()
    assert (exchange.status, later.status, len(s.pool.queue)) == (0, 0, 2)
    assert s.pool.retry.budget._retries == 1
    del s.refusals[s.endpoints[1]]
    s.pool.connected(s.endpoints[1])
    await settle()
    for remote in s.remotes[1:]:
        remote.serve(HELLO)
    assert (exchange.status, later.status, s.asked) == (200, 200, [1, 2, 2])


@pytest.mark.parametrize("method, refused", [(b"GET", None), (b"PUT", None), (b"POST", 502)])
async def test_the_only_endpoint_dies_with_a_request(setting, method, refused):
    """It is not known to be down; what may be repeated waits for it, for a tick at least."""
    s = setting(count=1, most=1, rules=rules())
    exchange = await s.handle(method=method)
    s.remote.end()
    await settle()
    assert (exchange.refused, len(s.pool.queue)) == (refused, refused is None)
    if refused is None:
        s.pool._tick(s.loop.time())
        await settle()
        s.remote.serve(HELLO)
        assert (exchange.status, s.asked) == (200, [1, 1])


async def test_what_is_cut_off_again_and_again_is_given_up(setting):
    """It may be what kills them: no more retries than without a queue."""
    s = setting(count=1, rules=rules())
    exchange = await s.handle()
    while not exchange.finished:
        s.remote.end()
        await settle()
        s.pool._tick(s.loop.time())
        await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 3)


async def test_what_is_cut_off_waits_no_longer_than_others(setting):
    s = setting(count=1, rules=rules(timeout=5.0))
    exchange = await s.handle()
    s.remote.end()
    s.pool.queue.expire(s.loop.time() + 5)
    assert (exchange.status, exchange.field(b"retry-after")) == (503, b"1")


@pytest.mark.parametrize("end", [
    lambda remote: remote.serve(BAD % 503), lambda remote: remote.connection.expired()])
async def test_an_answer_does_not_wait_for_a_better_one(setting, end):
    """A status or a 504 now is better than the same after the queue's time as well."""
    s = setting(count=1, most=1, rules=rules())
    exchange = await s.handle()
    end(s.remote)
    await settle()
    assert (exchange.status >= 500, len(s.pool.queue)) == (True, 0)


# The cookie.

def sticky():
    return PoolRules(retry=Retry(2, RETRY_ON, 0.2), sticky=Sticky("lb", "secret", "web"))


@pytest.mark.parametrize("pieces", [[HELLO], [HELLO[:-1], HELLO[-1:]]])
async def test_a_client_gets_the_cookie_of_its_endpoint_once(setting, pieces):
    s = setting(rules=sticky())
    exchange = await s.handle()
    s.remote.serve(*pieces)
    cookie = exchange.field(b"set-cookie").partition(b";")[0]
    assert cookie == b"lb=" + s.pool.sticky.value(s.endpoints[0])
    again = await s.handle(fields=[(b"Cookie", cookie)])
    s.remote.serve(*pieces)
    assert (again.status, again.fields(b"set-cookie")) == (200, [])


def stuck(s, at):
    return [(b"Cookie", b"lb=" + s.pool.sticky.value(s.endpoints[at]))]


@pytest.mark.parametrize("leave", [
    lambda s: s.refusals.update({s.endpoints[2]: REFUSED}),
    lambda s: s.pool.order(s.endpoints[2].name, Order.DISABLED),
    lambda s: s.pool.probe_told(s.endpoints[2].name, up=False, why="HTTP 500"),
    lambda s: setattr(s.endpoints[2], "ejected_until", 9e9)])
async def test_a_client_whose_endpoint_is_away_gets_the_others_cookie(setting, leave):
    s = setting(count=3, rules=sticky())
    leave(s)
    exchange = await s.handle(fields=stuck(s, 2))
    assert s.asked == [1]
    s.remote.serve(HELLO.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))
    assert exchange.fields(b"set-cookie")[0] == b"a=b"
    assert exchange.fields(b"set-cookie")[1].startswith(b"lb=" + s.pool.sticky.value(s.endpoints[0]))


async def test_a_client_is_not_moved_for_one_failure_of_its_endpoint(setting):
    """It got the other's cookie, and never came back."""
    s = setting(count=3, rules=sticky())
    exchange = await s.handle(fields=stuck(s, 2))
    s.remote.serve(BAD % 503)
    await settle()
    s.remote.serve(HELLO)
    assert (exchange.status, exchange.fields(b"set-cookie"), s.asked) == (200, [], [3, 1])
    again = await s.handle(fields=stuck(s, 2))
    s.remotes[0].serve(HELLO)
    assert (again.status, again.endpoint) == (200, s.endpoints[2].name)


async def test_nor_because_it_is_full_this_moment(setting):
    s = setting(count=2, most=1, rules=sticky())
    first = await s.handle(fields=stuck(s, 1))
    second = await s.handle(fields=stuck(s, 1))
    assert s.asked == [2, 1]
    for remote in s.remotes:
        remote.serve(HELLO)
    assert (first.status, second.status) == (200, 200)
    assert (first.fields(b"set-cookie"), second.fields(b"set-cookie")) == ([], [])


async def test_with_a_queue_it_waits_for_its_endpoint(setting):
    """As HAProxy's persistent clients do: what the client left there is nowhere else."""
    s = setting(count=2, most=1, rules=rules(sticky=Sticky("lb", "secret", "web")))
    first = await s.handle(fields=stuck(s, 1))
    second = await s.handle(fields=stuck(s, 1))
    stranger = await s.handle()
    assert (s.asked, len(s.pool.queue)) == ([2, 1], 1)
    s.remotes[1].serve(HELLO)
    assert (stranger.status, second.status) == (200, 0), "that place is no use"
    s.remotes[0].serve(HELLO)
    s.remotes[0].serve(HELLO)
    assert (first.status, second.status, s.asked) == (200, 200, [2, 1])
    assert second.fields(b"set-cookie") == []


async def test_it_goes_elsewhere_once_that_is_away(setting):
    s = setting(count=2, most=1, rules=rules(sticky=Sticky("lb", "secret", "web")))
    first = await s.handle(fields=stuck(s, 1))
    second = await s.handle(fields=stuck(s, 1))
    s.pool.probe_told(s.endpoints[1].name, up=False, why="HTTP 500")
    await settle()
    s.remote.serve(HELLO)
    assert (second.status, s.asked) == (200, [2, 1])
    assert second.field(b"set-cookie").startswith(b"lb=" + s.pool.sticky.value(s.endpoints[0]))
    s.remotes[0].serve(HELLO)
    assert first.status == 200


async def test_where_no_more_may_wait_it_is_served_elsewhere(setting):
    """HAProxy: `maxqueue` breaks persistence. Better than a 503, while others have places."""
    s = setting(count=2, most=1, rules=rules(size=1, sticky=Sticky("lb", "secret", "web")))
    first = await s.handle(fields=stuck(s, 1))
    second = await s.handle(fields=stuck(s, 1))
    third = await s.handle(fields=stuck(s, 1))
    assert (s.asked, len(s.pool.queue)) == ([2, 1], 1)
    for remote in (s.remotes[1], s.remotes[0], s.remotes[0]):
        remote.serve(HELLO)
    assert [one.status for one in (first, second, third)] == [200] * 3
    assert third.fields(b"set-cookie") == []


async def test_it_waits_no_longer_than_others(setting):
    s = setting(count=2, most=1, rules=rules(sticky=Sticky("lb", "secret", "web")))
    first = await s.handle(fields=stuck(s, 1))
    second = await s.handle(fields=stuck(s, 1))
    s.pool.queue.expire(second.started + 60)
    assert (second.status, second.field(b"retry-after")) == (503, b"1")
    s.remote.serve(HELLO)
    assert first.finished


async def test_a_tunnel_has_the_cookie_and_an_interim_has_not(setting):
    s = setting(rules=sticky())
    exchange = await s.handle(upgrade_offer=b"websocket")
    s.remote.serve(b"HTTP/1.1 103 Early Hints\r\nLink: <http://10.0.0.1:801/>\r\n\r\n")
    assert b"Set-Cookie" not in exchange.interims[0]
    exchange.transport = s.remote.transport.__class__()
    s.remote.serve(SWITCH % b"websocket")
    assert b"\r\nSet-Cookie: lb=" in exchange.upgraded
    exchange.transport.fail()
    assert s.remote.lost


# What is counted.

def counted(endpoint):
    return endpoint.answers, endpoint.errors, endpoint.failures


@pytest.mark.parametrize("pieces, end, expected", [
    ([HELLO], False, (1, 0, 0)),
    ([HELLO[:-1], HELLO[-1:]], False, (1, 0, 0)),
    ([BAD % 404], False, (1, 0, 2)),   # for `failures` see below
    ([BAD % 500], False, (1, 1, 2)),
    ([BAD % 503], False, (1, 1, 3)),
    ([(BAD % 503)[:-1]], True, (1, 1, 3)),
    ([HELLO[:-1]], True, (1, 1, 3)),
    ([], True, (1, 1, 3)),
    ([b"nonsense"], False, (1, 1, 3))])
async def test_each_attempt_counts_once(setting, pieces, end, expected):
    s = setting(count=1, rules=PoolRules(ejection=Ejection(9, 1e6, 10.0, 0.5)))
    one = s.endpoints[0]
    exchange = await s.handle()
    one.failures, one.failed_at = 2, s.loop.time()
    s.remote.serve(*pieces)
    if end:
        s.remote.end()
    if exchange.status == 404:
        assert one.failures == 0  # it works
        one.failures = 2
    assert counted(one) == expected


async def test_what_is_nobodys_fault_does_not(setting):
    s = setting(count=2)
    one = s.endpoints[0]
    await s.keep_one()
    exchange = await s.handle()
    s.remote.end()  # it closed what was kept
    await settle()
    exchange.leave()
    s.refusals[one] = NO_ROOM
    await s.handle()
    s.refusals[one] = REFUSED
    other = await s.handle()
    assert (counted(one), one.refusals) == ((1, 0, 0), 1)
    other.leave()


async def test_a_tunnel_says_that_the_endpoint_works(setting):
    s = setting()
    one = s.endpoints[0]
    exchange = await s.handle(upgrade_offer=b"websocket")
    one.failures = 2
    exchange.transport = s.remote.transport.__class__()
    s.remote.serve(SWITCH % b"websocket")
    assert counted(one) == (1, 0, 0)
    exchange.transport.fail()
    assert s.remote.lost


async def test_an_endpoint_that_breaks_off_each_body_is_ejected(setting):
    s = setting(rules=PoolRules(retry=Retry(2, RETRY_ON, 0.2), ejection=Ejection(3, 10.0, 10.0, 0.5)))
    for _ in range(3):
        await s.handle()
        s.remote.serve(HELLO[:-1])
        s.remote.end()
    assert s.endpoints[0].ejected_until > 0
    await s.handle()
    assert s.asked == [1, 1, 1, 2]
    s.remote.serve(HELLO)


async def test_the_latency_of_answers_but_not_of_errors(setting):
    s = setting(count=1, rules=PoolRules(timed=True))
    one = s.endpoints[0]
    await s.handle()
    s.remote.serve(BAD % 500)
    assert one.latency == 0.0
    exchange = await s.handle()
    exchange.responder._sent_at -= 2.0
    s.remote.serve(HELLO)
    assert one.latency == pytest.approx(2.0, abs=0.5)
    exchange = await s.handle()
    exchange.responder._sent_at -= 12.0
    s.remote.serve(HELLO)
    assert one.latency == pytest.approx(3.0, abs=0.5)  # a tenth of the way


async def test_a_streamed_upload_counts_too(setting):
    s, exchange = await streaming(setting)
    exchange.reader.body_data(b"body")
    exchange.reader.body_end(b"")
    s.remote.serve(BAD % 503)
    assert (exchange.status, s.endpoints[0].errors) == (503, 1)


async def test_clients_that_leave_while_connects_wait(setting):
    s = setting(count=1, most=1, rules=rules())
    s.held = asyncio.Event()
    exchanges = [s.ask() for _ in range(3)]
    await asyncio.sleep(0)
    for exchange in exchanges:
        assert s.in_flight == [1]
        exchange.leave()
        await asyncio.sleep(0)
    await settle()
    assert s.remotes == []
