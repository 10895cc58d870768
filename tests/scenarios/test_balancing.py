"""The strategies, as three gunicorns see them."""

from collections import Counter
from http.client import HTTPConnection

import pytest

from tests.scenarios.support import HOST, PATIENCE, ask, connect

NAMES = ("ada", "bruno", "clara")


@pytest.fixture(scope="module")
def three(shared):
    return [shared.gunicorn(threads=4, env={"INSTANCE": name}) for name in NAMES]


@pytest.fixture(scope="module")
def start(shared, three):
    """Starts a proxy before the three, with a strategy and weights."""
    def before_three(strategy, weights=(1, 1, 1), top=""):
        pairs = zip(three, weights, strict=True)
        endpoints = ", ".join(f"{{address: '{one.address}', weight: {weight}}}" for one, weight in pairs)
        return shared.proxy(f"""{top}
pools:
  web: {{strategy: {strategy}, endpoints: [{endpoints}]}}
routes: [reverse_proxy: web]
""")

    return before_three


def whom(proxy, times, *fields):
    """How often each of the three answered, on one kept connection."""
    counts = Counter()
    with connect(proxy) as client:
        for _ in range(times):
            client.get("/who", *fields)
            counts[client.response().body.decode()] += 1
    return counts


def test_round_robin_takes_turns(start):
    assert whom(start("round_robin"), 30) == dict.fromkeys(NAMES, 10)


def test_round_robin_by_weight(start):
    assert whom(start("round_robin", (3, 2, 1)), 60) == {"ada": 30, "bruno": 20, "clara": 10}


def test_least_connections_avoids_the_busy_ones(start):
    proxy = start("least_connections")
    busy = []
    try:
        for _ in range(2):
            client = connect(proxy)
            busy.append(client)
            client.get("/slow-who?seconds=3")
            wait_for_line(proxy, client)
        counts = whom(proxy, 12)
        assert max(counts.values()) == 12  # only one of the three has nothing to do
    finally:
        for client in busy:
            client.close()


def wait_for_line(proxy, client):
    """Until the request has been taken: an answer to a later one says so."""
    assert not client.has_news(0)
    ask(proxy, "/who")


def test_least_connections_by_weight(start):
    """Kept busy, the one of twice the weight has twice the exchanges."""
    proxy = start("least_connections", (2, 1, 1))
    held = [connect(proxy) for _ in range(8)]
    try:
        for client in held:
            client.get("/slow-who?seconds=0.5")
        counts = Counter(client.response().body.decode() for client in held)
        assert counts == {"ada": 4, "bruno": 2, "clara": 2}
    finally:
        for client in held:
            client.close()


def test_ip_hash_keeps_a_client_where_it_was(start):
    proxy = start("ip_hash", top="trusted_proxies: [127.0.0.0/8]")
    places = [whom(proxy, 3, f"X-Forwarded-For: 192.0.2.{number}") for number in range(60)]
    assert all(len(place) == 1 for place in places)
    assert set().union(*places) == set(NAMES)
    assert whom(proxy, 3, "X-Forwarded-For: 192.0.2.7") == places[7]


def test_random_two_reaches_all(start):
    counts = whom(start("random_two"), 150)
    assert set(counts) == set(NAMES)
    assert min(counts.values()) > 20


@pytest.mark.parametrize("strategy", ["round_robin", "least_connections", "ip_hash", "random_two"])
def test_an_endpoint_that_is_gone_costs_no_request(stage, strategy):
    """Neither for the one who finds out, nor for anybody later; it is found again when it is back."""
    here = [stage.gunicorn(env={"INSTANCE": name}) for name in NAMES]
    proxy = stage.before(*here, pool=f"strategy: {strategy}")
    here[1].signal(15)
    here[1].wait()
    counts = whom(proxy, 30)
    assert counts["bruno"] == 0
    assert sum(counts.values()) == 30
    assert set(counts) <= {"ada", "clara"}


def test_two_workers_share_the_clients(shared, three):
    proxy = shared.before(*three, top="workers: 2")
    counts = Counter()
    for _ in range(60):
        client = HTTPConnection(HOST, proxy.port, timeout=PATIENCE)
        client.request("GET", "/who")
        counts[client.getresponse().read().decode()] += 1
        client.close()
    assert len(proxy.workers()) == 2
    assert sum(counts.values()) == 60
    assert min(counts[name] for name in NAMES) >= 18  # each worker takes turns for itself
