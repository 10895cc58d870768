import pickle
import subprocess
import sys

import pytest

from proxy.config.address import Address


@pytest.mark.parametrize(
    "text, canonical, host, port, path",
    [
        ("127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080, None),
        ("LocalHost:80", "localhost:80", "localhost", 80, None),
        ("app_1.internal:080", "app_1.internal:80", "app_1.internal", 80, None),
        ("_HTTP._tcp.app.internal", "_http._tcp.app.internal", "_http._tcp.app.internal", 0, None),
        ("_http._tcp.app:0", "_http._tcp.app", "_http._tcp.app", 0, None),
        ("_http._tcp.app:80", "_http._tcp.app:80", "_http._tcp.app", 80, None),
        ("[::1]:443", "[::1]:443", "::1", 443, None),
        ("[2001:DB8:0::1]:0", "[2001:db8::1]:0", "2001:db8::1", 0, None),
        ("unix:/run/Web.sock", "unix:/run/Web.sock", "", 0, "/run/Web.sock"),
    ],
)
def test_each_way_to_write_one(text, canonical, host, port, path):
    address = Address.parse(text)
    assert (str(address), address.host, address.port, address.path) == (canonical, host, port, path)
    assert Address.parse(canonical) == address


@pytest.mark.parametrize(
    "text, message",
    [
        ("8080", "did you mean 127.0.0.1:8080?"),
        ("", "is not an address"),
        ("localhost", "without a port"),
        ("_http tcp", "'_http tcp' is not a host's name"),
        ("_http._tcp.app:", "'' is not a port"),
        ("/run/web.sock", "did you mean 'unix:/run/web.sock'?"),
        (":8080", "0.0.0.0:8080 is every IPv4 address"),
        ("*:8080", "0.0.0.0:8080 is every IPv4 address"),
        ("::1:8080", "stands in brackets"),
        ("[::1]", "without a port"),
        ("[::g]:80", "'::g' is not an IPv6 address"),
        ("300.1.1.1:80", "'300.1.1.1' is not an IPv4 address"),
        ("http://a.example:80", "leave out 'http://'"),
        ("a b:80", "'a b' is not a host's name"),
        ("a.example:http", "'http' is not a port"),
        ("a.example:65536", "has the port 65536, which is out of range (1 to 65535)"),
        ("a.example:" + "9" * 5000, "is not a port"),
        ("a.example:٣", "is not a port"),
        ("unix:web.sock", "after 'unix:' comes a socket's path"),
        ("unix:/" + "a" * 107, "longer than the 107 octets"),
    ],
)
def test_what_is_none(text, message):
    with pytest.raises(ValueError) as caught:
        Address.parse(text)
    assert message in str(caught.value)


def test_it_is_a_value():
    address = Address.parse("[::1]:80")
    assert pickle.loads(pickle.dumps(address)) == address
    assert {address: 1}[Address("::1", 80)] == 1
    with pytest.raises(AttributeError):
        address.port = 81


def test_it_costs_no_pydantic():
    code = "import sys, proxy.config.address; sys.exit('pydantic' in sys.modules or 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
