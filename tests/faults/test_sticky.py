"""A client that is stuck to its endpoint, as long as there is one."""

import base64
import binascii
import re

import pytest

from tests.faults.figures import Figures
from tests.faults.stage import configuration
from tests.scenarios.support import connect


class Visitor:
    """Keeps the cookie that it was given last; each request has a connection of its own."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.cookie = None

    def visit(self):
        """The name of the origin that answers."""
        own = [f"Cookie: other=1; {self.cookie}"] if self.cookie else []
        with connect(self.proxy) as client:
            client.get("/load", "X-Mark: mine", *own)
            answer = client.response()
        assert (answer.status, answer.body) == (200, b"mine\n")
        if given := answer.get(b"set-cookie"):
            assert re.fullmatch(rb"lb=[\w-]{20}; Path=/; HttpOnly; SameSite=Lax", given)
            self.cookie = given.partition(b";")[0].decode()
        return answer.get(b"x-origin")


@pytest.fixture
def origins(stage):
    return {name: stage.chaos(name) for name in ("ada", "bruno", "clara")}


def start(stage, origins):
    return stage.proxy(configuration(
        *(origin.address for origin in origins.values()), pool="sticky: {cookie: lb}", more="workers: 2"))


def test_a_client_stays_and_falls_over(stage, origins):
    """Through any worker and a restart; where its endpoint dies another one takes it, and keeps it."""
    proxy = start(stage, origins)
    visitors = [Visitor(proxy) for _ in range(9)]
    homes = [visitor.visit() for visitor in visitors]
    assert set(homes) == {b"ada", b"bruno", b"clara"}
    for visitor, home in zip(visitors, homes, strict=True):
        assert {visitor.visit() for _ in range(10)} == {home}
    assert proxy.stop() == 0
    again = start(stage, origins)
    for visitor, home in zip(visitors, homes, strict=True):
        visitor.proxy = again
        assert visitor.visit() == home
    origins["ada"].process.kill()
    origins["ada"].wait()
    moved = [visitor.visit() for visitor in visitors]
    Figures("sticky cookie, endpoint killed").report(
        f"{len(homes)} clients, {homes.count(b'ada')} of them moved, 0 failed")
    assert all(new == home for new, home in zip(moved, homes, strict=True) if home != b"ada")
    assert set(moved) == {b"bruno", b"clara"}
    stage.chaos("ada", origins["ada"].port)
    for visitor, home in zip(visitors, moved, strict=True):
        assert {visitor.visit() for _ in range(5)} == {home}


def test_the_cookie_tells_nobody_an_address(stage, origins):
    visitor = Visitor(start(stage, origins))
    values = set()
    for _ in range(9):
        visitor.cookie = None
        visitor.visit()
        values.add(visitor.cookie.partition("=")[2])
    assert len(values) == len(origins), "one for each endpoint, and the same at each time"
    ports = [b"%d" % origin.port for origin in origins.values()]
    for octets in (octets for value in values for octets in readings(value)):
        assert not any(part in octets for part in (*ports, b"127.0.0.1", b"\x7f\0\0\1"))


def readings(value):
    """What can be made of it."""
    yield value.encode()
    yield base64.urlsafe_b64decode(value)
    try:
        yield binascii.unhexlify(value)
    except binascii.Error:
        pass


def test_a_cookie_that_nobody_gave_leads_nowhere(stage, origins):
    """Neither to an endpoint of the client's choice nor to an error: it is replaced."""
    visitor = Visitor(start(stage, origins))
    homes = set()
    for _ in range(6):
        visitor.cookie = f"lb={origins['ada'].address}"
        homes.add(visitor.visit())
        assert not visitor.cookie.endswith(origins["ada"].address)
    assert len(homes) == len(origins)
