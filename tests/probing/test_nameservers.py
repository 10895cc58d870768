import subprocess
import sys

import pytest

from proxy.probing.nameservers import nameservers_of


@pytest.mark.parametrize(
    "text, nameservers",
    [
        (None, []),
        ("", []),
        (" , ", []),
        ("127.0.0.1:5353", ["127.0.0.1:5353"]),
        ("10.0.0.2, [::1]:54,::1", ["10.0.0.2:53", "[::1]:54", "[::1]:53"]),
    ],
)
def test_nameservers(text, nameservers):
    assert nameservers_of({} if text is None else {"PROXY_DNS": text}) == nameservers


def problems_of(text):
    with pytest.raises(ValueError) as caught:
        nameservers_of({"PROXY_DNS": text})
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "text", ["dns.internal", "dns.internal:53", "127.0.0.1:70000", "unix:/dns", "1.2.3", "_dns"])
def test_what_is_no_nameserver(text):
    (line,) = problems_of(text)
    assert line == (
        f"environment variable PROXY_DNS: '{text}' is not an IP address, with or without a port "
        "(as in 10.0.0.2, 127.0.0.1:5353 or [::1]:53; several are separated by commas)")


def test_each_that_is_none_is_named():
    wrong = problems_of("10.0.0.2, dns.internal, 127.0.0.1:0")
    assert len(wrong) == 2
    assert "'dns.internal' is not an IP address" in wrong[0]
    assert "'127.0.0.1:0' has the port 0, which is out of range (1 to 65535)" in wrong[1]


def test_it_costs_no_resolver():
    code = "import sys, proxy.probing.nameservers; sys.exit(bool({'aiodns', 'asyncio'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
