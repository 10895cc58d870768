from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given

from proxy.balancing import rendezvous
from proxy.balancing.rendezvous import bid, bidders_of, ranking, winner
from tests.balancing.fakes import WEIGHTS, endpoints_of

KEYS = [b"%d" % number for number in range(20)]


@pytest.mark.parametrize("digest", [b"\x00" * 8, b"\xff" * 8])
def test_bids_are_finite_and_positive_at_either_end(monkeypatch, digest):
    monkeypatch.setattr(rendezvous, "blake2b", lambda *_, **__: SimpleNamespace(digest=lambda: digest))
    assert 0 < bid(b"192.0.2.1", b"salt", 1) < float("inf")


@given(WEIGHTS)
def test_a_ranking_is_who_wins_after_those_before_have_left(weights):
    bidders = bidders_of(endpoints_of(*weights))
    for key in KEYS:
        left = list(bidders)
        for endpoint in ranking(key, bidders):
            assert winner(key, left) is endpoint
            left = [bidder for bidder in left if bidder[0] is not endpoint]
        assert left == []


def test_of_equal_bids_the_first_name_wins_in_any_order(monkeypatch):
    monkeypatch.setattr(rendezvous, "bid", lambda *_: 1.0)
    a, b = endpoints_of(1, 1)
    for order in ([a, b], [b, a]):
        assert winner(b"key", bidders_of(order)) is a
        assert ranking(b"key", bidders_of(order)) == (a, b)


def test_nobody_bids_in_an_empty_pool():
    assert winner(b"key", []) is None
    assert ranking(b"key", []) == ()
