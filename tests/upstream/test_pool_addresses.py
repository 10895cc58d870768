"""The addresses of a name come and go while exchanges are under way."""

import gc

import pytest

from proxy.balancing import STRATEGIES, make_strategy
from proxy.upstream.endpoint import Endpoint, Order
from proxy.upstream.queue import Queue
from proxy.upstream.sticky import Sticky
from tests.fakes import FakeExchange
from tests.upstream.pool_stage import Setting
from tests.upstream.test_answer import head_of

TWO = ["10.0.0.1:80", "[2001:db8::1]:80"]


@pytest.fixture
def setting():
    return Setting()


def names(setting):
    return [endpoint.name for endpoint in setting.pool.endpoints]


def of(setting, name):
    return next(endpoint for endpoint in setting.pool.endpoints if endpoint.name == name)


def test_a_name_stands_for_its_addresses(setting):
    setting.pool.addresses_told("a:2", TWO)
    assert names(setting) == ["a:1", *TWO, "a:3"]
    assert [(e.host, e.port, e.origin) for e in setting.pool.endpoints[1:3]] == [
        ("10.0.0.1", 80, "a:2"), ("2001:db8::1", 80, "a:2")]
    assert setting.picks() == set(setting.pool.endpoints)


def test_what_stays_keeps_its_counters(setting):
    setting.pool.addresses_told("a:2", TWO)
    stays = of(setting, TWO[0])
    setting.pool.enter(stays)
    setting.pool.addresses_told("a:2", ["10.0.0.9:80", TWO[0]])
    assert names(setting) == ["a:1", "10.0.0.9:80", TWO[0], "a:3"]
    assert of(setting, TWO[0]) is stays
    assert (stays.in_flight, stays.order) == (1, Order.READY)


def test_what_goes_finishes_and_keeps_nothing():
    s = Setting(most=1)
    gone = s.endpoints[1]
    s.pool.enter(gone)
    s.pool.addresses_told("a:2", TWO)
    assert s.pool.full == set()
    assert gone not in s.picks()
    assert not gone.keep(None)
    s.pool.leave(gone)
    assert (gone.in_flight, s.pool.full) == (0, set())


@pytest.mark.parametrize("event", [
    lambda pool, gone: pool.failed(gone, "reset"), lambda pool, gone: pool.connect_failed(gone, "refused"),
    lambda pool, gone: pool.connected(gone)])
def test_what_its_exchanges_report_then_changes_nothing(setting, event):
    gone = setting.endpoints[1]
    setting.pool.addresses_told("a:2", TWO)
    event(setting.pool, gone)
    assert setting.picks() == set(setting.pool.endpoints)
    assert gone not in setting.picks()


def test_a_new_address_stands_as_its_name_does(setting):
    setting.pool.probe_told("a:2", up=False, why="HTTP 500")
    setting.pool.order("a:3", Order.DRAIN)
    setting.pool.addresses_told("a:2", TWO)
    setting.pool.addresses_told("a:3", ["10.0.0.3:80"])
    assert setting.picks() == {setting.endpoints[0]}
    setting.pool.probe_told("a:2", up=True, why="")
    assert setting.picks() == set(setting.pool.endpoints[:3])
    setting.pool.order("a:3", Order.READY)
    assert setting.picks() == set(setting.pool.endpoints)


def test_one_address_of_several_can_be_ordered(setting):
    setting.pool.addresses_told("a:2", TWO)
    assert setting.pool.order(TWO[0], Order.DISABLED)
    assert setting.pool.set_share(TWO[1], 5)
    assert setting.picks() == set(setting.pool.endpoints) - {of(setting, TWO[0])}


def test_what_the_operator_wants_of_one_address_is_not_meant_for_those_that_come(setting):
    setting.pool.addresses_told("a:2", TWO)
    setting.pool.order(TWO[0], Order.DISABLED)
    setting.pool.set_share(TWO[0], 5)
    setting.pool.addresses_told("a:2", [TWO[0], "10.0.0.3:80"])
    new = of(setting, "10.0.0.3:80")
    assert (new.order, new.share, of(setting, TWO[0]).order) == (Order.READY, 1, Order.DISABLED)
    assert new in setting.picks()


def test_what_the_operator_wants_of_a_name_is_meant_for_those_that_come(setting):
    setting.pool.addresses_told("a:2", TWO)
    setting.pool.order("a:2", Order.DRAIN)
    setting.pool.set_share("a:2", 5)
    setting.pool.order(TWO[0], Order.READY)
    setting.pool.set_share(TWO[0], 7)
    for addresses in ([TWO[0], "10.0.0.3:80"], ["10.0.0.4:80"]):
        setting.pool.addresses_told("a:2", addresses)
        new = of(setting, addresses[-1])
        assert (new.order, new.share) == (Order.DRAIN, 5)


def test_an_address_that_is_told_twice_is_one(setting):
    setting.pool.addresses_told("a:2", [TWO[0], TWO[0]])
    setting.pool.addresses_told("a:2", [TWO[0], TWO[0]])
    assert names(setting) == ["a:1", TWO[0], "a:3"]


def test_a_name_that_is_not_ours(setting):
    setting.pool.addresses_told("b:1", TWO)
    assert setting.pool.endpoints == setting.endpoints


def test_who_waits_takes_an_address_that_is_new():
    s = Setting(count=1, most=1, queue=Queue(9, 5.0))
    s.enter()
    waiters = [s.wait_in_line() for _ in range(2)]
    s.pool.addresses_told("a:1", TWO)
    assert {waiter.endpoint for waiter in waiters} == set(s.pool.endpoints)
    assert s.pool.full == set(s.pool.endpoints)


def test_a_cookie_leads_to_an_address_as_long_as_it_is_there():
    s = Setting(count=1, sticky=Sticky("lb", "secret", "web"))
    s.pool.addresses_told("a:1", TWO)
    one, other = s.pool.endpoints
    exchange = FakeExchange(fields=[(b"Cookie", b"lb=" + s.pool.sticky.value(one))])
    assert {s.pool.pick(exchange, ()) for _ in range(9)} == {one}
    s.pool.addresses_told("a:1", TWO[1:])
    assert s.pool.pick(exchange, ()) is other


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_of_addresses_that_are_gone_nothing_is_kept(strategy):
    s = Setting(count=1, most=2, slow_start=9.0, sticky=Sticky("lb", "secret", "web"))
    s.pool.strategy = make_strategy(strategy, "client")
    s.pool._choose = s.pool.strategy.pick
    for number in range(50):
        s.pool.addresses_told("a:1", [f"10.9.9.{number}:80", f"10.9.9.{number + 1}:80"])
        endpoint = s.enter()
        s.pool.failed(endpoint, "reset")
        s.pool.connect_failed(endpoint, "refused")
        s.pool.leave(endpoint)
        s.loop.now += 0.5
        s.pool._tick(s.loop.now)
    gc.collect()
    alive = {one.name for one in gc.get_objects() if isinstance(one, Endpoint)}
    assert {name for name in alive if name.startswith("10.9.9.")} == {"10.9.9.49:80", "10.9.9.50:80"}


# Shares of SRV records.

def weights(setting):
    return {endpoint.name: endpoint.weight for endpoint in setting.pool.endpoints}


def test_an_address_has_its_share_of_the_configured_weight(setting):
    setting.pool.set_share("a:2", 3)
    setting.pool.addresses_told("a:2", TWO, {TWO[0]: [0, 50], TWO[1]: [0, 150]})
    assert weights(setting) == {"a:1": 100, TWO[0]: 150, TWO[1]: 450, "a:3": 100}
    setting.pool.set_share("a:2", 2)
    assert weights(setting) == {"a:1": 100, TWO[0]: 100, TWO[1]: 300, "a:3": 100}


def test_the_first_rank_is_used_while_there_is_any_of_it():
    s = Setting(count=2, priorities=(0, 1))  # a:2 is a backup
    s.pool.addresses_told("a:1", TWO, {TWO[1]: [1, 100]})
    first, later, backup = s.pool.endpoints
    assert s.picks() == {first}
    assert s.picks((first,)) == {later}
    s.pool.connect_failed(first, "refused")
    assert s.picks() == {later}
    s.pool.connect_failed(later, "refused")
    assert s.picks() == {backup}


def test_a_share_alone_may_change_and_change_back(setting):
    setting.pool.addresses_told("a:2", TWO, {TWO[0]: [1, 100]})
    one, other = (of(setting, name) for name in TWO)
    setting.pool.enter(one)
    assert one not in setting.picks()
    setting.pool.addresses_told("a:2", TWO, {TWO[0]: [0, 50], TWO[1]: [0, 150]})
    assert one in setting.picks()
    assert weights(setting)[TWO[0]] == 50
    setting.pool.addresses_told("a:2", TWO)
    assert weights(setting) == {"a:1": 1, TWO[0]: 1, TWO[1]: 1, "a:3": 1}
    assert (of(setting, TWO[0]), of(setting, TWO[1]), one.in_flight) == (one, other, 1)


def test_a_share_warms_up_too():
    s = Setting(count=2, slow_start=10.0)
    s.pool.addresses_told("a:2", TWO, {TWO[0]: [0, 50], TWO[1]: [0, 150]})
    s.pool.connect_failed(of(s, TWO[0]), "refused")
    s.pool.connected(of(s, TWO[0]))
    assert weights(s) == {"a:1": 1000, TWO[0]: 50, TWO[1]: 1500}


def test_a_service_is_known_by_a_name_without_a_port():
    s = Setting(count=1)
    s.endpoints[0].origin = s.endpoints[0].name = "_http._tcp.a"
    s.pool.addresses_told("_http._tcp.a", TWO)
    assert names(s) == TWO
    assert b"www.example.com" in seen(s, b"http://10.0.0.1:80/x")


def seen(setting, location):
    """A Location as a client gets it."""
    head = head_of(b"Location: " + location, disguise=setting.pool.disguise)
    return head.lines if not head.names_endpoint else setting.pool.disguise.rewrite(
        head, b"https", b"www.example.com").lines


def test_every_address_that_is_or_was_configured_is_disguised():
    s = Setting(count=1)
    gone = s.endpoints[0]
    gone.host = "app.internal"
    s.pool.enter(gone)
    s.pool.addresses_told("a:1", TWO)
    for place in (b"10.0.0.1:80", b"[2001:db8::1]:80", b"app.internal:1", b"a:1"):
        assert b"Location: https://www.example.com/x\r\n" in seen(s, b"http://%b/x" % place)


def test_an_address_that_has_gone_is_disguised_while_it_works():
    s = Setting(count=1)
    s.pool.addresses_told("a:1", TWO)
    first = of(s, TWO[0])
    s.pool.enter(first)
    s.pool.addresses_told("a:1", TWO[1:])
    assert b"www.example.com" in seen(s, b"http://10.0.0.1:80/x")
    s.pool.addresses_told("a:1", ["10.0.0.3:80"])
    assert b"www.example.com" in seen(s, b"http://10.0.0.1:80/x")
    s.pool.leave(first)
    s.pool.addresses_told("a:1", ["10.0.0.4:80"])
    assert b"www.example.com" not in seen(s, b"http://10.0.0.1:80/x")


def test_what_was_remembered_of_answers_is_forgotten(setting):
    """Heads that were read before an address was known may name it."""
    raw = b"HTTP/1.1 200 OK\r\nLocation: http://10.0.0.1:80/\r\n\r\n"
    for _ in range(2):
        assert not setting.pool.memo.parse(raw).names_endpoint
    setting.pool.addresses_told("a:2", TWO)
    assert setting.pool.memo.find(raw) is None
    assert setting.pool.memo.parse(raw).names_endpoint
