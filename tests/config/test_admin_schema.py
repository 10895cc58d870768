import pytest

from proxy.config.address import Address
from proxy.config.admin_schema import AdminConfig, is_of_this_machine
from proxy.config.load import loads, warnings_of

ROUTES = "listen: a:1\nroutes: [{respond: {}}]\n"
TOKEN = "0123456789abcdef"


def admin_of(text):
    return loads(f"{ROUTES}{text}\n", environ={"ADMIN_TOKEN": TOKEN})


@pytest.mark.parametrize("text", ["", "admin:", "admin: null", "admin: false"])
def test_it_is_off(text):
    assert admin_of(text).admin is None


@pytest.mark.parametrize(
    "text, address",
    [
        ("admin: {}", "127.0.0.1:9000"),
        ("admin: 127.0.0.1:9001", "127.0.0.1:9001"),
        ("admin: unix:/run/admin.sock", "unix:/run/admin.sock"),
        ("admin: {address: '[::1]:0'}", "[::1]:0"),
    ],
)
def test_ways_to_say_where(text, address):
    admin = admin_of(text).admin
    assert (str(admin.address), admin.token, admin.hosts) == (address, None, [])


def test_with_a_token_it_may_be_anywhere():
    config = admin_of("admin: {address: 0.0.0.0:9000, token: '${ADMIN_TOKEN}', hosts: proxy.internal}")
    assert config.admin.token == TOKEN
    assert config.admin.hosts == ["proxy.internal"]
    assert TOKEN not in repr(config)
    (warning,) = warnings_of(config)
    assert "the token goes over the network without TLS" in warning


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/a"])
def test_what_nobody_else_reaches(address):
    assert is_of_this_machine(Address.parse(address))


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "proxy.internal:1"])
def test_what_others_reach(address):
    assert not is_of_this_machine(Address.parse(address))


def test_it_is_made_in_python_too():
    assert str(AdminConfig().address) == "127.0.0.1:9000"
