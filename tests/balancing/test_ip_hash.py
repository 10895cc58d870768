from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing import ip_hash
from proxy.balancing.ip_hash import IpHash
from tests.balancing.fakes import WEIGHTS, FakeExchange, endpoints_of

CLIENTS = [FakeExchange(f"10.{number >> 8}.{number & 255}.7") for number in range(2000)]


def built(endpoints):
    strategy = IpHash()
    strategy.rebuild(endpoints)
    return strategy


def placed(endpoints, clients=CLIENTS):
    strategy = built(endpoints)
    return [strategy.pick(client, ()).name for client in clients]


def test_a_client_stays_and_the_lists_order_does_not_matter():
    endpoints = endpoints_of(3, 1, 2)
    strategy = built(endpoints)
    once = [strategy.pick(client, ()).name for client in CLIENTS]
    assert [strategy.pick(client, ()).name for client in CLIENTS] == once
    assert placed(endpoints[::-1]) == once


def test_places_are_the_same_in_every_process_and_release():
    clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "unix:"]
    assert placed(endpoints_of(1, 1, 1), map(FakeExchange, clients)) == ["a", "c", "c", "b", "a"]


@given(WEIGHTS, st.randoms(use_true_random=False))
def test_when_one_leaves_only_its_clients_move(weights, rng):
    endpoints = endpoints_of(*weights, 1)
    gone = rng.choice(endpoints)
    clients = CLIENTS[:100]
    before = placed(endpoints, clients)
    after = placed([endpoint for endpoint in endpoints if endpoint is not gone], clients)
    assert gone.name not in after
    assert all(then == now for then, now in zip(before, after, strict=True) if then != gone.name)


@given(WEIGHTS)
def test_when_one_comes_clients_move_to_it_alone(weights):
    endpoints = endpoints_of(*weights, 1)
    clients = CLIENTS[:100]
    before, after = placed(endpoints[:-1], clients), placed(endpoints, clients)
    assert all(now in {then, endpoints[-1].name} for then, now in zip(before, after, strict=True))


def test_the_fourth_of_equals_takes_a_quarter():
    before, after = placed(endpoints_of(1, 1, 1)), placed(endpoints_of(1, 1, 1, 1))
    moved = sum(then != now for then, now in zip(before, after, strict=True))
    assert moved <= len(CLIENTS) * (1 / 4 + 0.04)


def test_clients_spread_by_weight():
    weights = (5, 1, 2, 2)
    picked = Counter(placed(endpoints_of(*weights)))
    expected = [len(CLIENTS) * weight / sum(weights) for weight in weights]
    chi_square = sum((picked[name] - mean) ** 2 / mean for name, mean in zip("abcd", expected, strict=True))
    assert chi_square < 16.27  # p = 0.001, 3 degrees of freedom; and the clients are always the same


def test_a_higher_weight_only_draws_clients_in():
    before, after = placed(endpoints_of(1, 1, 1)), placed(endpoints_of(2, 1, 1))
    assert all(now in {then, "a"} for then, now in zip(before, after, strict=True))


@given(WEIGHTS, st.data())
def test_never_one_that_was_tried_and_a_steady_second_choice(weights, data):
    endpoints = endpoints_of(*weights)
    strategy = built(endpoints)
    tried = data.draw(st.lists(st.sampled_from(endpoints), unique_by=id))
    left = [endpoint for endpoint in endpoints if endpoint not in tried]
    for client in CLIENTS[:10]:
        # The failover of a client is where it would go if those tried were not in the pool.
        assert strategy.pick(client, tried) is built(left).pick(client, ())


def test_a_rebuild_forgets_where_clients_were():
    endpoints = endpoints_of(1, 1)
    strategy = built(endpoints)
    for client in CLIENTS[:50]:
        strategy.pick(client, ())
    strategy.rebuild(endpoints[:1])
    assert {strategy.pick(client, ()).name for client in CLIENTS[:50]} == {"a"}
    strategy.rebuild([])
    assert strategy.pick(CLIENTS[0], ()) is None


def test_a_client_of_a_slot_that_was_bid_for_has_its_endpoint_without_a_bid(monkeypatch):
    strategy = built(endpoints_of(1, 1, 1))
    once = [strategy.pick(client, ()) for client in CLIENTS]
    monkeypatch.setattr(ip_hash, "winner", None)
    assert [strategy.pick(client, ()) for client in CLIENTS] == once
