"""What every strategy keeps, ours and the example of CONTRIBUTING.md: see `proxy.balancing.strategy`."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.balancing import STRATEGIES, make_strategy
from tests.balancing.fakes import FakeEndpoint, FakeExchange, FakeTarget

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
OWN = "near_first:NearFirst"

RANDOMS = st.integers(0, 2**32).map(random.Random)  # st.randoms() draws each number, at ten times the cost
ANY = FakeExchange()
EXCHANGES = (
    ANY,
    FakeExchange("2001:db8::1"),
    FakeExchange("unix:", {b"cookie": b"lb=7"}, FakeTarget(b"/\xff", b"a=1")),
)


@pytest.fixture(scope="module", autouse=True)
def _own(tmp_path_factory):
    """The example of CONTRIBUTING.md where Python finds it."""
    (example,) = re.findall(r"^```py\n(.*?)^```$", CONTRIBUTING.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    folder = tmp_path_factory.mktemp("own")
    (folder / "near_first.py").write_text(example)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


every_strategy = pytest.mark.parametrize("name", [*STRATEGIES, OWN])


def pool_of(count):
    return [FakeEndpoint(f"10.0.{place % 2}.{place}:80") for place in range(count)]


def disturb(endpoint, rng):
    endpoint.in_flight = rng.choice((0, 1, rng.randrange(500)))
    endpoint.latency = rng.choice((0.0, rng.random(), 1e3 * rng.random()))


def busy_pool(rng):
    """A small one, or one in which `lap` does not look at all of them."""
    pool = pool_of(rng.choice((1, 2, 3, 5, 16, 17, 24)))
    for endpoint in pool:
        endpoint.weight = rng.choice((1, 1, 2, 5, 1000))
        disturb(endpoint, rng)
    return pool


def some_of(pool, rng):
    return rng.sample(pool, rng.randint(0, len(pool)))


@every_strategy
@given(RANDOMS)
def test_always_an_endpoint_of_the_pool_that_was_not_tried(name, rng):
    strategy = make_strategy(name)
    pool = busy_pool(rng)
    for _ in range(3):
        present = some_of(pool, rng)
        strategy.rebuild(present)
        for _ in range(5):
            tried = rng.choice((list, tuple, set, frozenset))(some_of(pool, rng))
            left = [endpoint for endpoint in present if endpoint not in tried]
            picked = strategy.pick(rng.choice(EXCHANGES), tried)
            assert picked in left if left else picked is None
            disturb(rng.choice(pool), rng)
        rng.choice(pool).weight = rng.randint(1, 1000)


@every_strategy
@given(RANDOMS)
def test_attempts_reach_everybody_once(name, rng):
    strategy = make_strategy(name)
    pool = busy_pool(rng)
    strategy.rebuild(pool)
    tried = []
    while (endpoint := strategy.pick(rng.choice(EXCHANGES), tried)) is not None:
        tried.append(endpoint)
    assert len(tried) == len(pool)
    assert set(tried) == set(pool)


@every_strategy
@given(RANDOMS)
def test_nothing_is_changed(name, rng):
    strategy = make_strategy(name)
    pool = busy_pool(rng)
    before = [dict(vars(endpoint)) for endpoint in pool]
    listed, tried = list(pool), pool[:1]
    strategy.rebuild(listed)
    for exchange in EXCHANGES:
        strategy.pick(exchange, tried)
    assert (listed, tried) == (pool, pool[:1])
    assert [vars(endpoint) for endpoint in pool] == before


@every_strategy
def test_nobody_before_a_rebuild_and_after_an_empty_one(name):
    strategy = make_strategy(name)
    assert strategy.pick(ANY, ()) is None
    pool = pool_of(2)
    strategy.rebuild(pool)
    assert strategy.pick(ANY, ()) in pool
    strategy.rebuild([])
    assert strategy.pick(ANY, ()) is None
    assert strategy.pick(ANY, pool) is None


@every_strategy
@pytest.mark.parametrize("count", [1, 3, 40])
def test_after_a_rebuild_the_old_objects_are_gone(name, count):
    """A name that resolves again makes new endpoints of the same names: none may go to the old ones."""
    strategy = make_strategy(name)
    for _ in range(3):
        pool = pool_of(count)
        strategy.rebuild(pool)
        assert {strategy.pick(ANY, ()) for _ in range(200)} <= set(pool)


@every_strategy
def test_the_list_may_be_changed_after_a_rebuild(name):
    strategy = make_strategy(name)
    pool = pool_of(3)
    listed = list(pool)
    strategy.rebuild(listed)
    listed.clear()
    for tried in ((), pool[:1], pool[:2]):
        assert strategy.pick(ANY, tried) in pool


@every_strategy
def test_two_pools_do_not_meet(name):
    pools = [pool_of(3), pool_of(3)]
    strategies = [make_strategy(name), make_strategy(name)]
    for strategy, pool in zip(strategies, pools, strict=True):
        strategy.rebuild(pool)
    for _ in range(100):
        for strategy, pool in zip(strategies, pools, strict=True):
            assert strategy.pick(ANY, ()) in pool


def test_the_example_takes_those_near_first():
    strategy = make_strategy(OWN)
    far, near, further = pool_of(3)
    strategy.rebuild([far, near, further])
    assert [strategy.pick(ANY, tried) for tried in ((), [near], [near, far])] == [near, far, further]
