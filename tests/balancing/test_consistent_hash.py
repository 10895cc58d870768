from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing import consistent_hash
from proxy.balancing.consistent_hash import FREE, ConsistentHash
from proxy.balancing.rendezvous import SLOTS
from tests.balancing.fakes import WEIGHTS, FakeEndpoint, FakeExchange, FakeTarget, endpoints_of

PAGES = [FakeExchange(target=FakeTarget(b"/page/%d" % number)) for number in range(4000)]


def built(endpoints, hash_key="path"):
    strategy = ConsistentHash(hash_key)
    strategy.rebuild(endpoints)
    return strategy


def placed(endpoints, exchanges=PAGES):
    """Where each exchange goes while nothing is in flight."""
    strategy = built(endpoints)
    return [strategy.pick(exchange, ()).name for exchange in exchanges]


def chi_square(picked, expected):
    return sum((picked[name] - mean) ** 2 / mean for name, mean in expected.items())


@pytest.mark.parametrize("hash_key, exchange", [
    ("client", FakeExchange("192.0.2.{}")),
    ("path", FakeExchange(target=FakeTarget(b"/{}"))),
    ("query:user", FakeExchange(target=FakeTarget(b"/", b"page=1&user={}"))),
    ("header:X-User", FakeExchange(headers={b"x-user": b"{}"})),
    ("cookie:lb", FakeExchange(headers={b"cookie": b"a=1; lb={}"})),
])
def test_the_key_alone_decides(hash_key, exchange):
    def numbered(value, number):
        """`value` with the number in the place of {}, at any depth."""
        match value:
            case str():
                return value.replace("{}", str(number))
            case bytes():
                return value.replace(b"{}", b"%d" % number)
            case FakeTarget():
                return FakeTarget(numbered(value.path, number), numbered(value.query, number))
            case dict():
                return {name: numbered(one, number) for name, one in value.items()}
        return FakeExchange(*(numbered(one, number) for one in vars(value).values()))

    strategy = built(endpoints_of(1, 1, 1, 1), hash_key)
    once = [strategy.pick(numbered(exchange, number), ()).name for number in range(60)]
    assert [strategy.pick(numbered(exchange, number), ()).name for number in range(60)] == once
    assert set(once) == set("abcd")


@pytest.mark.parametrize("hash_key", ["query:user", "header:x-user", "cookie:lb"])
def test_without_the_key_it_goes_by_client(hash_key):
    endpoints = endpoints_of(1, 1, 1, 1)
    clients = [FakeExchange(f"192.0.2.{number}") for number in range(60)]
    for empty in ({}, {b"x-user": b"", b"cookie": b"lb="}):
        exchanges = [FakeExchange(one.client, empty, FakeTarget(b"/", b"user=")) for one in clients]
        strategy, by_client = built(endpoints, hash_key), built(endpoints, "client")
        assert [strategy.pick(one, ()) for one in exchanges] == [by_client.pick(one, ()) for one in clients]


def test_a_wrong_key_is_refused():
    with pytest.raises(ValueError, match="not a hash key"):
        ConsistentHash("colour")


def test_places_are_the_same_in_every_process_release_and_order():
    endpoints = endpoints_of(3, 1, 2)
    assert placed(endpoints[::-1]) == placed(endpoints)
    assert "".join(placed(endpoints, PAGES[:40])) == "aacacbabcaccbcaccacaacaaaaaacaaacacccaba"


def test_the_tenth_of_ten_moves_little_and_only_to_itself():
    before, after = placed(endpoints_of(*[1] * 9)), placed(endpoints_of(*[1] * 10))
    moved = [now for then, now in zip(before, after, strict=True) if then != now]
    assert len(moved) <= 0.15 * len(PAGES)
    assert set(moved) == {"j"}


@given(WEIGHTS, st.randoms(use_true_random=False))
def test_when_one_leaves_only_its_keys_move(weights, rng):
    endpoints = endpoints_of(*weights, 1)
    gone = rng.choice(endpoints)
    before = placed(endpoints, PAGES[:60])
    after = placed([endpoint for endpoint in endpoints if endpoint is not gone], PAGES[:60])
    assert all(then == now for then, now in zip(before, after, strict=True) if then != gone.name)


def test_a_higher_weight_only_draws_keys_in():
    before, after = placed(endpoints_of(1, 1, 1)), placed(endpoints_of(2, 1, 1))
    assert all(now in {then, "a"} for then, now in zip(before, after, strict=True))


def test_keys_spread_by_weight():
    picked = Counter(placed(endpoints_of(5, 1, 2, 2)))
    assert chi_square(picked, {"a": 2000, "b": 400, "c": 800, "d": 800}) < 16.27  # p = 0.001, 3 degrees


def has_kept_its_bound(endpoint, endpoints):
    """At most 1.25 times its share of what is in flight, rounded up and never below FREE; in integers."""
    flying = sum(one.in_flight for one in endpoints)
    weights = sum(one.weight for one in endpoints)
    return endpoint.in_flight <= max(FREE, -(-5 * flying * endpoint.weight // (4 * weights)))


@given(WEIGHTS, st.integers(0, 120), st.integers(1, 5), st.randoms(use_true_random=False))
def test_nobody_takes_more_than_its_bound(weights, count, keys, rng):
    endpoints = endpoints_of(*weights)
    strategy = built(endpoints)
    for _ in range(count):
        endpoint = strategy.pick(rng.choice(PAGES[:keys]), ())
        endpoint.in_flight += 1
        assert has_kept_its_bound(endpoint, endpoints)
        if rng.random() < 0.3:
            rng.choice([one for one in endpoints if one.in_flight]).in_flight -= 1


def test_a_large_pool_is_counted_now_and_then_and_nearly_keeps_its_bound():
    endpoints = [FakeEndpoint(f"10.0.0.{number}:80", 1 + number % 3) for number in range(100)]
    strategy = built(endpoints)
    rng = random.Random(1)
    flying = []
    for _ in range(4000):
        endpoint = strategy.pick(rng.choice(PAGES[:300]), ())
        endpoint.in_flight += 1
        flying.append(endpoint)
        share = 1.25 * len(flying) * endpoint.weight / sum(one.weight for one in endpoints)
        assert endpoint.in_flight < max(share + 2, FREE + 1)
        if len(flying) > 500:
            flying.pop(rng.randrange(500)).in_flight -= 1


def test_when_all_ended_since_the_count_somebody_is_found_still():
    endpoints = [FakeEndpoint(f"10.0.0.{number}:80") for number in range(16)]
    strategy = built(endpoints)
    assert strategy.pick(PAGES[0], ()) is not None  # counts: nothing is in flight
    for endpoint in endpoints:
        endpoint.in_flight = 7
    assert strategy.pick(PAGES[0], ()) is built(endpoints).pick(PAGES[0], ())


def test_in_a_quiet_pool_every_key_stays_on_its_endpoint():
    """There is nothing to spread: two requests at a time must not send a client somewhere else."""
    endpoints = endpoints_of(1, 1, 1, 1)
    strategy = built(endpoints)
    home = strategy.pick(PAGES[0], ())
    for _ in range(FREE - 1):
        home.in_flight += 1
        assert strategy.pick(PAGES[0], ()) is home


def test_a_full_endpoints_keys_go_where_they_would_if_it_were_gone():
    endpoints = endpoints_of(1, 1, 1, 1)
    strategy = built(endpoints)
    for exchange in PAGES[:50]:
        home = strategy.pick(exchange, ())
        home.in_flight = FREE
        second = strategy.pick(exchange, ())
        assert second is not home
        assert second.name == placed([one for one in endpoints if one is not home], [exchange])[0]
        assert strategy.pick(exchange, [home]) is second
        home.in_flight = 0
        assert strategy.pick(exchange, ()) is home  # and comes back when there is room


@given(WEIGHTS, st.data())
def test_those_not_tried_share_among_themselves(weights, data):
    endpoints = endpoints_of(*weights)
    for endpoint in endpoints:
        endpoint.in_flight = data.draw(st.integers(0, 9))
    strategy = built(endpoints)
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    for exchange in PAGES[:5]:
        # As if those tried were not in the pool: its order, and what is in flight among the others.
        assert strategy.pick(exchange, tried) is built(left).pick(exchange, ())


def test_a_rebuild_forgets_where_keys_were():
    endpoints = endpoints_of(1, 1)
    strategy = built(endpoints)
    for exchange in PAGES[:50]:
        strategy.pick(exchange, ())
    strategy.rebuild(endpoints[:1])
    assert {strategy.pick(exchange, ()).name for exchange in PAGES[:50]} == {"a"}
    strategy.rebuild([])
    assert strategy.pick(PAGES[0], ()) is None


def test_memory_is_bounded_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(consistent_hash, "MOST_RANKED", 30)
    endpoints = endpoints_of(1, 1, 1)
    strategy = built(endpoints)
    for exchange in random.Random(1).choices(PAGES, k=400):
        assert strategy.pick(exchange, endpoints[:1]) is built(endpoints).pick(exchange, endpoints[:1])
        assert len(strategy._rankings) <= 10
    assert len(strategy._first) == SLOTS


def test_one_hot_key_uses_as_many_endpoints_as_it_needs():
    endpoints = endpoints_of(*[1] * 10)
    strategy = built(endpoints)
    used = []
    for _ in range(200):
        strategy.pick(PAGES[0], ()).in_flight += 1
        used.append(sum(one.in_flight > 0 for one in endpoints))
    assert used[0] == 1
    assert all(before <= after for before, after in pairwise(used))
    assert max(one.in_flight for one in endpoints) <= 25
