from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import mean

import pytest

from proxy.simulation.load import SHAPES, address, generate


def made(rate=1000, length=20.0, clients=100, shape="lognormal", hash_key="client", seed=1):
    return generate(rate, length, clients, 0.02, shape, hash_key, seed)


def test_the_rate_and_the_length_hold():
    load = made()
    assert load.rate == pytest.approx(1000, rel=0.03)
    assert 0 < load.times[0] <= load.times[-1] < 20


def test_arrivals_come_at_random():
    """Poisson: the gaps' standard deviation is their mean."""
    times = made().times
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap >= 0 for gap in gaps)
    average = mean(gaps)
    variance = mean((gap - average) ** 2 for gap in gaps)
    assert variance**0.5 == pytest.approx(average, rel=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_work_is_as_told(shape):
    works = made(shape=shape).works
    assert mean(works) == pytest.approx(0.02, rel=0.05)
    assert min(works) > 0


def test_few_clients_ask_much():
    counts = Counter(request.client for request in made().requests)
    (first, most), (_, second) = counts.most_common(2)
    assert first == "10.0.0.0"
    assert most == pytest.approx(2 * second, rel=0.15)
    assert len(counts) == 100


def test_the_seed_says_everything():
    load, again, other = made(seed=7), made(seed=7), made(seed=8)
    assert (load.times, load.works, load.lucks) == (again.times, again.works, again.lucks)
    assert [request.client for request in load.requests] == [request.client for request in again.requests]
    assert load.times[:3] != other.times[:3]


def test_more_clients_change_no_arrival():
    assert made(clients=10).times == made(clients=1000).times


@pytest.mark.parametrize("hash_key, read", [
    ("client", lambda request: request.client.encode()),
    ("query:user", lambda request: request.target.query.removeprefix(b"user=")),
    ("header:X-User", lambda request: request.headers.get(b"x-user")),
    ("cookie:sid", lambda request: request.headers.get(b"cookie").removeprefix(b"sid=")),
])
def test_each_client_has_a_key_of_its_own(hash_key, read):
    requests = made(length=1.0, hash_key=hash_key).requests
    keys = {request.client: read(request) for request in requests}
    assert len(set(keys.values())) == len(keys) > 50
    assert all(keys[request.client] == read(request) for request in requests)


def test_paths_differ():
    paths = Counter(request.target.path for request in made().requests)
    assert len(paths) > 500
    assert paths.most_common(1)[0][0] == b"/page/0"


def test_addresses_are_private_ones():
    assert [address(number) for number in (0, 255, 256, 1 << 20)] == [
        "10.0.0.0", "10.0.0.255", "10.0.1.0", "10.16.0.0"]
