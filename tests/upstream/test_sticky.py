import re

import pytest

from proxy import machine
from proxy.upstream.endpoint import Endpoint, Order
from proxy.upstream.idle import IdleLimit
from proxy.upstream.sticky import Sticky
from tests.fakes import FakeExchange


def endpoint(name="10.0.0.1:8001"):
    return Endpoint(name, "10.0.0.1", 8001, 1, IdleLimit(9.0), 2)


def asked_with(cookies):
    return FakeExchange(fields=[(b"Cookie", cookies)])


@pytest.fixture
def made():
    """Two endpoints and the cookie of their pool."""
    one, two = endpoint(), endpoint("10.0.0.2:8001")
    made = Sticky("lb", "secret", "web")
    made.rebuild([one, two])
    return made, one, two


def test_a_cookie_leads_back(made):
    stick, one, two = made
    for each in (one, two):
        assert stick.find(asked_with(b"lb=" + stick.value(each))) is each
        assert stick.find(asked_with(b"a=b; lb=%b; c=d" % stick.value(each))) is each


@pytest.mark.parametrize("cookies", [
    b"", b"lb=", b"lb=x", b"lb=10.0.0.1:8001", b"xlb=%b", b"lb=%bx", b"a=lb=%b"])
def test_one_that_leads_nowhere(made, cookies):
    stick, one, _ = made
    assert stick.find(asked_with(cookies.replace(b"%b", stick.value(one)))) is None
    assert stick.find(FakeExchange()) is None


def test_an_endpoint_that_is_gone(made):
    stick, one, two = made
    stick.rebuild([two])
    assert stick.find(asked_with(b"lb=" + stick.value(one))) is None
    assert stick.find(asked_with(b"lb=" + stick.value(two))) is two


@pytest.mark.parametrize("change, keeps", [
    ({}, True), ({"order": Order.DRAIN}, True), ({"leaving_until": 9e9}, True),
    ({"order": Order.DISABLED}, False), ({"probe_failure": "x"}, False), ({"down_until": 9e9}, False),
    ({"ejected_until": 9e9}, False), ({"order": Order.DRAIN, "ejected_until": 9e9}, False)])
def test_who_gets_a_cookie(made, change, keeps):
    """Not who is stuck to an endpoint that serves, though another one had to answer this time."""
    stick, one, two = made
    client = asked_with(b"lb=" + stick.value(one))
    for name, value in change.items():
        setattr(one, name, value)
    assert stick.home(client) is (one if keeps else None)
    assert (stick.sticks(client, one), stick.sticks(client, two)) == (False, not keeps)
    assert stick.sticks(FakeExchange(), one)


def test_nothing_can_be_read_out_of_it(made):
    stick, one, two = made
    values = {stick.value(one), stick.value(two)}
    assert len(values) == 2
    for value in values:
        assert re.fullmatch(rb"[A-Za-z0-9_-]{20}", value)


def test_every_worker_and_restart_knows_it(made):
    stick, one, _ = made
    assert Sticky("lb", "secret", "web").value(endpoint()) == stick.value(one)


@pytest.mark.parametrize("secret, pool", [("other", "web"), ("secret", "api"), ("", "web")])
def test_other_secrets_and_pools_have_other_values(made, secret, pool):
    stick, one, _ = made
    assert Sticky("lb", secret, pool).value(one) != stick.value(one)


def test_without_a_secret_it_is_this_machines(monkeypatch):
    monkeypatch.setattr(machine, "secret", lambda: "one")
    assert Sticky("lb", "", "web").value(endpoint()) == Sticky("lb", "one", "web").value(endpoint())


@pytest.mark.parametrize("options, https, line", [
    ({}, False, b"; Path=/; HttpOnly; SameSite=Lax\r\n"),
    ({}, True, b"; Path=/; HttpOnly; SameSite=Lax; Secure\r\n"),
    ({"secure": True}, False, b"; Path=/; HttpOnly; SameSite=Lax; Secure\r\n"),
    ({"secure": False}, True, b"; Path=/; HttpOnly; SameSite=Lax\r\n"),
    ({"max_age": 3600.0}, False, b"; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax\r\n")])
def test_the_field(options, https, line):
    one, stick = endpoint(), Sticky("lb", "secret", "web", **options)
    assert stick.line(one, https=https) == b"Set-Cookie: lb=%b%b" % (stick.value(one), line)
