"""When another attempt is made: by method, by what failed, and never when octets have gone to the client."""

import pytest

from proxy.http.body import Body
from proxy.upstream.retry import ALWAYS, Retry
from proxy.upstream.rules import PoolRules
from tests.handlers.stage import (
    HELLO,
    NO_ROOM,
    REFUSED,
    RETRY_ON,
    SAFE,
    SWITCH,
    TOO_SLOW,
    UNSAFE,
    settle,
    streaming,
)

BAD = b"HTTP/1.1 %d Bad\r\nContent-Length: 3\r\n\r\nbad"
KEY = (b"Idempotency-Key", b"k")
GARBAGE = [b"nonsense", b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
           b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]
CUT = [b"", b"H", b"HTTP/1.1 200 OK\r\nA"]


def rules(attempts=2, on=RETRY_ON, share=0.2, timeout=None, **options):
    return PoolRules(retry=Retry(attempts, on, share, timeout), **options)


def hello(method):
    return HELLO[:-5] if method == b"HEAD" else HELLO


# No connection.

@pytest.mark.parametrize("method", SAFE + UNSAFE)
@pytest.mark.parametrize("refusal", [REFUSED, TOO_SLOW])
async def test_an_endpoint_that_cannot_be_reached(setting, method, refusal):
    """Nothing was sent: any method may go elsewhere."""
    s = setting()
    s.refusals[s.endpoints[0]] = refusal
    exchange = await s.handle(method=method)
    assert (s.remote.endpoint, exchange.attempts) == (s.endpoints[1], 2)
    assert s.endpoints[0].refusals == 1
    s.remote.serve(hello(method))
    assert exchange.status == 200


@pytest.mark.parametrize("refusal, attempts", [(REFUSED, 6), (TOO_SLOW, 3)])
async def test_no_endpoint_can_be_reached(setting, refusal, attempts):
    """Who is refused has lost no time; who had to wait does not wait for all of them."""
    s = setting(count=6)
    for endpoint in s.endpoints:
        s.refusals[endpoint] = refusal
    exchange = await s.handle(method=b"POST")
    assert (exchange.refused, exchange.attempts) == (refusal.status, attempts)
    assert s.in_flight == [0] * 6
    s.refusals.clear()
    again = await s.handle()
    s.remote.serve(HELLO)
    assert again.finished


async def test_while_all_are_down_nobody_asks_them_all(setting):
    s = setting(count=6, rules=rules(attempts=1))
    for endpoint in s.endpoints:
        s.refusals[endpoint] = REFUSED
        endpoint.down_until = s.loop.time() + 60
    s.pool.rebuild()
    exchange = await s.handle()
    assert (exchange.refused, exchange.attempts) == (502, 2)


async def test_our_own_lack_is_nobodys_fault(setting):
    s = setting()
    s.refusals[s.endpoints[0]] = NO_ROOM
    exchange = await s.handle()
    assert (exchange.refused, exchange.attempts, s.endpoints[0].refusals) == (503, 1, 0)


# A kept connection.

@pytest.mark.parametrize("method", SAFE + UNSAFE)
async def test_a_kept_connection_that_turns_out_to_be_closed(setting, method):
    """Its endpoint is asked again, over a new one; what must not be sent twice never went over it."""
    s = setting()
    kept = await s.keep_one()
    before = kept.request
    exchange = await s.handle(method=method)
    assert (kept.request == before) == (method in UNSAFE)
    kept.end()
    await settle()
    assert [remote.endpoint for remote in s.remotes][:2] == [s.endpoints[0], s.remotes[-1].endpoint]
    assert len(s.remotes) == 2
    s.remote.serve(hello(method))
    assert exchange.status == 200
    told = [why for _, why, _ in exchange.trail or ()]
    assert told == ["it had closed the kept connection"] * (method in SAFE)


async def test_the_second_attempt_takes_no_kept_connection(setting):
    s = setting()
    exchanges = [await s.handle() for _ in range(2)]
    first, second = s.remotes
    first.serve(HELLO)
    second.serve(HELLO)
    exchange = await s.handle()
    second.end()
    await settle()
    assert len(s.remotes) == 3
    s.remote.serve(HELLO)
    assert all(one.finished for one in (*exchanges, exchange))


# No answer, or a broken one.

@pytest.mark.parametrize("method", SAFE + UNSAFE)
async def test_a_new_connection_that_ends_without_an_answer(setting, method):
    s = setting()
    exchange = await s.handle(method=method)
    s.remote.end()
    await settle()
    if method in SAFE:
        assert [remote.endpoint for remote in s.remotes] == s.endpoints
        s.remote.serve(hello(method))
        assert exchange.status == 200
    else:
        assert (exchange.refused, len(s.remotes)) == (502, 1)


async def test_all_of_them_end_without_an_answer(setting):
    s = setting(count=5)
    exchange = await s.handle()
    while not exchange.finished:
        s.remote.end()
        await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 3)


async def test_both_of_two_end_without_an_answer(setting):
    s = setting(count=2)
    exchange = await s.handle()
    for _ in range(2):
        s.remote.end()
        await settle()
    assert (exchange.refused, len(s.remotes)) == (502, 2)


@pytest.mark.parametrize("method", SAFE)
@pytest.mark.parametrize("start", CUT + GARBAGE)
async def test_an_answer_that_breaks_off_or_is_none(setting, method, start):
    s = setting()
    exchange = await s.handle(method=method)
    if start:
        s.remote.serve(start)
    if start not in GARBAGE:
        s.remote.end()
    await settle()
    if start == GARBAGE[-1] and method == b"HEAD":
        assert exchange.finished  # there is no body to be wrong
        return
    assert (s.asked, exchange.finished) == ([1, 2], False)
    s.remote.serve(hello(method))
    assert (exchange.status, exchange.attempts) == (200, 2)
    [(endpoint, why, then)] = exchange.trail
    assert endpoint == s.endpoints[0].name
    assert why.startswith(("head: ", "body: "))
    assert then >= exchange.started


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("start", CUT + GARBAGE)
async def test_what_may_have_been_executed_is_not_asked_for_again(setting, method, start):
    s = setting()
    exchange = await s.handle(method=method)
    if start:
        s.remote.serve(start)
    if start not in GARBAGE:
        s.remote.end()
    await settle()
    assert (exchange.refused, s.asked, exchange.trail) == (502, [1], None)


async def test_a_post_whose_client_sees_to_it_that_nothing_happens_twice(setting):
    s = setting()
    exchange = await s.handle(method=b"POST", fields=[KEY], body_length=4, collected=Body(b"body"))
    s.remote.end()
    await settle()
    assert [remote.request[-4:] for remote in s.remotes] == [b"body"] * 2
    s.remote.serve(HELLO)
    assert exchange.status == 200


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_no_answer_in_time(setting, method, reused):
    s = setting()
    if reused:
        await s.keep_one()
    exchange = await s.handle(method=method)
    s.remote.connection.expired()
    await settle()
    if method == b"GET":
        assert s.asked[-2:] == [1, 2]
        s.remote.connection.expired()
        await settle()
    assert exchange.refused == 504


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"ba", b"bad"])
async def test_a_status_that_is_another_endpoints_chance(setting, status, body):
    """Also when its body still comes: nobody waits for that."""
    s = setting()
    exchange = await s.handle()
    first = s.remote
    first.serve(BAD[:-3] % status + body)
    await settle()
    assert (first.lost, len(s.endpoints[0].idle)) == (body != b"bad", int(body == b"bad"))
    first.serve(b"d")
    s.remote.serve(HELLO)
    assert (exchange.status, exchange.body, s.asked) == (200, b"hello", [1, 2])
    assert exchange.trail[0][1] == f"HTTP {status}"


@pytest.mark.parametrize("method, status, on", [
    (b"GET", 500, RETRY_ON), (b"GET", 404, RETRY_ON), (b"POST", 503, RETRY_ON),
    (b"GET", 503, ("502", "reset"))])
async def test_a_status_that_is_the_answer(setting, method, status, on):
    s = setting(rules=rules(on=on))
    exchange = await s.handle(method=method)
    s.remote.serve(BAD % status)
    assert (exchange.status, exchange.body, exchange.trail) == (status, b"bad", None)


async def test_the_last_attempts_answer_is_the_clients(setting):
    """Better the application's own page than one of ours."""
    s = setting(count=5)
    exchange = await s.handle()
    for at in (1, 2, 3):
        assert s.asked == [1, 2, 3][:at]
        s.remote.serve(BAD % 503)
        await settle()
    assert (exchange.status, exchange.body, exchange.attempts) == (503, b"bad", 3)
    assert len(exchange.trail) == 2


async def test_an_answer_is_passed_on_where_all_others_are_full(setting):
    s = setting(most=1)
    other = await s.handle()
    exchange = await s.handle()
    s.remotes[1].serve(BAD % 503)
    assert (exchange.status, exchange.body) == (503, b"bad")
    s.remotes[0].serve(HELLO)
    assert other.finished


@pytest.mark.parametrize("attempts, count, asked", [(0, 3, 1), (1, 3, 2), (2, 2, 2), (9, 4, 4)])
async def test_how_often(setting, attempts, count, asked):
    """Each endpoint once at most."""
    s = setting(count=count, rules=rules(attempts))
    exchange = await s.handle()
    while not exchange.finished:
        s.remote.end()
        await settle()
    assert (exchange.refused, exchange.attempts) == (502, asked)
    assert s.asked == list(range(1, asked + 1))


@pytest.mark.parametrize("on, refused", [
    (("timeout",), 502), (("reset",), None), (("connect",), 502)])
async def test_which_failures_are_worth_another_attempt(setting, on, refused):
    s = setting(rules=rules(on=on))
    exchange = await s.handle()
    s.remote.end()
    await settle()
    assert exchange.refused == refused
    if refused is None:
        s.remote.serve(HELLO)


async def test_a_failed_connect_is_the_end_if_so_configured(setting):
    s = setting(rules=rules(on=("reset",)))
    s.refusals[s.endpoints[0]] = REFUSED
    exchange = await s.handle()
    assert (exchange.refused, exchange.attempts) == (502, 1)


async def test_a_failed_connect_is_no_retry(setting):
    """It costs no endpoint any work: neither `attempts` nor the budget counts it."""
    s = setting(count=4, rules=rules(attempts=1, share=0.0))
    for endpoint in s.endpoints[:2]:
        s.refusals[endpoint] = REFUSED
    exchange = await s.handle()
    s.remote.end()
    await settle()
    assert s.asked == [3, 4]
    s.remote.serve(HELLO)
    assert (exchange.status, exchange.attempts, len(exchange.trail)) == (200, 4, 3)


@pytest.mark.parametrize("away", ["down_until", "ejected_until"])
async def test_who_was_cut_off_may_ask_one_that_rests(setting, away):
    """The last one that was available is killed; another one, which was before, may be back already."""
    s = setting()
    setattr(s.endpoints[1], away, s.loop.time() + 60)
    s.pool.rebuild()
    exchange = await s.handle()
    s.remote.end()
    await settle()
    s.remote.serve(HELLO)
    assert (exchange.status, s.asked) == (200, [1, 2])


async def test_who_got_a_bad_answer_does_not_ask_one_that_rests(setting):
    s = setting()
    s.endpoints[1].down_until = s.loop.time() + 60
    s.pool.rebuild()
    exchange = await s.handle()
    s.remote.serve(BAD % 503)
    assert (exchange.status, s.asked) == (503, [1])


async def test_retries_stay_within_a_budget(setting):
    s = setting(rules=rules(share=0.0))
    statuses = []
    for _ in range(int(ALWAYS) + 3):
        exchange = await s.handle()
        s.remotes[0].serve(BAD % 503)
        await settle()
        if not exchange.finished:
            s.remotes[1].serve(HELLO)
        statuses.append(exchange.status)
    assert statuses == [200] * int(ALWAYS) + [503] * 3
    assert s.asked == [1, 2]


async def test_an_attempt_has_a_time_of_its_own_where_another_may_follow(setting):
    s = setting(rules=rules(attempts=1, timeout=2.0))
    exchange = await s.handle()
    sent = s.remote.connection.deadline - 2.0
    assert sent < exchange.started + 10
    s.remote.connection.expired()
    await settle()
    assert s.remote.connection.deadline > sent + 50  # the last one has the pool's
    s.remote.serve(HELLO)
    post = await s.handle(method=b"POST")
    assert s.remote.connection.deadline > sent + 50
    s.remote.serve(HELLO)
    assert (exchange.status, post.status) == (200, 200)


async def test_without_a_retry_left_it_is_waited_for_as_long_as_ever(setting):
    """Else the budget would turn endpoints that are slow into ones that fail."""
    s = setting(rules=rules(attempts=1, share=0.0, timeout=2.0))
    exchange = await s.handle()
    due = s.remote.connection.deadline
    while s.pool.retry.budget.take():
        pass
    s.remote.connection.expired()
    assert s.remote.connection.deadline > due + 50
    assert s.endpoints[0].failures == 0
    s.remote.serve(HELLO)
    assert (exchange.status, s.asked) == (200, [1])
    late = await s.handle()
    s.remote.connection.expired()
    s.remote.connection.expired()
    await settle()
    assert late.refused == 504


async def test_that_time_holds_while_a_large_body_is_taken_slowly(setting):
    """It was forgotten when the endpoint, stuffed for a while, took octets again."""
    s = setting(window=1000, rules=rules(attempts=1, timeout=2.0))
    body = Body(bytes(500_000))
    exchange = await s.handle(method=b"PUT", body_length=500_000, collected=body)
    slow = s.remote
    assert slow.connection.stuffed
    due = slow.connection.deadline
    slow.transport.take(200_000)
    assert slow.connection.deadline == due
    slow.connection.expired()
    await settle()
    assert s.asked == [1, 2]
    s.remote.transport.take_all()
    assert s.remote.connection.deadline > due + 50
    s.remote.serve(HELLO)
    assert exchange.status == 200


@pytest.mark.parametrize("end", [
    lambda remote: remote.end(), lambda remote: remote.connection.expired(),
    lambda remote: remote.transport.fail(ConnectionResetError())])
async def test_an_answer_that_is_cut_short(setting, end):
    s = setting()
    exchange = await s.handle()
    s.remote.serve(HELLO[:-1])
    end(s.remote)
    await settle()
    assert exchange.aborted
    assert s.asked == [1]


@pytest.mark.parametrize("fields", [[], [(b"Expect", b"100-continue")]])
async def test_a_body_that_is_streamed_is_sent_once(setting, fields):
    s, exchange = await streaming(setting, [(b"Content-Length", b"4"), *fields])
    reader = exchange.reader or exchange.awaiting
    if not fields:
        reader.body_data(b"bo")
    s.remote.end()
    await settle()
    assert (exchange.refused, s.asked) == (502, [1])
    reader.body_data(b"dy")
    reader.body_end(b"")


async def test_a_body_that_is_streamed_goes_elsewhere_while_nothing_was_sent(setting):
    s = setting(collect=False)
    s.refusals[s.endpoints[0]] = REFUSED
    exchange = await s.handle(method=b"POST", fields=[(b"Content-Length", b"4")], body_length=4)
    exchange.reader.body_data(b"body")
    exchange.reader.body_end(b"")
    assert s.remote.request.endswith(b"\r\n\r\nbody")
    s.remote.serve(HELLO)
    assert (exchange.status, exchange.attempts) == (200, 2)


@pytest.mark.parametrize("whole", [True, False])
async def test_the_time_of_an_upload_is_not_the_endpoints(setting, whole):
    s = setting(collect=False, rules=rules(timed=True))
    exchange = await s.handle(method=b"POST", fields=[(b"Content-Length", b"4")], body_length=4)
    exchange.responder._sent_at -= 60.0
    exchange.reader.body_data(b"bo")
    exchange.reader.body_data(b"dy")
    if whole:
        exchange.reader.body_end(b"")
    s.remote.serve(HELLO)
    assert exchange.status == 200
    assert s.endpoints[0].latency < 30.0


@pytest.mark.parametrize("offer, answer", [
    (b"", SWITCH % b"websocket"), (b"websocket", SWITCH % b"other"),
    (b"websocket", b"HTTP/1.1 101 Switching Protocols\r\n\r\n")])
async def test_a_101_that_nobody_asked_for(setting, offer, answer):
    s = setting()
    exchange = await s.handle(upgrade_offer=offer)
    s.remote.serve(answer)
    await settle()
    assert (s.asked, s.remotes[0].lost) == ([1, 2], True)
    s.remote.serve(answer)
    assert (exchange.refused, exchange.upgraded) == (502, None)
    assert s.remote.lost
